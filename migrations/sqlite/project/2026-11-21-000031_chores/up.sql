-- What is still to be done about the shape of tables, behind the API's back, the oldest first: indexes to be made, and
-- what is left of columns and tables that aren't defined any more. So a table_number may be that of a table that is gone.
CREATE TABLE chores (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind TEXT NOT NULL,
    table_number BIGINT NOT NULL,
    item_number BIGINT NOT NULL
);

-- Whether the values of a column are kept encrypted.
ALTER TABLE columns ADD COLUMN encrypted BOOLEAN NOT NULL DEFAULT FALSE;

-- A column may be a relationship: then this is the table that it leads to, so that what refers to a table is found from
-- either side. Its links are in a table of their own, links_<columns.number>.
ALTER TABLE columns ADD COLUMN related_table BIGINT;
CREATE INDEX columns_related_table ON columns (related_table);

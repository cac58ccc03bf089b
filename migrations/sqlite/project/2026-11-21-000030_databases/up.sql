-- What users have defined: databases with tables, tables with columns and indexes. The rows themselves are in tables of
-- their own, rows_<tables.number> with columns c<columns.number>. AUTOINCREMENT: a number never comes back, so that
-- nothing that was removed is ever taken for something new.
CREATE TABLE databases (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    search TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE tables (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    database_number BIGINT NOT NULL REFERENCES databases (number) ON DELETE CASCADE,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    row_security BOOLEAN NOT NULL,
    permissions TEXT NOT NULL,
    version BIGINT NOT NULL,
    search TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (database_number, id)
);

CREATE TABLE columns (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    table_number BIGINT NOT NULL REFERENCES tables (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    type TEXT NOT NULL,
    format TEXT NOT NULL,
    size BIGINT NOT NULL,
    required BOOLEAN NOT NULL,
    "array" BOOLEAN NOT NULL,
    default_value TEXT,
    rules TEXT NOT NULL,
    status TEXT NOT NULL,
    error TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (table_number, key)
);

CREATE TABLE indexes (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    table_number BIGINT NOT NULL REFERENCES tables (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    type TEXT NOT NULL,
    keys TEXT NOT NULL,
    lengths TEXT NOT NULL,
    orders TEXT NOT NULL,
    status TEXT NOT NULL,
    error TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (table_number, key)
);

DROP INDEX columns_related_table;
ALTER TABLE columns DROP COLUMN related_table;

ALTER TABLE columns DROP COLUMN encrypted;
DROP TABLE chores;

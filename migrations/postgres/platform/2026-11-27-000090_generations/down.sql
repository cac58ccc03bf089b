ALTER TABLE projects DROP COLUMN making;
DROP INDEX projects_generation;
ALTER TABLE projects DROP COLUMN generation;

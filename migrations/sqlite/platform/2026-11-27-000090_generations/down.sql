DROP INDEX projects_generation;
ALTER TABLE projects DROP COLUMN generation;

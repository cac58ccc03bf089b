ALTER TABLE schema_jobs RENAME TO chores;

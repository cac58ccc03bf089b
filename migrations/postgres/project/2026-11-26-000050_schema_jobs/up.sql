-- The field's word for what is done to the shape of tables in the background.
ALTER TABLE chores RENAME TO schema_jobs;

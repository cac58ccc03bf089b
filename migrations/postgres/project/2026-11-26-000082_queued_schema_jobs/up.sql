-- What is to be done about the shape of tables is done by a job of the queue. What was noted before has none yet.
INSERT INTO jobs (queue, kind, payload, due_at, created_at)
SELECT 'schema', 'databases.shape_tables', '{}', 0, 0 FROM schema_jobs LIMIT 1;

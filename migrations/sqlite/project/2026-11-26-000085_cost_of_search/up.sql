-- PostgreSQL's. SQLite has FTS5 for it.
SELECT 1;

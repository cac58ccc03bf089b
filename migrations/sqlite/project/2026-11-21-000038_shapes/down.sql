-- Nothing: FTS5 knows words by itself. (PostgreSQL gets functions for it.)
SELECT 1;

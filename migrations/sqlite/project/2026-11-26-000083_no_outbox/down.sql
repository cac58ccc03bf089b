CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    event TEXT NOT NULL,
    payload TEXT NOT NULL,
    user_id TEXT,
    created_at BIGINT NOT NULL
);

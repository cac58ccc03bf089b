-- Where a project's events are sent to. The secret signs what is sent, so it can't be a hash; it is never shown again.
CREATE TABLE webhooks (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    tls BOOLEAN NOT NULL,
    auth_username TEXT NOT NULL,
    auth_password TEXT NOT NULL,
    secret TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    logs TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

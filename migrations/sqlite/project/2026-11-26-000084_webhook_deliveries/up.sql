-- What was, or is to be, sent to a webhook, and what came of it.
CREATE TABLE webhook_deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    webhook_id TEXT NOT NULL,
    -- The event: its name with brackets, and what stands in them (a JSON array).
    pattern TEXT NOT NULL,
    ids TEXT NOT NULL,
    -- What is sent: JSON.
    payload TEXT NOT NULL,
    -- Who did it; empty when it was no user.
    user_id TEXT NOT NULL,
    status TEXT NOT NULL,
    -- A JSON array of when, how long, and what came back.
    attempts TEXT NOT NULL DEFAULT '[]',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries (webhook_id, number);

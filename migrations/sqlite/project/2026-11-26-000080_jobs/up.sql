-- What is still to be done in the background. A job that somebody works on is due again when their lease ends: so one that
-- dies with its worker comes back by itself, and the least due_at says when there is something to do.
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- Unique among the jobs of its queue that are still to be done.
    key TEXT,
    due_at BIGINT NOT NULL,
    -- Which process works on it; none while it waits.
    worker TEXT,
    -- How often somebody took it: whoever took it last may say what became of it, and nobody else.
    takes BIGINT NOT NULL DEFAULT 0,
    -- How often it failed, and how often it was never heard of again.
    failures BIGINT NOT NULL DEFAULT 0,
    losses BIGINT NOT NULL DEFAULT 0,
    -- A JSON array of why and when.
    history TEXT NOT NULL DEFAULT '[]',
    created_at BIGINT NOT NULL
);
CREATE INDEX jobs_queue ON jobs (queue, due_at);
CREATE UNIQUE INDEX jobs_key ON jobs (queue, key) WHERE key IS NOT NULL;

-- What failed for good, until somebody has it done again or discards it. The number stays the same.
CREATE TABLE failed_jobs (
    number INTEGER PRIMARY KEY NOT NULL,
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    key TEXT,
    takes BIGINT NOT NULL,
    history TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    failed_at BIGINT NOT NULL
);
CREATE INDEX failed_jobs_queue ON failed_jobs (queue, number);
CREATE INDEX failed_jobs_failed_at ON failed_jobs (failed_at);

-- Queues of which nobody takes jobs; those of the platform's own store hold for every project.
CREATE TABLE paused_queues (
    queue TEXT PRIMARY KEY NOT NULL,
    paused_at BIGINT NOT NULL
) WITHOUT ROWID;

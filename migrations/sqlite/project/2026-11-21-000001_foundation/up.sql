-- Conventions of all migrations: moments are BIGINT milliseconds since 1970, JSON is TEXT, booleans are BOOLEAN;
-- no foreign key is DEFERRED (units of work share a physical transaction: one's fault at COMMIT would be everyone's).

-- What happened, written together with what changed, for those who listen.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    event TEXT NOT NULL,
    payload TEXT NOT NULL,
    user_id TEXT,
    created_at BIGINT NOT NULL
);

-- Each distinct set of permissions once; rows and files hold its number. Found by digest (SHA-256): a set may be longer
-- than an index entry of PostgreSQL.
CREATE TABLE permission_sets (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    permissions TEXT NOT NULL
);

-- The same sets by role: what a set of roles may do is an index probe.
CREATE TABLE permission_grants (
    set_id BIGINT NOT NULL REFERENCES permission_sets (id) ON DELETE CASCADE,
    action TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (action, role, set_id)
) WITHOUT ROWID;

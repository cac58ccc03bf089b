-- The people of a project. An address that isn't there is NULL, so that the unique indexes don't take it for one.
-- `search` holds what lists are searched in, in lower case.
CREATE TABLE users (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    name TEXT NOT NULL,
    email TEXT UNIQUE,
    email_verified BOOLEAN NOT NULL,
    phone TEXT UNIQUE,
    phone_verified BOOLEAN NOT NULL,
    active BOOLEAN NOT NULL,
    password TEXT,
    password_updated_at BIGINT,
    generation BIGINT NOT NULL,
    mfa BOOLEAN NOT NULL,
    impersonator BOOLEAN NOT NULL,
    labels TEXT NOT NULL,
    prefs TEXT NOT NULL,
    accessed_at BIGINT,
    search TEXT NOT NULL
);

-- Where they are signed in. Of a session's secret only the hash is known.
CREATE TABLE sessions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    secret_hash TEXT NOT NULL,
    provider TEXT NOT NULL,
    provider_uid TEXT NOT NULL,
    factors TEXT NOT NULL,
    ip TEXT NOT NULL,
    device TEXT NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id, sequence);

-- One row: who must count the users before they add one takes its turn here, so that two don't both take the last place.
CREATE TABLE admission (
    id INTEGER PRIMARY KEY NOT NULL,
    turn BIGINT NOT NULL
);
INSERT INTO admission (id, turn) VALUES (1, 0);

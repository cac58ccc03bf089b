-- The projects of the platform, their API keys and the apps that may call them.
CREATE TABLE projects (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- The organisation that owns it, a team of the console; empty for projects that only the command line manages.
    team_id TEXT NOT NULL,
    region TEXT NOT NULL,
    labels TEXT NOT NULL,
    settings TEXT NOT NULL,
    -- What people write about it: description, logo, address.
    details TEXT NOT NULL,
    -- While its data is being removed: nobody finds it any more, and nobody else gets its id yet.
    deleting BOOLEAN NOT NULL,
    accessed_at BIGINT,
    search TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX projects_team_id ON projects (team_id);

-- Of a key's secret only the hash is kept. Ids are unique within their project.
CREATE TABLE api_keys (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    secret_hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    expires_at BIGINT,
    accessed_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (project_id, id)
);

CREATE TABLE platforms (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    -- Where a web app lives, in lower case, maybe below "*."; empty for other apps.
    hostname TEXT NOT NULL,
    -- What its operating system calls an app; empty for web apps.
    identifier TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (project_id, id)
);
CREATE INDEX platforms_hostname ON platforms (hostname);

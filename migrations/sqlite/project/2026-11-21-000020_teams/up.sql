-- Teams and who belongs to them. In the console, teams are the organisations.
CREATE TABLE teams (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    prefs TEXT NOT NULL,
    search TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE memberships (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    roles TEXT NOT NULL,
    confirmed BOOLEAN NOT NULL,
    -- The hash of the secret in the invitation's mail; empty where there is no invitation.
    secret_hash TEXT NOT NULL,
    invited_at BIGINT NOT NULL,
    joined_at BIGINT,
    search TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (team_id, user_id)
);
CREATE INDEX memberships_user_id ON memberships (user_id);

-- Teams as lists show them. How many members a team has is counted, never stored: it can't be wrong.
CREATE VIEW counted_teams AS
SELECT
    teams.number,
    teams.id,
    teams.name,
    teams.prefs,
    teams.search,
    teams.created_at,
    teams.updated_at,
    (SELECT count(*) FROM memberships WHERE memberships.team_id = teams.id AND memberships.confirmed) AS total
FROM teams;

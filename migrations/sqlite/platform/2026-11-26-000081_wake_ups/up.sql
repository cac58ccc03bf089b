-- Which projects have something to do in the background, for whom (kind), and from when on at the earliest: what a start
-- reads instead of opening them all. A row is there before what it tells of, and may be there for nothing.
CREATE TABLE wake_ups (
    project_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    kind TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (kind, project_id, generation, due_at)
) WITHOUT ROWID;

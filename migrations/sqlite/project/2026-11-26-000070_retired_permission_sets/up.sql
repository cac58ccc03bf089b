-- Since when nobody finds a set by its content any more, because nothing had it. It is removed a while later.
ALTER TABLE permission_sets ADD COLUMN retired BIGINT;
CREATE INDEX permission_sets_retired ON permission_sets (id) WHERE retired IS NOT NULL;

-- Without the foreign key: to remove a set, all grants would be looked through for its own. Those are removed by what they
-- say.
CREATE TABLE new_grants (
    set_id BIGINT NOT NULL,
    action TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (action, role, set_id)
) WITHOUT ROWID;
INSERT INTO new_grants SELECT set_id, action, role FROM permission_grants;
DROP TABLE permission_grants;
ALTER TABLE new_grants RENAME TO permission_grants;

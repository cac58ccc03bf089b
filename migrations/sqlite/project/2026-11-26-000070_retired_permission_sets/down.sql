CREATE TABLE new_grants (
    set_id BIGINT NOT NULL REFERENCES permission_sets (id) ON DELETE CASCADE,
    action TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (action, role, set_id)
) WITHOUT ROWID;
INSERT INTO new_grants SELECT set_id, action, role FROM permission_grants;
DROP TABLE permission_grants;
ALTER TABLE new_grants RENAME TO permission_grants;
DROP INDEX permission_sets_retired;
ALTER TABLE permission_sets DROP COLUMN retired;

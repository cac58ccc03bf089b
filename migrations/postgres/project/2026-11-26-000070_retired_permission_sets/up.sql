-- Since when nobody finds a set by its content any more, because nothing had it. It is removed a while later.
ALTER TABLE permission_sets ADD COLUMN retired BIGINT;
CREATE INDEX permission_sets_retired ON permission_sets (id) WHERE retired IS NOT NULL;

-- To remove a set, all grants would be looked through for its own. Those are removed by what they say.
ALTER TABLE permission_grants DROP CONSTRAINT permission_grants_set_id_fkey;

ALTER TABLE permission_grants
    ADD CONSTRAINT permission_grants_set_id_fkey FOREIGN KEY (set_id) REFERENCES permission_sets (id) ON DELETE CASCADE;
DROP INDEX permission_sets_retired;
ALTER TABLE permission_sets DROP COLUMN retired;

DROP TABLE permission_grants;
DROP TABLE permission_sets;
DROP TABLE outbox;

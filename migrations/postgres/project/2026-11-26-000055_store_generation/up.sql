-- Which making of the project this data belongs to: projects.number of the platform's store. Written before anything else when
-- the store is made, so that a file or schema that another project of the same id has left is never taken for this one's.
-- Empty in a store that is older than this table: whoever opens it fills it in.
CREATE TABLE IF NOT EXISTS store_generation (generation BIGINT NOT NULL);

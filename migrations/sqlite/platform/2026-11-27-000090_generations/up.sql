-- Which making of a project it is: the same as in the project's own data, and nowhere else. Those that there are keep what their
-- data says: the number of their row.
ALTER TABLE projects ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
UPDATE projects SET generation = number;
CREATE UNIQUE INDEX projects_generation ON projects (generation);

-- Whether it is still being made. Like one that is being removed it is there for nobody.
ALTER TABLE projects ADD COLUMN making BOOLEAN NOT NULL DEFAULT FALSE;

DELETE FROM jobs WHERE queue = 'schema' AND kind = 'databases.shape_tables';

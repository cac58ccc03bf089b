-- Nothing: a spatial index is an R*Tree with triggers of its own.
SELECT 1;

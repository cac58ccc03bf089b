-- The smallest frame around a shape, for spatial indexes (SQLite has its R*Tree, and triggers). A shape is kept as the
-- text of its JSON, without white space; its places are the innermost brackets: [x,y].
CREATE FUNCTION frame_of(shape TEXT) RETURNS BOX LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT box(
        point(min(place[1]::DOUBLE PRECISION), min(place[2]::DOUBLE PRECISION)),
        point(max(place[1]::DOUBLE PRECISION), max(place[2]::DOUBLE PRECISION))
    )
    FROM regexp_matches(shape, '\[([^][,]+),([^][,]+)\]', 'g') AS place
);

DROP VIEW counted_teams;
DROP TABLE memberships;
DROP TABLE teams;

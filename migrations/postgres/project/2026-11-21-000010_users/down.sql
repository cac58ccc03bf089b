DROP TABLE admission;
DROP TABLE sessions;
DROP TABLE users;

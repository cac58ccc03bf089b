DROP TABLE platforms;
DROP TABLE api_keys;
DROP TABLE projects;

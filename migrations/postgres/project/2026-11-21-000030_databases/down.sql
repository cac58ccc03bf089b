DROP TABLE indexes;
DROP TABLE columns;
DROP TABLE tables;
DROP TABLE databases;

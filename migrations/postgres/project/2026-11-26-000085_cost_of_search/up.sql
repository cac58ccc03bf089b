-- Taking a text apart is dear, some 25 microseconds, and the index has its words already. More than it really costs, because of tables
-- that have grown since PostgreSQL last counted their rows: it would rather take "few" texts apart than read the index.
ALTER FUNCTION search_words(TEXT) COST 10000;

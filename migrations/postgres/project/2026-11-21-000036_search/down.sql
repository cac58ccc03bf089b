DROP FUNCTION search_words;
DROP FUNCTION search_text;
DROP FUNCTION search_folded;

DROP INDEX transactions_pending;

-- What is staged says by whom, and for which states of rows. What was staged before doesn't, so it is given up; nothing of it
-- was done. Appwrite calls a transaction that was rolled back `failed`.
UPDATE transactions SET status = 'failed', bytes = 0 WHERE status IN ('pending', 'rolledBack');
DELETE FROM transaction_operations;

-- How much is pending, by owner, is counted whenever something is staged.
CREATE INDEX transactions_pending ON transactions (owner, expires_at, bytes) WHERE status = 'pending';

DROP TABLE transaction_operations;
DROP TABLE transactions;

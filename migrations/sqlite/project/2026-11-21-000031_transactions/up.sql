-- Changes of rows that are staged to be made together: transactions, and what is staged in each, in its order. What is
-- staged is removed when its transaction ends; the transaction itself a while after it has expired.
CREATE TABLE transactions (
    number INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    owner TEXT,
    status TEXT NOT NULL,
    operations BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE INDEX transactions_owner ON transactions (owner, number);
CREATE INDEX transactions_expires_at ON transactions (expires_at);

CREATE TABLE transaction_operations (
    transaction_number BIGINT NOT NULL REFERENCES transactions (number) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    database_id TEXT NOT NULL,
    table_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (transaction_number, position)
);

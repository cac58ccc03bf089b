-- Whether the secret and the password are kept encrypted. Those of before are, once they change.
ALTER TABLE webhooks ADD COLUMN sealed BOOLEAN NOT NULL DEFAULT FALSE;

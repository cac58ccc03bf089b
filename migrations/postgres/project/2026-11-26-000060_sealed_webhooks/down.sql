ALTER TABLE webhooks DROP COLUMN sealed;

-- The message counter of the latest authenticated telegram that was accepted, and when a key was seen to be right.
ALTER TABLE meter_state ADD COLUMN counter INTEGER;
ALTER TABLE meter_state ADD COLUMN counter_at INTEGER;
ALTER TABLE meter_key ADD COLUMN proven_at INTEGER;
ALTER TABLE meter_key ADD COLUMN proven_by INTEGER;

-- A telegram that nobody timed is filed under an instant that says little: read again, it is dated by the meter's clock.
ALTER TABLE telegram ADD COLUMN assumed INTEGER NOT NULL DEFAULT 0 CHECK (assumed IN (0, 1));

-- How often a silent receiver was asked and set up again.
ALTER TABLE receiver ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;

-- Requests that may come twice, since their answer may be lost: the key that the client chose (with its name, hashed), what was
-- asked (hashed), and what came of it. Kept for some days.
CREATE TABLE once (
    key       BLOB NOT NULL PRIMARY KEY,
    request   BLOB NOT NULL,
    occupancy INTEGER NOT NULL REFERENCES occupancy (id) ON DELETE CASCADE,
    at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX once_at ON once (at);
CREATE INDEX once_occupancy ON once (occupancy);

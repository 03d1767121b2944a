-- Receivers as the daemon last saw them; unlike in radio, those that never heard anything stand here too.
CREATE TABLE receiver (
    name      TEXT NOT NULL PRIMARY KEY,
    condition TEXT NOT NULL,
    since     INTEGER NOT NULL,
    seen      INTEGER NOT NULL,                               -- the daemon's latest look
    identity  TEXT NOT NULL,
    reason    TEXT,
    opened    INTEGER NOT NULL,
    losses    INTEGER NOT NULL,
    resets    INTEGER NOT NULL,
    reopened  INTEGER NOT NULL,
    telegrams INTEGER NOT NULL,
    noise     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- When a receiver could not hear anything; until is NULL while it still can't.
CREATE TABLE outage (
    receiver TEXT NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER,
    reason   TEXT NOT NULL,
    PRIMARY KEY (receiver, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX outage_since ON outage (since);

-- What a caretaker should know. Of each kind a meter has at most one that is open.
CREATE TABLE alert (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    meter   INTEGER NOT NULL REFERENCES meter (id),
    kind    TEXT NOT NULL,
    amount  INTEGER,                                          -- in the unit of its kind: ml/h, seconds …
    raised  INTEGER NOT NULL,
    seen    INTEGER NOT NULL,                                 -- the latest look at which it was still so
    cleared INTEGER,
    CHECK (raised <= seen)
) STRICT;
CREATE UNIQUE INDEX alert_open ON alert (meter, kind) WHERE cleared IS NULL;
CREATE INDEX alert_cleared ON alert (cleared) WHERE cleared IS NOT NULL;

-- Who changed what in the registry, and when. fields is JSON: [[name, before, after], …]; no key is ever in it.
CREATE TABLE registry_history (
    id      INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    noun    TEXT NOT NULL,
    row     INTEGER NOT NULL,
    name    TEXT NOT NULL,
    added   INTEGER NOT NULL CHECK (added IN (0, 1)),
    fields  TEXT NOT NULL
) STRICT;

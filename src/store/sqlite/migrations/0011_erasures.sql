-- What was erased on request: receipts (JSON, without content), and the instants of meters that are never taken again.
CREATE TABLE erasure (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    dwelling INTEGER,                                         -- NULL where a restored copy does not know it
    move_in  TEXT,                                            -- the latest first day of a household that is gone
    receipt  TEXT NOT NULL
) STRICT;

CREATE TABLE erased (
    erasure INTEGER NOT NULL REFERENCES erasure (id),
    address TEXT NOT NULL,
    since   INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    PRIMARY KEY (erasure, address, since)
) STRICT, WITHOUT ROWID;

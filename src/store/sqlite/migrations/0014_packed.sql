-- What is old, packed: all readings of a meter in one series in 16 days, as far as sums need them, in one row. Derived from
-- reading, and may be thrown away at any time; whoever changes one of those readings throws the row away. The rows of a time lie
-- together, so those of a dwelling's meters share a page.
CREATE TABLE packed (
    stretch INTEGER NOT NULL,                                 -- days since 1970 / 16
    meter   INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    points  BLOB NOT NULL,
    PRIMARY KEY (stretch, meter, channel)
) STRICT, WITHOUT ROWID;

-- Up to which stretch a meter's readings are packed.
ALTER TABLE thinned ADD COLUMN packed INTEGER;

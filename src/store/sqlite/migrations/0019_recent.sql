-- Live readings of the last hours without a flag or a stamp, a quarter of a day after the other (sqlite/recent.rs): those of a
-- hundred meters share a page there, while in reading each meter has its own. They are taken there together when they are a day old.
CREATE TABLE quarter (
    number INTEGER PRIMARY KEY                                -- of UTC: seconds since 1970 / 21600
) STRICT;

CREATE TABLE recent (
    quarter    INTEGER NOT NULL REFERENCES quarter (number),
    meter      INTEGER NOT NULL REFERENCES meter (id),
    channel    INTEGER NOT NULL REFERENCES channel (id),
    at         INTEGER NOT NULL,
    value      INTEGER NOT NULL,
    resolution INTEGER NOT NULL,
    change     INTEGER NOT NULL,
    PRIMARY KEY (quarter, meter, channel, at)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX recent_change ON recent (change);

-- The quarters are named, so that a meter is looked for in each of them.
DROP VIEW every_reading;
CREATE VIEW every_reading AS
    SELECT meter, channel, at, source, value, resolution, flags, stamp, change FROM reading
    UNION ALL
    SELECT meter, channel, at, 0, value, resolution, 0, NULL, change FROM hour
    UNION ALL
    SELECT meter, channel, at, 0, value, resolution, 0, NULL, change FROM recent
    WHERE quarter IN (SELECT number FROM quarter);
-- In the order of changes they are found by their index.
CREATE VIEW every_change AS
    SELECT meter, channel, at, source, value, resolution, flags, stamp, change FROM reading
    UNION ALL
    SELECT meter, channel, at, 0, value, resolution, 0, NULL, change FROM hour
    UNION ALL
    SELECT meter, channel, at, 0, value, resolution, 0, NULL, change FROM recent;

-- Where every value is kept (store.every_value_days): what lies between the first and the last of an hour, of what was settled
-- together, by differences (sqlite/dense.rs). Their places in the feed of changes follow each other.
CREATE TABLE dense (
    quarter    INTEGER NOT NULL,                              -- of the first
    meter      INTEGER NOT NULL REFERENCES meter (id),
    channel    INTEGER NOT NULL REFERENCES channel (id),
    first      INTEGER NOT NULL,
    last       INTEGER NOT NULL,
    readings   INTEGER NOT NULL,
    resolution INTEGER NOT NULL,
    change     INTEGER NOT NULL,                              -- of the first
    octets     BLOB NOT NULL,
    PRIMARY KEY (quarter, meter, channel, first)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX dense_change ON dense (change, readings);

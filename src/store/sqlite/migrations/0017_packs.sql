-- Telegrams that were read and settled together, out of their seals and by differences, sealed as a whole with the meter's key
-- (sqlite/archive): a row for what a meter sent in an hour, or in a part of it. Those of an hour lie together, as they are written.
CREATE TABLE telegram_pack (
    hour      INTEGER NOT NULL,                               -- of reception: seconds since 1970 / 3600
    meter     INTEGER NOT NULL REFERENCES meter (id),
    number    INTEGER NOT NULL,
    telegrams INTEGER NOT NULL,
    octets    BLOB NOT NULL,
    PRIMARY KEY (hour, meter, number)
) STRICT, WITHOUT ROWID;

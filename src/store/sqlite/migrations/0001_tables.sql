-- Numbers that only grow: change (the feed's cursor), registry (its version), raw_floor (telegrams before it are gone).
CREATE TABLE counter (
    name  TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counter (name, value) VALUES ('change', 0), ('registry', 0);

-- Registry. Instants are Unix seconds; a missing start or end is NULL. *_search columns hold what is compared.

CREATE TABLE site (
    id        INTEGER PRIMARY KEY,
    code      TEXT NOT NULL UNIQUE CHECK (code GLOB '[A-Z][A-Z][0-9][0-9][0-9]'),
    name      TEXT NOT NULL,
    address   TEXT NOT NULL,
    search    TEXT NOT NULL,
    time_zone TEXT NOT NULL
) STRICT;

CREATE TABLE dwelling (
    id            INTEGER PRIMARY KEY,
    site          INTEGER NOT NULL REFERENCES site (id),
    lot           TEXT NOT NULL,
    lot_search    TEXT NOT NULL,
    client_ref    TEXT,
    client_search TEXT,
    surface       INTEGER CHECK (surface > 0),               -- hundredths of a square metre
    UNIQUE (site, lot)
) STRICT;
CREATE INDEX dwelling_lot ON dwelling (site, lot_search);
CREATE INDEX dwelling_client ON dwelling (site, client_search);

CREATE TABLE point (
    id       INTEGER PRIMARY KEY,
    dwelling INTEGER NOT NULL REFERENCES dwelling (id),
    kind     TEXT NOT NULL,
    room     TEXT NOT NULL,
    number   INTEGER NOT NULL CHECK (number BETWEEN 1 AND 65535),
    UNIQUE (dwelling, kind, room, number)
) STRICT;

CREATE TABLE meter (
    id             INTEGER PRIMARY KEY,
    manufacturer   INTEGER NOT NULL CHECK (manufacturer BETWEEN 0 AND 0x7FFF),
    identification INTEGER NOT NULL CHECK (identification BETWEEN 0 AND 0xFFFFFFFF),
    version        INTEGER CHECK (version BETWEEN 0 AND 255),
    device_type    INTEGER CHECK (device_type BETWEEN 0 AND 255),
    printed_serial TEXT,
    serial_search  TEXT,
    serial_digits  TEXT
) STRICT;
CREATE UNIQUE INDEX meter_address
    ON meter (manufacturer, identification, ifnull(version, -1), ifnull(device_type, -1));
CREATE INDEX meter_identification ON meter (identification);
CREATE INDEX meter_serial ON meter (serial_search) WHERE serial_search IS NOT NULL;
CREATE INDEX meter_digits ON meter (serial_digits) WHERE serial_digits IS NOT NULL;

CREATE TABLE meter_key (
    meter   INTEGER NOT NULL REFERENCES meter (id),
    ordinal INTEGER NOT NULL,
    octets  BLOB NOT NULL,
    PRIMARY KEY (meter, ordinal),
    UNIQUE (meter, octets)
) STRICT, WITHOUT ROWID;

CREATE TABLE installation (
    id             INTEGER PRIMARY KEY,
    point          INTEGER NOT NULL REFERENCES point (id),
    meter          INTEGER NOT NULL REFERENCES meter (id),
    since          INTEGER,
    until          INTEGER,
    start_mantissa INTEGER,
    start_exponent INTEGER,
    end_mantissa   INTEGER,
    end_exponent   INTEGER,
    CHECK (since IS NULL OR until IS NULL OR since < until),
    CHECK ((start_mantissa IS NULL) = (start_exponent IS NULL)),
    CHECK ((end_mantissa IS NULL) = (end_exponent IS NULL))
) STRICT;
CREATE INDEX installation_point ON installation (point);
CREATE INDEX installation_meter ON installation (meter);

CREATE TABLE rating_factor (
    id           INTEGER PRIMARY KEY,
    installation INTEGER NOT NULL REFERENCES installation (id),
    since        INTEGER,                                     -- NULL: from the installation's beginning
    mantissa     INTEGER NOT NULL CHECK (mantissa > 0),
    exponent     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX rating_factor_since ON rating_factor (installation, ifnull(since, -0x7FFFFFFFFFFFFFFF));

CREATE TABLE occupancy (
    id           INTEGER PRIMARY KEY,
    dwelling     INTEGER NOT NULL REFERENCES dwelling (id),
    role         TEXT NOT NULL,
    first_day    TEXT NOT NULL,
    last_day     TEXT,
    keeps_hourly INTEGER NOT NULL CHECK (keeps_hourly IN (0, 1))
) STRICT;
CREATE INDEX occupancy_dwelling ON occupancy (dwelling, first_day);

CREATE TABLE token (
    name    TEXT NOT NULL PRIMARY KEY,
    scope   TEXT NOT NULL,
    hash    BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Values.

CREATE TABLE channel (
    id        INTEGER PRIMARY KEY,
    quantity  TEXT NOT NULL,
    unit      TEXT NOT NULL,
    exponent  INTEGER NOT NULL,
    direction TEXT NOT NULL,
    tariff    INTEGER NOT NULL,
    subunit   INTEGER NOT NULL,
    aspect    TEXT NOT NULL,
    kind      TEXT NOT NULL,
    UNIQUE (quantity, unit, exponent, direction, tariff, subunit, aspect, kind)
) STRICT;

-- One meter's year of one series is one range scan. change is the row's place in the feed.
CREATE TABLE reading (
    meter      INTEGER NOT NULL REFERENCES meter (id),
    channel    INTEGER NOT NULL REFERENCES channel (id),
    at         INTEGER NOT NULL,
    source     INTEGER NOT NULL,
    value      INTEGER NOT NULL,
    resolution INTEGER NOT NULL,
    flags      INTEGER NOT NULL,
    stamp      INTEGER,                                       -- the meter's own, its decimal digits run together
    change     INTEGER NOT NULL,
    PRIMARY KEY (meter, channel, at, source)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX reading_change ON reading (change);

-- What else was said of a reading whose first value was kept.
CREATE TABLE conflict (
    meter   INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    source  INTEGER NOT NULL,
    value   INTEGER NOT NULL,
    PRIMARY KEY (meter, channel, at, source, value),
    FOREIGN KEY (meter, channel, at, source) REFERENCES reading (meter, channel, at, source) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- The air.

CREATE TABLE radio (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    first_heard INTEGER NOT NULL,
    last_heard  INTEGER NOT NULL,
    telegrams   INTEGER NOT NULL
) STRICT;

CREATE TABLE outcome (
    id   INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE
) STRICT;
-- The first two were opened; the migration gives them their ids, since an index tells them from the rest.
INSERT INTO outcome (id, code) VALUES (1, 'read'), (2, 'no_value');

-- The archive is ordered by time: new telegrams go to its end, old ones leave at its beginning, and looking for
-- repeats of a batch is one scan around its instants.
CREATE TABLE telegram (
    received_at INTEGER NOT NULL,
    meter       INTEGER NOT NULL REFERENCES meter (id),
    digest      INTEGER NOT NULL,
    octets      BLOB NOT NULL,
    radio       INTEGER NOT NULL REFERENCES radio (id),
    rssi_dbm    INTEGER,
    outcome     INTEGER NOT NULL REFERENCES outcome (id),
    evidence    TEXT,
    PRIMARY KEY (received_at, meter, digest)
) STRICT, WITHOUT ROWID;
-- What is still to be read: mostly empty.
CREATE INDEX telegram_unread ON telegram (received_at, meter, digest) WHERE outcome > 2;

CREATE TABLE meter_state (
    meter         INTEGER PRIMARY KEY REFERENCES meter (id),
    first_heard   INTEGER NOT NULL,
    last_heard    INTEGER NOT NULL,
    last_digest   INTEGER NOT NULL,
    rssi_dbm      INTEGER,
    radio         INTEGER NOT NULL REFERENCES radio (id),
    outcome       INTEGER NOT NULL REFERENCES outcome (id),
    telegrams     INTEGER NOT NULL,
    opened_at     INTEGER,
    opened_digest INTEGER,
    device_time   INTEGER,
    status        TEXT NOT NULL
) STRICT;

CREATE TABLE meter_outcome (
    meter     INTEGER NOT NULL REFERENCES meter (id),
    outcome   INTEGER NOT NULL REFERENCES outcome (id),
    telegrams INTEGER NOT NULL,
    last_at   INTEGER NOT NULL,
    PRIMARY KEY (meter, outcome)
) STRICT, WITHOUT ROWID;

CREATE TABLE meter_fact (
    meter INTEGER NOT NULL REFERENCES meter (id),
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    at    INTEGER NOT NULL,
    PRIMARY KEY (meter, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX meter_fact_value ON meter_fact (name, ltrim(value, '0'));

-- Up to which instant a meter's live readings are thinned.
CREATE TABLE thinned (
    meter INTEGER PRIMARY KEY REFERENCES meter (id),
    until INTEGER NOT NULL
) STRICT;

-- Unregistered meters: the eight address octets as one number.
CREATE TABLE heard (
    address     INTEGER PRIMARY KEY,
    first_heard INTEGER NOT NULL,
    last_heard  INTEGER NOT NULL,
    telegrams   INTEGER NOT NULL,
    rssi_dbm    INTEGER,
    radio       INTEGER NOT NULL REFERENCES radio (id)
) STRICT;
CREATE INDEX heard_last ON heard (last_heard);

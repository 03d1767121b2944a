-- What the portal keeps of its own. Instants are seconds since 1970 (UTC), days are YYYY-MM-DD, tokens are SHA-256 only.

-- The portal's key.
CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

-- Who has an account. Made when the address is confirmed, not before.
CREATE TABLE account (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    email        TEXT NOT NULL,
    -- The address in lower case: the one that counts.
    email_key    TEXT NOT NULL UNIQUE,
    name         TEXT NOT NULL,
    password     TEXT NOT NULL,
    language     TEXT NOT NULL CHECK (language IN ('fr', 'en')),
    created_at   INTEGER NOT NULL,
    consented_at INTEGER NOT NULL
) STRICT;

-- The occupancies of the service that are an account's. The id is the service's.
CREATE TABLE occupancy (
    id           INTEGER PRIMARY KEY,
    account      INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    -- The service's number for the dwelling.
    dwelling     INTEGER NOT NULL,
    label        TEXT NOT NULL,
    role         TEXT NOT NULL,
    first_day    TEXT NOT NULL,
    keeps_hourly INTEGER NOT NULL CHECK (keeps_hourly IN (0, 1)),
    added_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX occupancy_account ON occupancy (account);

-- Sessions: of an account, or of somebody on the way through the guide, with what they have typed.
CREATE TABLE session (
    token      BLOB NOT NULL PRIMARY KEY,
    account    INTEGER REFERENCES account (id) ON DELETE CASCADE,
    guide      TEXT,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_account ON session (account);

-- What somebody asked for at the end of the guide, until they follow the link in their mail.
CREATE TABLE activation (
    token        BLOB NOT NULL PRIMARY KEY,
    email        TEXT NOT NULL,
    email_key    TEXT NOT NULL,
    name         TEXT NOT NULL,
    password     TEXT NOT NULL,
    language     TEXT NOT NULL,
    dwelling     INTEGER NOT NULL,
    label        TEXT NOT NULL,
    role         TEXT NOT NULL,
    first_day    TEXT NOT NULL,
    keeps_hourly INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    used_at      INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX activation_email ON activation (email_key);

-- Links for those who have an account: a forgotten password, another address. Gone once used.
CREATE TABLE link (
    token      BLOB NOT NULL PRIMARY KEY,
    account    INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    purpose    TEXT NOT NULL CHECK (purpose IN ('password', 'email')),
    -- The new address.
    email      TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX link_account ON link (account);

-- What happened. No names, no addresses, no secrets; an account's number means nothing once it is gone.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    event   TEXT NOT NULL,
    account INTEGER
) STRICT;
CREATE INDEX audit_account ON audit (account);

-- Mails that wait to be handed over. A mail may have a link in clear, which is why it leaves the file as soon as it can: once
-- it is handed over, or when its link has ended.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Random; the same at every try, so that who gets a mail twice can tell.
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    email      TEXT NOT NULL,
    email_key  TEXT NOT NULL,
    subject    TEXT NOT NULL,
    text       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- Not handed over from then on.
    ends_at    INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    next_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_next ON outbox (next_at);
CREATE INDEX outbox_email ON outbox (email_key);

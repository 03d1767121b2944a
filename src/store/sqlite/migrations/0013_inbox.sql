-- What the daemon heard and what is not among the other rows yet: a batch in a row, packed. Rows of a hundred meters are a
-- hundred pages; a batch of a hundred telegrams is three. They are moved to their places together, when somebody asks or after an
-- hour, and a page that many of them share is then written once. counter 'inbox' is the largest id that was moved.
CREATE TABLE inbox (
    id      INTEGER PRIMARY KEY,
    items   INTEGER NOT NULL,
    batch   BLOB NOT NULL,
    refused TEXT                                              -- why it can't be read; it stays
) STRICT;

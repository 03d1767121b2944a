-- How long each receiver is usually silent, hour by hour of a week.
CREATE TABLE rhythm (
    receiver TEXT PRIMARY KEY,
    silences BLOB NOT NULL
) STRICT;

-- Layouts of compact frames that were heard: DIBs and VIBs, one after the other, and the second of the first time.
CREATE TABLE layout (
    headers BLOB PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the daemon hears waits in files beside the store, STORE-heard-NUMBER (sqlite/inbox/segments.rs). How far they were read
-- is committed with what was made of them: the number of the file times 2^32, and the octet. A release that does not know the
-- files must not open the store: so this version has a number of its own. In `inbox` is what an earlier release left, and what
-- can't be read.
INSERT INTO counter (name, value) VALUES ('heard', 0);

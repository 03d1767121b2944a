-- Nothing changes in the tables. What waits in files beside the store is told by differences now, and files are written over in
-- place (sqlite/inbox/segments.rs): a release that does not know their form would take what waits there for a torn end.
UPDATE counter SET value = value WHERE name = 'heard';

-- Up to which instant a meter's live readings are thinned to the first and the last of each hour. counter 'hours_only' is 1 when
-- that is done with readings as they are settled, too.
CREATE TABLE hourly (
    meter INTEGER PRIMARY KEY REFERENCES meter (id),
    until INTEGER NOT NULL
) STRICT;
-- What households keep for good was every value: their days are gone through once more.
UPDATE thinned SET until = 0 WHERE EXISTS (SELECT 1 FROM hour WHERE hour.meter = thinned.meter);

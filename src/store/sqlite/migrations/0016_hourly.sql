-- Up to which instant a meter's live readings are thinned to the first and the last of each hour. counter 'hours_only' is 1 when
-- that is done with readings as they are settled, too.
CREATE TABLE hourly (
    meter INTEGER PRIMARY KEY REFERENCES meter (id),
    until INTEGER NOT NULL
) STRICT;
-- Of days that are over for long only the first and the last value are there, but for households that keep their hours.
INSERT INTO hourly (meter, until)
    SELECT meter, until FROM thinned WHERE NOT EXISTS (SELECT 1 FROM hour WHERE hour.meter = thinned.meter);

-- Of households that keep their hours: what was read between the first and the last time of each local day, when the day
-- is some days old. So what asks for days walks past none of it. Live readings without a flag or a stamp only.
CREATE TABLE hour (
    meter      INTEGER NOT NULL REFERENCES meter (id),
    channel    INTEGER NOT NULL REFERENCES channel (id),
    at         INTEGER NOT NULL,
    value      INTEGER NOT NULL,
    resolution INTEGER NOT NULL,
    change     INTEGER NOT NULL,
    PRIMARY KEY (meter, channel, at)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX hour_change ON hour (change);

CREATE VIEW every_reading AS
    SELECT meter, channel, at, source, value, resolution, flags, stamp, change FROM reading
    UNION ALL
    SELECT meter, channel, at, 0, value, resolution, 0, NULL, change FROM hour;

-- Their days are gone through once more.
DELETE FROM thinned WHERE meter IN
    (SELECT installation.meter FROM installation JOIN point ON point.id = installation.point
     JOIN occupancy ON occupancy.dwelling = point.dwelling WHERE occupancy.keeps_hourly = 1);

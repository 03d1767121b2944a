//! Where readings stand: one in each place, and whatever else is said of it later beside it. Many take their places at once.

use rusqlite::{OptionalExtension, params};

use super::codes;
use super::dense::Dense;
use super::recent::quarter_of;
use super::write::{Batch, Fault, Statements, prepared};
use crate::store::{Flags, MeterId, ReadingKey, Source, StoredReading};

/// Meter, channel, instant, source: the key of a reading.
pub(super) type Place = (i64, i64, i64, i64);

/// What is written of a reading beside its place.
pub(super) struct Said {
    pub(super) value: i64,
    pub(super) resolution: i8,
    flags: u32,
    stamp: Option<i64>,
}

/// Where a plain live reading stands that is not among the rows.
enum Aside {
    /// Put aside, of a household that keeps its hours.
    Hour,
    /// Of the last hours.
    Recent,
    /// Between the ends of its hour, with others.
    Dense(Dense),
}

/// Readings on their way to their places.
#[derive(Default)]
pub(super) struct Placing {
    /// Those for which one statement is run soon.
    next: Vec<(Place, Said)>,
    /// Those that are put off until all are there, if any are.
    later: Option<Vec<Later>>,
    /// Whether some readings are put aside; not known until it is asked.
    put_aside: Option<bool>,
    /// The quarters of [`recent`](super::recent); not known until it is asked.
    pub(super) quarters: Option<Vec<i64>>,
    /// Whether some readings are in [`dense`](super::dense) rows; not known until it is asked.
    pub(super) dense: Option<bool>,
}

impl Placing {
    /// Whether all have their places.
    pub(super) fn is_done(&self) -> bool {
        self.next.is_empty() && self.later.is_none()
    }
}

/// A reading that takes its place later; small, since there are many.
pub(super) struct Later {
    meter: i64,
    pub(super) at: i64,
    pub(super) value: i64,
    /// 0 for none.
    stamp: i64,
    channel: u32,
    flags: u32,
    /// Of two in one place the first counts.
    order: u32,
    source: u8,
    pub(super) resolution: i8,
}

impl Later {
    /// Meter and channel.
    pub(super) fn series(&self) -> (i64, i64) {
        (self.meter, self.channel.into())
    }

    pub(super) fn is_live(&self) -> bool {
        self.source == Source::Live as u8
    }

    /// Whether it is live and nothing is doubtful about it.
    pub(super) fn is_plain(&self) -> bool {
        self.is_live() && self.flags == 0 && self.stamp == 0
    }
}

/// At most so many stored registers are remembered: some 600 kB.
const REMEMBERED: usize = 50_000;

impl Batch<'_> {
    /// Adds a reading, unless there is one in its place; it is there when [`Batch::put_now`] has been called.
    pub(super) fn reading(&mut self, meter: MeterId, reading: &StoredReading) -> Result<(), Fault> {
        let at = reading.at.as_second();
        if self.memory.erased.reading(meter.0, at) {
            self.report.erased_readings += 1;
            return Ok(());
        }
        let channel = self.channel(&reading.channel)?;
        let said = Said {
            value: reading.value,
            resolution: reading.resolution,
            flags: reading.flags.0,
            stamp: reading.stamp.map(codes::stamp_number),
        };
        if let Some(later) = &mut self.placing.later
            && let (Ok(channel), Ok(order)) = (u32::try_from(channel), u32::try_from(later.len()))
        {
            later.push(Later {
                meter: meter.0,
                at,
                value: said.value,
                stamp: said.stamp.unwrap_or(0),
                channel,
                flags: said.flags,
                order,
                source: reading.source as u8,
                resolution: said.resolution,
            });
            return Ok(());
        }
        if self.stands(meter, channel, reading) {
            self.report.known += 1;
            return Ok(());
        }
        self.put((meter.0, channel, at, reading.source as i64), said)
    }

    /// From here on readings are put off.
    pub(super) fn put_off(&mut self) {
        self.placing.later = Some(Vec::new());
    }

    /// Gives all readings their places. Those that were put off come meter after meter: a page that takes many of them is
    /// then written once. Of those the ends of each hour are enough, when the store is told so;
    /// else what lies between takes less room.
    pub(super) fn put_now(&mut self) -> Result<(), Fault> {
        let mut later = self.placing.later.take().unwrap_or_default();
        later.sort_unstable_by_key(|reading| {
            let Later {
                meter,
                channel,
                at,
                source,
                order,
                ..
            } = *reading;
            (meter, channel, at, source, order)
        });
        self.thin(&mut later)?;
        let newest = later.iter().map(|reading| reading.at).max();
        let lately = self.recent_from(newest.unwrap_or(i64::MIN))?;
        for reading in later {
            let place = (
                reading.meter,
                reading.channel.into(),
                reading.at,
                reading.source.into(),
            );
            let said = Said {
                value: reading.value,
                resolution: reading.resolution,
                flags: reading.flags,
                stamp: (reading.stamp != 0).then_some(reading.stamp),
            };
            if reading.is_plain() && reading.at >= lately {
                self.put_recent(place, &said)?;
            } else {
                self.put(place, said)?;
            }
        }
        self.put_next()
    }

    /// Whether a stored register is known to stand among the rows, or to contradict one that does.
    pub(super) fn stands(&self, meter: MeterId, channel: i64, reading: &StoredReading) -> bool {
        let place = (meter.0, channel, reading.at.as_second(), reading.source as i64);
        reading.source != Source::Live
            && self
                .memory
                .stored
                .contains(&self.memory.prints.of(&(place, reading.value)))
    }

    /// Puts a reading in its place soon, unless there is one.
    fn put(&mut self, place: Place, said: Said) -> Result<(), Fault> {
        if place.3 == Source::Live as i64 {
            if self.put_beside_aside(place, said.value)? {
                return Ok(());
            }
        } else {
            // It stands there, or beside another, before anything else is committed.
            self.remember(place, said.value);
        }
        self.placing.next.push((place, said));
        if self.placing.next.len() >= self.rows {
            self.put_next()?;
        }
        Ok(())
    }

    /// Puts what is next in its place.
    pub(super) fn put_next(&mut self) -> Result<(), Fault> {
        let mut next = std::mem::take(&mut self.placing.next);
        if next.len() == 1 || next.len() != self.rows || !self.put_together(&next)? {
            for (place, said) in &next {
                self.put_alone(*place, said)?;
            }
        }
        next.clear();
        self.placing.next = next;
        Ok(())
    }

    /// Puts as many readings as one statement takes in their places; none of them when one of these is taken.
    fn put_together(&mut self, readings: &[(Place, Said)]) -> Result<bool, Fault> {
        let Statements { add_readings, .. } = &mut self.statements;
        let statement = prepared(self.transaction, add_readings, || many(readings.len()))?;
        let mut column = 0;
        let mut bind = |value: Option<i64>| {
            column += 1;
            statement.raw_bind_parameter(column, value)
        };
        for ((meter, channel, at, source), said) in readings {
            self.change += 1;
            for value in [
                *meter,
                *channel,
                *at,
                *source,
                said.value,
                said.resolution.into(),
                said.flags.into(),
            ] {
                bind(Some(value))?;
            }
            bind(said.stamp)?;
            bind(Some(self.change))?;
        }
        let added = statement.raw_execute()?;
        if added == readings.len() {
            self.report.readings += added as u64;
            for (place, _) in readings {
                self.note(*place);
            }
            return Ok(true);
        }
        self.change -= readings.len() as i64;
        if added > 0 {
            self.transaction
                .prepare_cached("DELETE FROM reading WHERE change > ?1")?
                .execute([self.change])?;
        }
        Ok(false)
    }

    /// Puts a reading in its place, unless there is one.
    fn put_alone(&mut self, place: Place, said: &Said) -> Result<(), Fault> {
        let (meter, channel, at, source) = place;
        let Statements { add_reading, .. } = &mut self.statements;
        let added = prepared(self.transaction, add_reading, || many(1))?.execute(params![
            meter,
            channel,
            at,
            source,
            said.value,
            said.resolution,
            said.flags,
            said.stamp,
            self.change + 1,
        ])?;
        if added == 1 {
            self.note(place);
            self.change += 1;
            self.report.readings += 1;
            return Ok(());
        }
        self.beside(place, said.value)
    }

    /// There is a reading in this place already: the same, or another that stays and is flagged.
    pub(super) fn beside(&mut self, place: Place, value: i64) -> Result<(), Fault> {
        let (meter, channel, at, source) = place;
        let kept: i64 = self
            .transaction
            .prepare_cached(
                "SELECT value FROM reading WHERE meter = ?1 AND channel = ?2 AND at = ?3 AND source = ?4",
            )?
            .query_row([meter, channel, at, source], |row| row.get(0))?;
        if kept == value {
            self.report.known += 1;
            return Ok(());
        }
        let news = self
            .transaction
            .prepare_cached("INSERT INTO conflict VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING")?
            .execute([meter, channel, at, source, value])?;
        if news == 0 {
            self.report.known += 1;
            return Ok(());
        }
        self.report.conflicts += 1;
        let flagged = self
            .transaction
            .prepare_cached(
                "UPDATE reading SET flags = flags | ?5, change = ?6
                 WHERE meter = ?1 AND channel = ?2 AND at = ?3 AND source = ?4 AND flags & ?5 = 0",
            )?
            .execute(params![
                meter,
                channel,
                at,
                source,
                Flags::CONFLICT.0,
                self.change + 1
            ])?;
        if flagged == 1 {
            self.note(place);
            self.change += 1;
        }
        Ok(())
    }

    /// Whether the place of a live reading is taken by one that does not stand among the rows: the same, or another that is then
    /// brought back among them and flagged.
    pub(super) fn put_beside_aside(&mut self, place: Place, value: i64) -> Result<bool, Fault> {
        let Some((aside, kept)) = self.aside(place)? else {
            return Ok(false);
        };
        if kept == value {
            self.report.known += 1;
            return Ok(true);
        }
        self.put_next()?;
        self.bring_back(place, aside)?;
        self.beside(place, value)?;
        Ok(true)
    }

    /// Where else the place of a live reading is taken, and by which value.
    fn aside(&mut self, (meter, channel, at, _): Place) -> rusqlite::Result<Option<(Aside, i64)>> {
        if self.quarters()?.contains(&quarter_of(at)) {
            let kept = self
                .transaction
                .prepare_cached(
                    "SELECT value FROM recent WHERE quarter = ?1 AND meter = ?2 AND channel = ?3 AND at = ?4",
                )?
                .query_row([quarter_of(at), meter, channel, at], |row| row.get(0))
                .optional()?;
            if let Some(kept) = kept {
                return Ok(Some((Aside::Recent, kept)));
            }
        }
        if let Some((dense, kept)) = self.dense_at((meter, channel), at)? {
            return Ok(Some((Aside::Dense(dense), kept)));
        }
        let some = match self.placing.put_aside {
            Some(some) => some,
            None => self
                .transaction
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM hour)")?
                .query_row([], |row| row.get(0))?,
        };
        self.placing.put_aside = Some(some);
        if !some {
            return Ok(None);
        }
        let kept = self
            .transaction
            .prepare_cached("SELECT value FROM hour WHERE meter = ?1 AND channel = ?2 AND at = ?3")?
            .query_row([meter, channel, at], |row| row.get(0))
            .optional()?;
        Ok(kept.map(|kept| (Aside::Hour, kept)))
    }

    /// Puts a reading back among the others, since something is to be said of it.
    fn bring_back(&mut self, place: Place, aside: Aside) -> rusqlite::Result<()> {
        self.note(place);
        let (meter, channel, at, source) = place;
        let (from, quarter) = match aside {
            Aside::Hour => ("hour WHERE ?4 IS NULL", None),
            Aside::Recent => ("recent WHERE quarter = ?4", Some(quarter_of(at))),
            Aside::Dense(dense) => return self.take_apart(&dense),
        };
        let condition = "AND meter = ?1 AND channel = ?2 AND at = ?3";
        self.transaction
            .prepare_cached(&format!(
                "INSERT INTO reading (meter, channel, at, source, value, resolution, flags, stamp, change)
                 SELECT meter, channel, at, ?5, value, resolution, 0, NULL, change FROM {from} {condition}"
            ))?
            .execute(params![meter, channel, at, quarter, source])?;
        self.transaction
            .prepare_cached(&format!("DELETE FROM {from} {condition}"))?
            .execute(params![meter, channel, at, quarter])?;
        Ok(())
    }

    /// Replaces a reading's flags; true when they were others.
    pub(super) fn set_flags(&mut self, meter: MeterId, key: ReadingKey, flags: Flags) -> Result<bool, Fault> {
        let place = (meter.0, key.channel.0, key.at.as_second(), key.source as i64);
        if key.source == Source::Live
            && flags != Flags::NONE
            && let Some((aside, _)) = self.aside(place)?
        {
            self.bring_back(place, aside)?;
        }
        let changed = self
            .transaction
            .prepare_cached(
                "UPDATE reading SET flags = ?5, change = ?6
                 WHERE meter = ?1 AND channel = ?2 AND at = ?3 AND source = ?4 AND flags <> ?5",
            )?
            .execute(params![
                meter.0,
                key.channel.0,
                key.at.as_second(),
                key.source as i64,
                flags.0,
                self.change + 1
            ])?;
        if changed == 1 {
            self.note(place);
            self.change += 1;
        }
        Ok(changed == 1)
    }

    pub(super) fn note(&mut self, (meter, channel, at, _): Place) {
        self.noted.readings((meter, channel), at, at);
    }

    fn remember(&mut self, place: Place, value: i64) {
        if self.memory.stored.len() >= REMEMBERED {
            self.memory.stored.clear();
        }
        let print = self.memory.prints.of(&(place, value));
        self.memory.stored.insert(print);
    }
}

/// The statement that adds so many readings, those whose place is free. What would end it ends the batch as well: so the
/// engine need not note how to take back the first rows alone.
fn many(rows: usize) -> String {
    let row = "(?, ?, ?, ?, ?, ?, ?, ?, ?)";
    format!(
        "INSERT OR ROLLBACK INTO reading (meter, channel, at, source, value, resolution, flags, stamp, change)
         VALUES {} ON CONFLICT (meter, channel, at, source) DO NOTHING",
        vec![row; rows].join(", ")
    )
}

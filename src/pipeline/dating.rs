//! The instant that a reading stands for: from the meter's stamp and the time of reception, in the site's zone.
//!
//! Meters stamp the close of a period with its last day or with the first day of the next. Day 1 means the beginning of
//! that day; any other day means its end; 23:59 means 24:00.

use decoders::reading::{Reading, Register, Stamp};
use decoders::{Context, Decoded};
use jiff::civil::{Date, Time};
use jiff::{Timestamp, ToSpan};

use super::zone::Zone;
use crate::store::{Channel, Flags, Source, StoredReading};

/// When a telegram came, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reception<'a> {
    /// When it was received; for a telegram that nobody timed the instant it is filed under.
    pub(super) at: Timestamp,
    /// Nobody timed it: the meter's own clock is the better witness.
    pub(super) assumed: bool,
    /// The site's zone.
    pub(super) zone: &'a Zone,
}

impl Reception<'_> {
    /// What the decoder is told: the local day.
    pub(super) fn context(&self) -> Context {
        let without_remarks = true;
        if self.assumed {
            return Context {
                received: None,
                without_remarks,
            };
        }
        let day = self.zone.day(self.at);
        Context {
            received: wmbus::apl::Date::new(
                day.year().unsigned_abs(),
                day.month().unsigned_abs(),
                day.day().unsigned_abs(),
            ),
            without_remarks,
        }
    }

    /// The readings of a telegram as the store keeps them, behind those in `room`; those that nobody can date are left out.
    pub(super) fn date(&self, decoded: &Decoded, mut room: Vec<StoredReading>) -> Vec<StoredReading> {
        let clock_wrong = decoded
            .status
            .iter()
            .any(|status| status.word == decoders::reading::StatusWord::ClockInvalid && !status.past);
        let device_time = decoded
            .device_time
            .filter(|_| !clock_wrong)
            .and_then(|stamp| self.minute(stamp));
        let now = if self.assumed {
            device_time.unwrap_or(self.at)
        } else {
            self.at
        };
        // Nobody knows when it came, not even the meter.
        let untimed = self.assumed && device_time.is_none();
        // Where the meter says how old its values are.
        let age = decoded.age_seconds.unwrap_or(0);
        let clock_off = device_time.is_some_and(|clock| (clock.as_second() - now.as_second()).abs() > DAY);
        let dated = decoded.readings.iter().filter_map(|reading| {
            let (at, uncertain) = match (reading.register, reading.at) {
                (Register::Current, Some(stamp)) => (self.latched(stamp)?, false),
                (Register::Current, None) => (now.checked_sub(age.seconds()).ok()?, false),
                (Register::Max | Register::Min | Register::Average, None) => (now, false),
                (_, Some(stamp)) => self.closed(stamp)?,
                (_, None) => return None,
            };
            Some(self.stored(reading, at, uncertain, clock_off || clock_wrong, untimed))
        });
        room.reserve_exact(decoded.readings.len());
        room.extend(dated);
        room
    }

    fn stored(
        &self,
        reading: &Reading,
        at: Timestamp,
        uncertain: bool,
        clock_doubtful: bool,
        untimed: bool,
    ) -> StoredReading {
        let measured = Channel::of(reading);
        let source = match reading.register {
            Register::SetDate => Source::SetDate,
            Register::History(_) => Source::History,
            _ => Source::Live,
        };
        let mut flags = Flags::NONE;
        if uncertain {
            flags |= Flags::UNCERTAIN_DAY;
        }
        if (clock_doubtful && source != Source::Live) || (untimed && source == Source::Live) {
            flags |= Flags::CLOCK_DOUBTFUL;
        }
        StoredReading {
            channel: measured.channel,
            at,
            source,
            value: measured.value,
            resolution: measured.resolution,
            flags,
            stamp: reading.at,
        }
    }

    /// A stored register's instant, and whether it may be off by a day.
    fn closed(&self, stamp: Stamp) -> Option<(Timestamp, bool)> {
        match stamp {
            Stamp::Date { .. } => {
                let date = civil(stamp)?;
                if date.day() == 1 {
                    return Some((self.zone.midnight(date)?, false));
                }
                let known = date.day() == 15 || date == date.last_of_month();
                Some((self.end_of(date)?, !known))
            }
            Stamp::DateTime {
                hour: 23, minute: 59, ..
            } => Some((self.end_of(civil(stamp)?)?, false)),
            Stamp::DateTime { .. } => Some((self.minute(stamp)?, false)),
            Stamp::EveryYear { month, day } => {
                let today = self.zone.day(self.at);
                let of_year = |year| Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok();
                let date = of_year(today.year())
                    .filter(|date| *date <= today)
                    .or_else(|| of_year(today.year() - 1))?;
                let stamp = Stamp::Date {
                    year: date.year().unsigned_abs(),
                    month,
                    day,
                };
                self.closed(stamp)
            }
        }
    }

    /// A current value that the meter latched earlier: at the end of the day it names, unless that is still to come.
    fn latched(&self, stamp: Stamp) -> Option<Timestamp> {
        match stamp {
            // Latched at midnight, under the date of the day that begins there.
            Stamp::Date { .. } => self.zone.midnight(civil(stamp)?),
            stamp => self.minute(stamp),
        }
    }

    /// The instant of a minute or second, or of the beginning of a day.
    fn minute(&self, stamp: Stamp) -> Option<Timestamp> {
        let time = match stamp {
            Stamp::DateTime {
                hour, minute, second, ..
            } => Time::new(
                i8::try_from(hour).ok()?,
                i8::try_from(minute).ok()?,
                i8::try_from(second.unwrap_or(0)).ok()?,
                0,
            )
            .ok()?,
            _ => return self.zone.midnight(civil(stamp)?),
        };
        self.zone.instant(civil(stamp)?.to_datetime(time))
    }

    fn end_of(&self, date: Date) -> Option<Timestamp> {
        self.zone.midnight(date.tomorrow().ok()?)
    }
}

fn civil(stamp: Stamp) -> Option<Date> {
    let day = stamp.day()?;
    Date::new(
        i16::try_from(day.year).ok()?,
        i8::try_from(day.month).ok()?,
        i8::try_from(day.day).ok()?,
    )
    .ok()
}

/// Seconds of a day: how far a meter's clock may be off before its dates are in doubt.
const DAY: i64 = 86_400;

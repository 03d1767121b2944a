//! What a meter's registers hold at an instant: the true counter, cut to the register's step and frozen at its dates.

use decoders::reading::{Direction, Kind, Quantity, Reading, Register, Stamp, Unit};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use wmbus::Decimal;

use super::building::{Point, Use};
use super::habits::Span;

/// How many month ends a simulated meter remembers; a family's page takes as many as its telegram has room for.
const MONTHS: u16 = 24;

impl Point {
    /// The current register at an instant, in the store's unit: the index of water up to the register's width, the
    /// units since the last due date.
    pub(crate) fn current(&self, instant: Timestamp, span: &Span) -> u64 {
        self.wrapped(self.index(instant) - self.restart(instant, span).map_or(0, |(_, index)| index))
    }

    /// The index that never restarts and never rolls over, cut to the register's step, in the store's unit.
    pub fn index(&self, instant: Timestamp) -> u64 {
        let step = self.model.step.max(1);
        self.counter.at(instant).saturating_add_signed(self.life.offset) / step * step
    }

    /// The same, as the meter froze it under the date of that instant by its own clock.
    pub fn frozen_index(&self, instant: Timestamp) -> u64 {
        self.index(self.true_instant(instant))
    }

    /// Everything the meter remembers at an instant.
    pub(crate) fn registers(&self, instant: Timestamp, span: &Span) -> Vec<Reading> {
        let mut readings = vec![self.reading(Register::Current, self.current(instant, span), None)];
        if let Some(date) = self.due_date_before(instant, span) {
            readings.push(self.reading(Register::SetDate, self.frozen(date, span), Some(date)));
        }
        readings.extend(
            (1..=MONTHS)
                .zip(self.month_ends_before(instant, span))
                .map(|(n, date)| self.reading(Register::History(n), self.frozen(date, span), Some(date))),
        );
        readings
    }

    /// What the meter's clock shows at an instant.
    pub(crate) fn clock(&self, instant: Timestamp) -> Timestamp {
        instant.checked_add(self.life.skew.seconds()).unwrap_or(instant)
    }

    /// When the meter's clock shows an instant.
    fn true_instant(&self, shown: Timestamp) -> Timestamp {
        shown.checked_sub(self.life.skew.seconds()).unwrap_or(shown)
    }

    /// What the current register held at the end of a day.
    fn frozen(&self, date: Date, span: &Span) -> u64 {
        let midnight = self.true_instant(end_of(date, &span.zone));
        // At the due date itself the register is frozen before it restarts.
        let before = self
            .restart(midnight - 1.seconds(), span)
            .map_or(0, |(_, index)| index);
        self.wrapped(self.index(midnight) - before)
    }

    fn wrapped(&self, index: u64) -> u64 {
        self.life.width.map_or(index, |width| index % width.max(1))
    }

    /// The last restart at or before an instant, with the index then: allocators start from 0 after each due date.
    fn restart(&self, instant: Timestamp, span: &Span) -> Option<(Date, u64)> {
        if self.use_ != Use::Heating {
            return None;
        }
        let date = self.due_date_before(instant, span)?;
        Some((date, self.frozen_index(end_of(date, &span.zone))))
    }

    /// The last 31 December that ended, by the meter's clock, since it was mounted.
    fn due_date_before(&self, instant: Timestamp, span: &Span) -> Option<Date> {
        self.month_ends_before(instant, span)
            .find(|date| date.month() == 12)
    }

    /// The month ends by the meter's clock at or before an instant, since it was mounted, newest first.
    fn month_ends_before(&self, instant: Timestamp, span: &Span) -> impl Iterator<Item = Date> {
        let mounted = self.life.since.unwrap_or(span.start);
        let first = self
            .clock(instant)
            .to_zoned_datetime(span.zone.clone())
            .date()
            .first_of_month();
        (0_i32..)
            .map_while(move |back| {
                first
                    .checked_sub(back.months())
                    .and_then(|month| month.yesterday())
                    .ok()
            })
            .take_while(move |date| self.true_instant(end_of(*date, &span.zone)) >= mounted)
    }

    fn reading(&self, register: Register, stored: u64, date: Option<Date>) -> Reading {
        let (quantity, unit, places) = match self.use_ {
            Use::HotWater => (Quantity::Volume, Unit::CubicMetre, 6),
            Use::Heating => (Quantity::HeatCost, Unit::AllocationUnit, 3),
        };
        // As the meter sends it: no more digits than its register has.
        let digits = i8::try_from(self.model.step.max(1).ilog10()).unwrap_or(0);
        let mantissa =
            i64::try_from(stored / 10_u64.pow(u32::from(digits.unsigned_abs()))).unwrap_or(i64::MAX);
        Reading {
            quantity,
            unit,
            value: Decimal::new(mantissa, digits - places),
            register,
            kind: Kind::Absolute,
            direction: Direction::Net,
            tariff: 0,
            subunit: 0,
            at: date.map(stamp),
        }
    }
}

/// A civil date as a meter's stamp.
fn stamp(date: Date) -> Stamp {
    Stamp::Date {
        year: date.year().unsigned_abs(),
        month: date.month().unsigned_abs(),
        day: date.day().unsigned_abs(),
    }
}

/// The instant at which a local day ends.
pub(crate) fn end_of(date: Date, zone: &TimeZone) -> Timestamp {
    date.tomorrow()
        .and_then(|next| next.to_zoned_datetime(zone.clone()))
        .map_or(Timestamp::MAX, |midnight| midnight.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{Building, Plan};

    fn building() -> Building {
        Building::new(&Plan {
            seed: 1,
            from: "2025-10-01".parse().unwrap(),
            days: 365,
            dwellings: 12,
            every_minutes: 360,
            lost_per_mille: 0,
            time_zone: "Europe/Paris".to_owned(),
            events: crate::simulate::Events::Calm,
        })
        .unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_allocator_restarts_after_the_due_date_and_its_set_date_value_closes_the_year() {
        let building = building();
        let span = &building.span;
        let radiator = building
            .points()
            .find(|point| {
                point.use_ == Use::Heating
                    && point.index(at("2026-09-30T00:00:00Z")) > point.index(span.start)
            })
            .unwrap();
        let new_year = at("2026-01-01T00:00:00+01:00");
        let closed = radiator.index(new_year);
        assert_eq!(
            radiator.current(new_year - 1.seconds(), span),
            radiator.index(new_year - 1.seconds())
        );
        assert_eq!(radiator.current(new_year, span), 0);
        let later = at("2026-03-01T12:00:00+01:00");
        assert_eq!(radiator.current(later, span), radiator.index(later) - closed);
        let registers = radiator.registers(later, span);
        let set_date = registers
            .iter()
            .find(|reading| reading.register == Register::SetDate)
            .unwrap();
        assert_eq!(set_date.value.rescale(-3), i64::try_from(closed).ok());
        assert_eq!(
            set_date.at,
            Some(Stamp::Date {
                year: 2025,
                month: 12,
                day: 31
            })
        );
        // February's end, January's end, the due date itself, then the autumn of the year before.
        let months: Vec<_> = registers
            .iter()
            .filter(|reading| matches!(reading.register, Register::History(_)))
            .collect();
        assert_eq!(months.len(), 6);
        assert_eq!(months[2].value, set_date.value);
        assert_eq!(
            months[0].value.rescale(-3),
            i64::try_from(radiator.index(at("2026-03-01T00:00:00+01:00")) - closed).ok()
        );
    }

    #[test]
    fn water_never_restarts() {
        let building = building();
        let meter = building
            .points()
            .find(|point| point.use_ == Use::HotWater)
            .unwrap();
        let later = at("2026-09-01T00:00:00Z");
        assert_eq!(meter.current(later, &building.span), meter.index(later));
        assert_eq!(meter.registers(later, &building.span)[0].value.exponent, -3);
    }

    #[test]
    fn the_same_seed_builds_the_same_house_and_another_seed_another() {
        let (a, b) = (building(), building());
        assert_eq!(format!("{:?}", a.dwellings), format!("{:?}", b.dwellings));
        assert!(a.dwellings.len() >= 12);
        for dwelling in &a.dwellings {
            let radiators = dwelling
                .points
                .iter()
                .filter(|point| point.use_ == Use::Heating)
                .count();
            assert!((3..=5).contains(&radiators));
            assert_eq!(dwelling.points.len(), radiators + 1);
        }
        let mut serials: Vec<_> = a.points().map(|point| &point.printed_serial).collect();
        serials.sort_unstable();
        serials.dedup();
        assert_eq!(serials.len(), a.points().count());
    }
}

//! A page applied to records: which reading each record is, from when, and what it says about the meter.

use std::borrow::Cow;

use smallvec::SmallVec;
use wmbus::Message;
use wmbus::apl::{Date, Dib, Item, Record};

use crate::Context;
use crate::almanac::{self, Almanac, Dates};
use crate::dating::{half_month_end, month_end, month_start, rank};
use crate::decoded::Decoded;
use crate::family::Family;
use crate::reading::{Kind, Quantity, Reading, Register, Stamp, Status, StatusWord};
use crate::rule::{Dated, RecordSpec, Role};
use crate::scrambled::Place;
use crate::standard::{self, Said};
use crate::{facts, history, makers, series};

/// Reads the records of a message under a family's page, or under the standard's meanings without one.
pub(crate) fn read(message: &Message<'_>, family: Option<&Family>, context: &Context, decoded: &mut Decoded) {
    let mut records: SmallVec<[Record<'_>; USUAL]> = SmallVec::new();
    let mut rest: &[u8] = &[];
    let mut items = message.records();
    loop {
        while let Some(record) = items.next_plain() {
            records.push(record);
        }
        match items.next() {
            None => break,
            Some(Item::Record(record)) => records.push(record),
            Some(Item::Manufacturer { octets, .. }) => rest = octets,
            Some(Item::Trailing { octets, reason, at }) => {
                let text = format!("{} octets at {at} are no record ({reason:?})", octets.len());
                decoded.remark("trailing", text);
            }
        }
    }
    let records = records.as_slice();
    // Pushed where they stay, and so are dates: a collection of this size takes longer to move than to fill.
    let mut rules: SmallVec<[Rule<'_>; USUAL]> = SmallVec::new();
    if let Some(family) = family {
        family.rules(records).for_each(|rule| rules.push(rule));
    }
    // Without a page there are none.
    let rules = rules.iter().copied().chain(std::iter::repeat(None));
    decoded.readings.reserve(records.len());
    for (record, rule) in records.iter().zip(rules.clone()) {
        facts::read(record, rule.map(|(spec, _)| spec), family, decoded);
    }
    let today = today(context, decoded);
    if let Some((clock, received)) = decoded
        .device_time
        .and_then(|stamp| stamp.day())
        .zip(context.received)
        && clock.day_number().abs_diff(received.day_number()) > 1
    {
        let text = format!("the meter's clock says {clock}, and it was received on {received}");
        decoded.remark("clock_differs", text);
    }
    let almanac = Almanac::of(family);
    let mut stamps = Dates::new();
    almanac::dates(records, almanac, &mut stamps, decoded);
    let (mut by_date, mut differences) = (Places::new(), Vec::new());
    let mut table = Table {
        records,
        almanac,
        dates: &stamps,
        today,
        by_date: &mut by_date,
        differences: &mut differences,
        decoded,
    };
    for (record, rule) in records.iter().zip(rules) {
        table.record(record, rule);
    }
    history::sum_up(differences, &mut by_date, decoded);
    rank(&mut decoded.readings, &by_date);
    if let Some(family) = family {
        blocks(message, family, records, rest, context, decoded);
    }
}

/// The day by which undated month ends are counted: the meter's own, unless its clock is known to be wrong.
pub(crate) fn today(context: &Context, decoded: &Decoded) -> Option<Date> {
    let lost = Status {
        word: StatusWord::ClockInvalid,
        past: false,
    };
    let clock = decoded.device_time.and_then(|stamp| stamp.day());
    let Some(received) = context.received else {
        return clock;
    };
    let near = |clock: &Date| clock.day_number().abs_diff(received.day_number()) <= 1;
    clock
        .filter(near)
        .filter(|_| !decoded.status.contains(&lost))
        .or(Some(received))
}

/// What stands in makers' own layouts among and behind the records.
fn blocks(
    message: &Message<'_>,
    family: &Family,
    records: &[Record<'_>],
    rest: &[u8],
    context: &Context,
    decoded: &mut Decoded,
) {
    let after_0f = |place| place == Place::After0F && !rest.is_empty();
    if let Some(scheme) = family.scheme.filter(|scheme| after_0f(scheme.place())) {
        scheme.read(message, rest, context, decoded);
    }
    for block in &family.blocks {
        if block.follows_0f(message.meter.version) {
            block.read(rest, &family.status, context, decoded);
        }
        for record in records.iter().filter(|record| block.inside(record)) {
            block.read(
                record.data.get(1..).unwrap_or_default(),
                &family.status,
                context,
                decoded,
            );
        }
    }
}

/// The rule for a record, and how many steps of its repetition it lies behind the first.
type Rule<'p> = Option<(&'p RecordSpec, u16)>;

/// Indexes of readings.
pub(crate) type Places = SmallVec<[usize; USUAL]>;

/// So many records a telegram has at most, usually: they need no allocation.
const USUAL: usize = 24;

struct Table<'a, 'd> {
    records: &'a [Record<'a>],
    almanac: Almanac<'a>,
    /// Of storage numbers other than 0.
    dates: &'d [(Dib, Option<Stamp>)],
    today: Option<Date>,
    /// Indexes of readings whose history number follows from their dates.
    by_date: &'d mut Places,
    /// Signed differences, with the state they begin with.
    differences: &'d mut Vec<(Reading, bool)>,
    decoded: &'d mut Decoded,
}

impl<'a> Table<'a, '_> {
    fn record(&mut self, record: &Record<'a>, rule: Rule<'a>) {
        let said = match rule.map(|(spec, _)| (spec, &spec.role)) {
            Some((_, Role::Ignored | Role::Fact(_))) => return,
            Some((spec, Role::Quantity(quantity))) => makers::reading(record, spec, *quantity),
            Some((_, Role::Reading)) | None => self.usual(record, rule),
        };
        match said {
            Said::Reading(reading, approximate) => self.reading(record, rule, reading, approximate),
            Said::Absent => {
                self.decoded
                    .remark_with("absent", || about(record, "has no value"));
            }
            Said::Nothing => {}
        }
    }

    /// What a record says that no page gives a quantity of its own; a compact profile says all of its readings here.
    fn usual(&mut self, record: &Record<'a>, rule: Rule<'a>) -> Said<Reading> {
        if record.vib.profile.is_some() {
            let clock = self.today;
            history::profile(record, self.records, rule, clock, self.by_date, self.decoded);
            return Said::Nothing;
        }
        let absent = rule.map_or(&[][..], |(spec, _)| &spec.absent);
        if absent.iter().any(|octets| octets == record.data) {
            return Said::Absent;
        }
        standard::reading(record)
    }

    fn reading(&mut self, record: &Record<'a>, rule: Rule<'a>, mut reading: Reading, approximate: bool) {
        let mut dated = Dated::Record;
        let mut by_date = matches!(reading.register, Register::History(_));
        if let Some((spec, index)) = rule {
            if let Some((register, ranked)) = spec.register_at(index) {
                (reading.register, by_date) = (register, ranked);
            }
            (dated, reading.kind) = (spec.dated, spec.kind);
            reading.unit = spec.unit.unwrap_or(reading.unit);
            reading.direction = spec.direction.unwrap_or(reading.direction);
            reading.tariff = spec.tariff.unwrap_or(reading.tariff);
            reading.subunit = spec.subunit.unwrap_or(reading.subunit);
            // The state that differences begin with is one.
            if spec.kind == Kind::Increment && spec.differences && index == 0 {
                reading.kind = Kind::Absolute;
            }
        }
        if !self.date(record, rule, dated, &mut reading, &mut by_date) {
            self.decoded
                .remark_with("absent", || about(record, "has no date yet"));
            return;
        }
        if approximate {
            let text = format!(
                "record {} is binary floating point: for display only",
                Hex(record.header())
            );
            self.decoded.remark("approximate", text);
        }
        if let Some((_, index)) = rule.filter(|(spec, _)| spec.differences) {
            self.differences.push((reading, index == 0));
            return;
        }
        // An extreme or a mean of another period has no name of its own but its storage number.
        let mut repeats = self.stands(&reading);
        if repeats
            && reading.subunit == 0
            && matches!(
                reading.register,
                Register::Max | Register::Min | Register::Average
            )
        {
            reading.subunit = u16::try_from(record.dib.storage).unwrap_or(u16::MAX);
            repeats = self.stands(&reading);
        }
        if repeats {
            self.decoded.remark_with("repeated", || {
                let header = Hex(record.header());
                format!(
                    "record {header} repeats an earlier one with value {}",
                    reading.value
                )
                .into()
            });
            return;
        }
        if by_date {
            self.by_date.push(self.decoded.readings.len());
        }
        self.decoded.readings.push(reading);
    }

    fn stands(&self, reading: &Reading) -> bool {
        self.decoded
            .readings
            .iter()
            .any(|other| same_place(other, reading))
    }

    /// Dates a stored value; false when its slot has never been filled, so that whatever number stands there is none.
    fn date(
        &self,
        record: &Record<'a>,
        rule: Rule<'a>,
        dated: Dated,
        reading: &mut Reading,
        by_date: &mut bool,
    ) -> bool {
        let count = |from: fn(Date, u16) -> Option<Date>| match reading.register {
            Register::History(n) => self.today.and_then(|today| from(today, n)),
            Register::SetDate => self.today.and_then(|today| from(today, 1)),
            _ => None,
        };
        let of_storage = |storage: u64| match storage {
            0 => self.almanac.clock(self.records, &record.dib),
            _ => almanac::beside(
                self.dates.iter().filter(|(dib, _)| dib.storage == storage),
                &record.dib,
            ),
        };
        reading.at = match dated {
            Dated::Undated => None,
            Dated::MonthEnd => count(month_end).map(Stamp::date),
            Dated::MonthStart => count(month_start).map(Stamp::date),
            Dated::HalfMonthEnd => count(half_month_end).map(Stamp::date),
            Dated::RecordOrMonthStart => match of_storage(record.dib.storage) {
                Some(Some(stamp)) => Some(stamp),
                Some(None) => return false,
                None => count(month_start).map(Stamp::date),
            },
            Dated::Record if record.dib.storage == 0 => None,
            Dated::Record => match of_storage(record.dib.storage) {
                Some(Some(stamp)) => Some(stamp),
                Some(None) => return false,
                None if rule.is_none() => series::date(record, self.records, of_storage),
                None => None,
            },
            Dated::FromFirst(step) => {
                let Some((spec, index)) = rule else { return true };
                match of_storage(spec.dib.storage) {
                    Some(Some(first)) => first.day().and_then(|day| step.from(day, index)).map(Stamp::date),
                    Some(None) => return false,
                    None => None,
                }
            }
        };
        *by_date &= reading.at.is_some();
        true
    }
}

/// True for a second value under the same name: nobody says which it is, and the first counts.
fn same_place(a: &Reading, b: &Reading) -> bool {
    let place = |reading: &Reading| {
        (
            reading.quantity,
            reading.register,
            reading.at,
            reading.tariff,
            reading.subunit,
            reading.unit,
            reading.direction,
            reading.kind,
        )
    };
    place(a) == place(b)
        && !matches!(
            a.quantity,
            Quantity::Duration
                | Quantity::ErrorDuration
                | Quantity::OnTime
                | Quantity::OperatingTime
                | Quantity::Age
                | Quantity::Battery
                | Quantity::Count
        )
}

/// A sentence about a record, made without a formatter: many a telegram has ten of them.
fn about(record: &Record<'_>, says: &str) -> Cow<'static, str> {
    let header = record.header();
    let mut text = String::with_capacity("record  ".len() + 2 * header.len() + says.len());
    text.push_str("record ");
    header.iter().for_each(|octet| text.push_str(digits(*octet)));
    text.push(' ');
    text.push_str(says);
    text.into()
}

/// Octets as hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the formatting of numbers: it is called for many a fact.
        self.0.iter().try_for_each(|octet| f.write_str(digits(*octet)))
    }
}

/// The two digits of an octet.
pub(crate) fn digits(octet: u8) -> &'static str {
    let at = 2 * usize::from(octet);
    PAIRS.get(at..at + 2).unwrap_or_default()
}

/// The digits of all octets, one after the other.
static PAIRS: &str = {
    const OCTETS: [u8; 512] = {
        let mut pairs = [0; 512];
        let mut rest: &mut [u8] = &mut pairs;
        let mut octet = 0_u8;
        while let Some(([high, low], behind)) = rest.split_first_chunk_mut::<2>() {
            (*high, *low) = (nibble(octet >> 4), nibble(octet & 0x0F));
            octet = octet.wrapping_add(1);
            rest = behind;
        }
        pairs
    };
    match std::str::from_utf8(&OCTETS) {
        Ok(pairs) => pairs,
        Err(_) => "",
    }
};

const fn nibble(value: u8) -> u8 {
    if value < 10 {
        b'0' + value
    } else {
        b'A' - 10 + value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_has_its_digits() {
        for octet in 0..=255_u8 {
            assert_eq!(Hex(&[octet, 7]).to_string(), format!("{octet:02X}07"));
        }
    }
}

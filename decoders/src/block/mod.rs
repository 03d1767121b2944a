//! Makers' own layouts: fields at fixed offsets of a block, read and written as a page describes them.

mod coding;
mod field;
mod months;

use wmbus::Version;
use wmbus::apl::{Date, Record};

use self::coding::Partial;
use self::field::{Field, Role};
use crate::Context;
use crate::decoded::Decoded;
use crate::page::BlockRule;
use crate::reading::{Quantity, Reading, Register, Stamp, StatusWord};
use crate::rule::hex;
use crate::speak::Spoken;
use crate::status::{self, StatusTable};
use crate::table::today;

/// A block of octets that a page describes.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) place: Place,
    length: usize,
    exact: bool,
    versions: Vec<Version>,
    when: Vec<(usize, u8)>,
    fields: Vec<Field>,
}

/// Where a block stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// All application data after this CI-field.
    Ci(u8),
    /// After a DIF 0F.
    After0F,
    /// The data of the record with this header.
    Record(Vec<u8>),
}

impl Block {
    pub(crate) fn new(rule: &BlockRule) -> Result<Self, String> {
        let place = match rule.place.split_once(' ') {
            Some(("ci", octet)) => match hex(octet)?[..] {
                [ci] => Place::Ci(ci),
                _ => return Err("a CI-field is one octet".into()),
            },
            Some(("after", "0F")) => Place::After0F,
            Some(("record", header)) => Place::Record(hex(header)?),
            _ => return Err("write \"ci A2\", \"after 0F\" or \"record 0DFF5F\"".into()),
        };
        let when = rule
            .when
            .iter()
            .map(|text| condition(text))
            .collect::<Result<_, _>>()?;
        let versions = rule
            .versions
            .iter()
            .map(|text| match hex(text)?[..] {
                [version] => Ok(Version(version)),
                _ => Err(format!("versions has {text:?}: a version is one octet")),
            })
            .collect::<Result<_, _>>()?;
        let fields: Vec<Field> = rule
            .fields
            .iter()
            .map(|field| Field::new(field).map_err(|message| format!("field at {}: {message}", field.at)))
            .collect::<Result<_, _>>()?;
        if let Some(field) = fields.iter().find(|field| field.at + field.width() > rule.length) {
            return Err(format!(
                "the field at {} ends after the block, which has {} octets",
                field.at, rule.length
            ));
        }
        Ok(Self {
            place,
            length: rule.length,
            exact: rule.exact,
            versions,
            when,
            fields,
        })
    }

    pub(crate) fn follows_ci(&self, ci: u8, version: Version) -> bool {
        self.place == Place::Ci(ci) && self.is_for(version)
    }

    pub(crate) fn follows_0f(&self, version: Version) -> bool {
        self.place == Place::After0F && self.is_for(version)
    }

    pub(crate) fn inside(&self, record: &Record<'_>) -> bool {
        matches!(&self.place, Place::Record(header) if header == record.header())
    }

    fn is_for(&self, version: Version) -> bool {
        self.versions.is_empty() || self.versions.contains(&version)
    }

    /// Reads the block when it is one: long enough, with the octets that must be so. True when it was.
    pub(crate) fn read(
        &self,
        octets: &[u8],
        table: &StatusTable,
        context: &Context,
        decoded: &mut Decoded,
    ) -> bool {
        let fits = octets.len() >= self.length && !(self.exact && octets.len() != self.length);
        if !fits || self.when.iter().any(|(at, octet)| octets.get(*at) != Some(octet)) {
            return false;
        }
        for field in &self.fields {
            about_meter(field, octets, table, decoded);
        }
        let values = Values {
            block: self,
            octets,
            today: today(context, decoded),
        };
        for field in &self.fields {
            if let Role::Reading(quantity) = field.role {
                if field.months_before > 0 {
                    months::read(field, quantity, octets, decoded);
                } else {
                    values.read(field, quantity, decoded);
                }
            }
        }
        true
    }

    /// The block's octets for what is spoken; `None` when a value does not fit.
    pub(crate) fn write(&self, spoken: &Spoken, status: u8) -> Option<Vec<u8>> {
        let mut octets = vec![0; self.length];
        for (at, octet) in &self.when {
            *octets.get_mut(*at)? = *octet;
        }
        for field in &self.fields {
            field.write(spoken, status, &mut octets)?;
        }
        Some(octets)
    }

    /// The date of a register: `Some(None)` when there is a field for it which is not set.
    fn date_of(&self, register: Register, octets: &[u8]) -> Option<Option<Partial>> {
        let dates = |field: &&Field| field.role == Role::Dates(register);
        self.fields.iter().find(dates).map(|field| field.stamp(octets))
    }
}

/// Clock, conditions and facts of a field.
fn about_meter(field: &Field, octets: &[u8], table: &StatusTable, decoded: &mut Decoded) {
    match &field.role {
        Role::Clock => {
            if let Some(Partial::Whole(stamp)) = field.stamp(octets) {
                decoded.device_time = Some(stamp);
            }
        }
        Role::Status => {
            if let Some(octet) = octets.get(field.at) {
                table.read(*octet, &mut decoded.status);
            }
        }
        Role::Flags => {
            let Some(raw) = field.raw(octets) else { return };
            if status::read_bits(&field.bits, raw, &mut decoded.status) != 0 {
                status::add(&mut decoded.status, StatusWord::ManufacturerBits, false);
            }
            let digits = 2 * field.coding.width();
            decoded.fact("error_flags", format!("{raw:0digits$X}"));
        }
        Role::Fact(name) => {
            let value = match field.stamp(octets) {
                Some(Partial::Whole(stamp)) => Some(stamp.to_string()),
                Some(Partial::NoYear { .. }) => None,
                None if field.coding.is_date() => None,
                None => field.number(octets, 0).map(|number| number.to_string()),
            };
            if let Some(value) = value {
                decoded.fact(name, value);
                if field.raw(octets).is_some_and(|raw| raw != 0) {
                    decoded.status.extend(&field.raises);
                }
            }
        }
        Role::Reading(_) | Role::Dates(_) | Role::Ignored => {}
    }
}

/// The values of a block, with what dates them.
struct Values<'a> {
    block: &'a Block,
    octets: &'a [u8],
    today: Option<Date>,
}

impl Values<'_> {
    fn read(&self, field: &Field, quantity: Quantity, decoded: &mut Decoded) {
        for index in 0..usize::from(field.repeat) {
            let Some(mut value) = field.number(self.octets, index) else {
                decoded.remark("absent", format!("the field at {} has no value", field.at));
                continue;
            };
            if let Some(base) = field.on_top_of {
                let mut bases = self
                    .block
                    .fields
                    .iter()
                    .filter(|other| other.is_base(base, &field.role));
                let base = bases.next().and_then(|base| base.number(self.octets, 0));
                let Some(sum) = base.and_then(|base| value.checked_add(base)) else {
                    continue;
                };
                value = sum;
            }
            let mut reading = field.reading(quantity, value, index, self.today);
            match self.block.date_of(reading.register, self.octets) {
                Some(Some(Partial::Whole(stamp))) => reading.at = Some(stamp),
                Some(Some(Partial::NoYear { month, day })) => {
                    reading.at = self.year_after_set_date(month, day).map(Stamp::date);
                }
                Some(None) if reading.register != Register::Current => {
                    decoded.remark("absent", format!("the field at {} has no date yet", field.at));
                    continue;
                }
                _ => {}
            }
            let stands = decoded.readings.iter().any(|other| {
                let key = |reading: &Reading| {
                    (
                        reading.quantity,
                        reading.register,
                        reading.direction,
                        reading.kind,
                        reading.at,
                    )
                };
                key(other) == key(&reading)
            });
            if !stands {
                decoded.readings.push(reading);
            }
        }
    }

    /// A day and month in the year that follows the due date: the due date's own when it lies later in the calendar.
    fn year_after_set_date(&self, month: u8, day: u8) -> Option<Date> {
        let Some(Partial::Whole(stamp)) = self.block.date_of(Register::SetDate, self.octets)? else {
            return None;
        };
        let due = stamp.day()?;
        let later = (month, day) > (due.month, due.day);
        Date::new(if later { due.year } else { due.year + 1 }, month, day)
    }
}

/// `1 = 82`.
fn condition(text: &str) -> Result<(usize, u8), String> {
    let wrong = || format!("when has {text:?}: write offset and octet, such as \"1 = 82\"");
    let (at, octet) = text.split_once('=').ok_or_else(wrong)?;
    let at = at.trim().parse().map_err(|_| wrong())?;
    match hex(octet)?[..] {
        [octet] => Ok((at, octet)),
        _ => Err(wrong()),
    }
}

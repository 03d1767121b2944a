//! Makers' own layouts: fields at fixed offsets of a block, read and written as a page describes them.

use wmbus::Decimal;
use wmbus::Version;
use wmbus::apl::date::{type_f, type_g, type_i};
use wmbus::apl::{Date, Record};

use crate::decoded::Decoded;
use crate::family::{RegisterRule, hex, register};
use crate::page::{BlockRule, FieldRule};
use crate::reading::{Quantity, Reading, Register, Stamp};
use crate::speak::Spoken;
use crate::table::Hex;

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

#[derive(Clone, Debug)]
struct Field {
    at: usize,
    coding: Coding,
    role: Role,
    scale: i8,
    register: Register,
    on_top_of: Option<Register>,
    months_before: u16,
    absent: Option<Vec<u8>>,
    value: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Role {
    Reading(Quantity),
    /// The date of the values of a register.
    Dates(Register),
    Clock,
    Status,
    Fact(String),
    Ignored,
}

/// How octets make a number or a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Unsigned(usize),
    UnsignedBig(usize),
    Signed(usize),
    Bcd(usize),
    /// Sixteen bits, of which eight are 256ths: exact, as steps of 10⁻⁸.
    Fixed8,
    DateG,
    /// Day bits 0–4, month bits 5–8, year bits 9–15.
    DateP,
    /// Day bits 0–4, month bits 5–8: every year.
    DayP,
    /// Day bits 4–8, month bits 9–12; the year follows from the due date.
    DateT,
    DateTimeF,
    DateTimeI,
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
    pub(crate) fn read(&self, octets: &[u8], decoded: &mut Decoded) -> bool {
        let fits = octets.len() >= self.length && !(self.exact && octets.len() != self.length);
        if !fits || self.when.iter().any(|(at, octet)| octets.get(*at) != Some(octet)) {
            return false;
        }
        let dates: Vec<_> = self
            .fields
            .iter()
            .filter_map(|field| match field.role {
                Role::Dates(register) => Some((register, field.stamp(octets))),
                _ => None,
            })
            .collect();
        let set_date = dates
            .iter()
            .find(|(register, _)| *register == Register::SetDate)
            .and_then(|(_, at)| *at);
        let date_of = |register: Register| {
            let (_, at) = dates.iter().find(|(other, _)| *other == register)?;
            Some(*at)
        };
        for field in &self.fields {
            match &field.role {
                Role::Reading(quantity) => {
                    let Some(mut value) = field.number(octets) else {
                        decoded.remark("absent", format!("the field at {} has no value", field.at));
                        continue;
                    };
                    if let Some(base) = field.on_top_of {
                        let base = self.fields.iter().find(|other| {
                            other.register == base && other.role == field.role && other.on_top_of.is_none()
                        });
                        let sum = base
                            .and_then(|base| base.number(octets))
                            .and_then(|base| value.checked_add(base));
                        let Some(sum) = sum else { continue };
                        value = sum;
                    }
                    let at = match date_of(field.register) {
                        Some(Some(Partial::Whole(stamp))) => Some(stamp),
                        Some(Some(Partial::NoYear { month, day })) => {
                            year_after(set_date, month, day).map(Stamp::date)
                        }
                        Some(None) if field.register == Register::Current => None,
                        Some(None) => {
                            decoded.remark("absent", format!("the field at {} has no date yet", field.at));
                            continue;
                        }
                        None => None,
                    };
                    let register = field.register;
                    let reading = Reading {
                        register,
                        at,
                        ..Reading::new(*quantity, value)
                    };
                    if field.months_before > 0 {
                        months(field, octets, decoded);
                    } else if !decoded.readings.iter().any(|other| {
                        (other.quantity, other.register, other.at)
                            == (reading.quantity, reading.register, reading.at)
                    }) {
                        decoded.readings.push(reading);
                    }
                }
                Role::Clock => {
                    if let Some(Partial::Whole(stamp)) = field.stamp(octets) {
                        decoded.device_time = Some(stamp);
                    }
                }
                Role::Fact(name) => {
                    let value = match field.stamp(octets) {
                        Some(Partial::Whole(stamp)) => Some(stamp.to_string()),
                        Some(Partial::NoYear { .. }) => None,
                        None if field.coding.is_date() => None,
                        None => field.number(octets).map(|number| number.to_string()),
                    };
                    if let Some(value) = value {
                        decoded.fact(name, value);
                    }
                }
                Role::Dates(_) | Role::Status | Role::Ignored => {}
            }
        }
        true
    }

    /// The status octet that the block carries in place of the transport layer's.
    pub(crate) fn status(&self, octets: &[u8]) -> Option<u8> {
        let field = self.fields.iter().find(|field| field.role == Role::Status)?;
        octets.get(field.at).copied()
    }

    /// The block's octets for what is spoken; `None` when a value does not fit.
    pub(crate) fn write(&self, spoken: &Spoken, status: u8) -> Option<Vec<u8>> {
        let mut octets = vec![0; self.length];
        for (at, octet) in &self.when {
            *octets.get_mut(*at)? = *octet;
        }
        for field in &self.fields {
            let written = field.write(spoken, status)?;
            octets
                .get_mut(field.at..field.at + written.len())?
                .copy_from_slice(&written);
        }
        Some(octets)
    }
}

/// A date, or a day and month whose year follows from elsewhere.
#[derive(Clone, Copy, Debug)]
enum Partial {
    Whole(Stamp),
    NoYear { month: u8, day: u8 },
}

impl Field {
    fn new(rule: &FieldRule) -> Result<Self, String> {
        let fixed = |text: &str| match register(text)? {
            RegisterRule::Fixed(register) => Ok(register),
            RegisterRule::HistoryFrom(n) => Ok(Register::History(n)),
            RegisterRule::HistoryByDate => Err("write a number, such as \"history 1\"".to_owned()),
        };
        let role = match rule.role.as_str() {
            "date" => Role::Dates(fixed(
                rule.dates
                    .as_deref()
                    .ok_or("a date says which register it dates")?,
            )?),
            "clock" => Role::Clock,
            "status" => Role::Status,
            "ignored" => Role::Ignored,
            name => Quantity::from_name(name).map_or_else(|| Role::Fact(name.to_owned()), Role::Reading),
        };
        Ok(Self {
            at: rule.at,
            coding: Coding::new(&rule.type_)?,
            role,
            scale: rule.scale,
            register: rule.register.as_deref().map_or(Ok(Register::Current), fixed)?,
            on_top_of: rule.on_top_of.as_deref().map(fixed).transpose()?,
            months_before: rule.months_before.unwrap_or(0),
            absent: rule.absent.as_deref().map(hex).transpose()?,
            value: rule.value.as_deref().map(hex).transpose()?.unwrap_or_default(),
        })
    }

    fn width(&self) -> usize {
        self.coding.width() * usize::from(self.months_before.max(1))
    }

    fn octets<'a>(&self, block: &'a [u8]) -> Option<&'a [u8]> {
        let octets = block.get(self.at..self.at + self.coding.width())?;
        (self.absent.as_deref() != Some(octets)).then_some(octets)
    }

    fn number(&self, block: &[u8]) -> Option<Decimal> {
        let octets = self.octets(block)?;
        let mantissa = self.coding.number(octets)?;
        Some(Decimal::new(
            mantissa,
            if self.coding == Coding::Fixed8 {
                -8
            } else {
                self.scale
            },
        ))
    }

    fn stamp(&self, block: &[u8]) -> Option<Partial> {
        let octets = self.octets(block)?;
        let word = |octets: &[u8]| {
            octets
                .first_chunk::<2>()
                .map(|octets| u16::from_le_bytes(*octets))
        };
        let small = |value: u16| u8::try_from(value).unwrap_or(0);
        let moment = match self.coding {
            Coding::DateG => type_g(*octets.first_chunk()?),
            Coding::DateTimeF => type_f(*octets.first_chunk()?),
            Coding::DateTimeI => type_i(*octets.first_chunk()?),
            Coding::DateP => {
                let value = word(octets)?;
                let date = Date::new(2000 + (value >> 9), small(value >> 5 & 15), small(value & 31))?;
                return Some(Partial::Whole(Stamp::date(date)));
            }
            Coding::DayP => {
                let value = word(octets)?;
                let (month, day) = (small(value >> 5 & 15), small(value & 31));
                return Date::new(2000, month, day).map(|_| Partial::Whole(Stamp::EveryYear { month, day }));
            }
            Coding::DateT => {
                let value = word(octets)?;
                let (month, day) = (small(value >> 9 & 15), small(value >> 4 & 31));
                return (month > 0 && day > 0).then_some(Partial::NoYear { month, day });
            }
            _ => None,
        };
        moment.and_then(Stamp::of).map(Partial::Whole)
    }

    fn write(&self, spoken: &Spoken, status: u8) -> Option<Vec<u8>> {
        if !self.value.is_empty() {
            return Some(self.value.clone());
        }
        let width = self.coding.width();
        let absent = || self.absent.clone().unwrap_or_else(|| vec![0; width]);
        Some(match &self.role {
            Role::Reading(quantity) if self.months_before > 0 => {
                let states: Vec<Option<i64>> = (1..=self.months_before + 1)
                    .map(|n| {
                        spoken
                            .value(*quantity, Register::History(n))
                            .and_then(|value| value.rescale(self.scale))
                    })
                    .collect();
                // Oldest first: the difference that ends at the newest month end comes last.
                let mut octets = Vec::with_capacity(self.width());
                for pair in states.windows(2).rev() {
                    let [newer, older] = pair else { return None };
                    match newer.zip(*older) {
                        Some((newer, older)) => octets.extend(self.coding.write(newer - older)?),
                        None => octets.extend([0x00, 0x80]),
                    }
                }
                octets
            }
            Role::Reading(quantity) => match spoken.value(*quantity, self.register) {
                Some(value) => {
                    let base = match self.on_top_of {
                        Some(base) => spoken.value(*quantity, base)?,
                        None => Decimal::new(0, self.scale),
                    };
                    self.coding.write(value.checked_sub(base)?.rescale(self.scale)?)?
                }
                None => absent(),
            },
            Role::Dates(Register::Current) => {
                let today = spoken.device_time.and_then(|stamp| stamp.day())?;
                self.coding.write_date(Stamp::date(today))?
            }
            Role::Dates(register) => match spoken.date(*register) {
                Some(stamp) => self.coding.write_date(stamp)?,
                None => absent(),
            },
            Role::Clock => match spoken.device_time {
                Some(stamp) => self.coding.write_date(stamp)?,
                None => absent(),
            },
            Role::Status => vec![status],
            Role::Fact(_) | Role::Ignored => absent(),
        })
    }
}

impl Coding {
    fn new(text: &str) -> Result<Self, String> {
        Ok(match text {
            "u8" => Self::Unsigned(1),
            "u16" => Self::Unsigned(2),
            "u24" => Self::Unsigned(3),
            "u32" => Self::Unsigned(4),
            "u16be" => Self::UnsignedBig(2),
            "u24be" => Self::UnsignedBig(3),
            "u32be" => Self::UnsignedBig(4),
            "i8" => Self::Signed(1),
            "i16" => Self::Signed(2),
            "i24" => Self::Signed(3),
            "i32" => Self::Signed(4),
            "u8.8" => Self::Fixed8,
            "bcd1" => Self::Bcd(1),
            "bcd2" => Self::Bcd(2),
            "bcd3" => Self::Bcd(3),
            "bcd4" => Self::Bcd(4),
            "date_g" => Self::DateG,
            "date_p" => Self::DateP,
            "day_p" => Self::DayP,
            "date_t" => Self::DateT,
            "datetime_f" => Self::DateTimeF,
            "datetime_i" => Self::DateTimeI,
            _ => {
                return Err(format!(
                    "type = {text:?}: write u8, u16, u24, u32, i8 … i32, u16be …, u8.8, bcd1 … bcd4, date_g, date_p, day_p, date_t, \
                     datetime_f or datetime_i"
                ));
            }
        })
    }

    fn width(self) -> usize {
        match self {
            Self::Unsigned(width) | Self::UnsignedBig(width) | Self::Signed(width) | Self::Bcd(width) => {
                width
            }
            Self::Fixed8 | Self::DateG | Self::DateP | Self::DayP | Self::DateT => 2,
            Self::DateTimeF => 4,
            Self::DateTimeI => 6,
        }
    }

    fn is_date(self) -> bool {
        matches!(
            self,
            Self::DateG | Self::DateP | Self::DateT | Self::DateTimeF | Self::DateTimeI
        )
    }

    fn number(self, octets: &[u8]) -> Option<i64> {
        let mut wide = [0; 8];
        match self {
            Self::Unsigned(width) => {
                wide.get_mut(..width)?.copy_from_slice(octets);
                i64::try_from(u64::from_le_bytes(wide)).ok()
            }
            Self::UnsignedBig(width) => {
                wide.get_mut(8 - width..)?.copy_from_slice(octets);
                i64::try_from(u64::from_be_bytes(wide)).ok()
            }
            Self::Fixed8 => octets
                .first_chunk()
                .map(|octets| i64::from(u16::from_le_bytes(*octets)) * STEP_256),
            Self::Signed(width) => {
                let negative = octets.last()? & 0x80 != 0;
                wide = [if negative { 0xFF } else { 0 }; 8];
                wide.get_mut(..width)?.copy_from_slice(octets);
                Some(i64::from_le_bytes(wide))
            }
            Self::Bcd(_) => octets.iter().rev().try_fold(0_i64, |number, octet| {
                let (high, low) = (octet >> 4, octet & 15);
                (high <= 9 && low <= 9).then(|| number * 100 + i64::from(high) * 10 + i64::from(low))
            }),
            _ => None,
        }
    }

    fn write(self, value: i64) -> Option<Vec<u8>> {
        let octets = match self {
            Self::Unsigned(width) => u64::try_from(value).ok()?.to_le_bytes().get(..width)?.to_vec(),
            Self::UnsignedBig(width) => u64::try_from(value)
                .ok()?
                .to_be_bytes()
                .get(8 - width..)?
                .to_vec(),
            Self::Signed(width) => value.to_le_bytes().get(..width)?.to_vec(),
            Self::Fixed8 => u16::try_from(value / STEP_256).ok()?.to_le_bytes().to_vec(),
            Self::Bcd(width) => {
                let mut rest = u64::try_from(value).ok()?;
                let mut octets = Vec::with_capacity(width);
                for _ in 0..width {
                    let pair = u8::try_from(rest % 100).ok()?;
                    octets.push(((pair / 10) << 4) | (pair % 10));
                    rest /= 100;
                }
                octets
            }
            _ => return None,
        };
        (self.number(&octets) == Some(value)).then_some(octets)
    }

    fn write_date(self, stamp: Stamp) -> Option<Vec<u8>> {
        let date = stamp.day()?;
        let (day, month) = (u16::from(date.day), u16::from(date.month));
        let (hour, minute, second) = match stamp {
            Stamp::DateTime {
                hour, minute, second, ..
            } => (hour, minute, second.unwrap_or(0)),
            _ => (0, 0, 0),
        };
        Some(match self {
            Self::DateG => date.to_type_g()?.to_vec(),
            Self::DateP => {
                let year = date.year.checked_sub(2000).filter(|year| *year < 128)?;
                (day | month << 5 | year << 9).to_le_bytes().to_vec()
            }
            Self::DayP => (day | month << 5).to_le_bytes().to_vec(),
            Self::DateT => (day << 4 | month << 9 | (date.year & 1) << 13)
                .to_le_bytes()
                .to_vec(),
            Self::DateTimeF => wmbus::apl::date::to_type_f(date, hour, minute)?.to_vec(),
            Self::DateTimeI => wmbus::apl::date::to_type_i(date, hour, minute, second)?.to_vec(),
            _ => return None,
        })
    }
}

/// A 256th in steps of 10⁻⁸.
const STEP_256: i64 = 390_625;

/// Month ends before that of `history 1`, from differences sent oldest first: each is the next newer minus its difference,
/// which is negative across a restart. 8000 ends the row.
fn months(field: &Field, octets: &[u8], decoded: &mut Decoded) {
    let Role::Reading(quantity) = field.role else {
        return;
    };
    let newest = decoded
        .readings
        .iter()
        .find(|reading| reading.quantity == quantity && reading.register == Register::History(1))
        .and_then(|reading| Some((reading.value, reading.at?.day()?)));
    let Some((mut value, day)) = newest else { return };
    for n in 1..=field.months_before {
        let back = usize::from(field.months_before - n) * 2;
        let Some(difference) = octets
            .get(field.at + back..)
            .and_then(|octets| octets.first_chunk::<2>())
        else {
            return;
        };
        let difference = i16::from_le_bytes(*difference);
        let older = value.checked_sub(Decimal::new(i64::from(difference), field.scale));
        let (Some(older), Some(at)) = (
            older.filter(|_| difference != i16::MIN),
            day.add_months(-i32::from(n)),
        ) else {
            return;
        };
        value = older;
        let at = Some(Stamp::date(at));
        decoded.readings.push(Reading {
            register: Register::History(n + 1),
            at,
            ..Reading::new(quantity, value)
        });
    }
}

/// A day and month in the year that follows a due date: the due date's own year when it lies later in the calendar.
fn year_after(set_date: Option<Partial>, month: u8, day: u8) -> Option<Date> {
    let Some(Partial::Whole(stamp)) = set_date else {
        return None;
    };
    let due = stamp.day()?;
    let year = if (month, day) > (due.month, due.day) {
        due.year
    } else {
        due.year + 1
    };
    Date::new(year, month, day)
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

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Place::Ci(ci) => write!(f, "after CI {ci:02X}"),
            Place::After0F => write!(f, "after DIF 0F"),
            Place::Record(header) => write!(f, "in record {}", Hex(header)),
        }
    }
}

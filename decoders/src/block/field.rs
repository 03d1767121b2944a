//! One field of a maker's layout: what it says, read and written.

use wmbus::Decimal;
use wmbus::apl::Date;

use super::coding::{Coding, Partial};
use crate::dating::{half_month_end, month_end, month_start};
use crate::page::FieldRule;
use crate::reading::{Direction, Kind, Quantity, Reading, Register, Stamp, Status, Unit};
use crate::rule::{Dated, RegisterRule, dated, hex, kind, register, unit};
use crate::speak::{Spoken, at_resolution};
use crate::status;

/// A field, checked.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) at: usize,
    pub(super) coding: Coding,
    pub(super) role: Role,
    mask: Option<u64>,
    times: i64,
    pub(super) scale: i8,
    unit: Option<Unit>,
    pub(super) register: Register,
    pub(super) on_top_of: Option<Register>,
    pub(super) months_before: u16,
    pub(super) repeat: u16,
    stride: usize,
    oldest_first: bool,
    dated: Dated,
    pub(super) kind: Kind,
    direction: Direction,
    pub(super) bits: Vec<(u64, Vec<Status>)>,
    pub(super) raises: Vec<Status>,
    absent: Option<Vec<u8>>,
    value: Vec<u8>,
}

/// What a field says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Reading(Quantity),
    /// The date of the values of a register.
    Dates(Register),
    Clock,
    /// The octet that the page's status table explains.
    Status,
    /// Bits that the field itself explains.
    Flags,
    Fact(String),
    Ignored,
}

impl Field {
    pub(super) fn new(rule: &FieldRule) -> Result<Self, String> {
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
            "flags" => Role::Flags,
            "ignored" => Role::Ignored,
            name => Quantity::from_name(name).map_or_else(|| Role::Fact(name.to_owned()), Role::Reading),
        };
        let coding = Coding::new(&rule.type_)?;
        let dated = dated(rule.dated.as_deref())?;
        if matches!(dated, Dated::FromFirst(_)) {
            return Err("a field is dated by month_end, month_start or half_month_end".into());
        }
        let direction = match rule.direction.as_deref() {
            None => Direction::Net,
            Some("forward") => Direction::Forward,
            Some("reverse") => Direction::Reverse,
            Some(other) => {
                return Err(format!("direction = {other:?}: write \"forward\" or \"reverse\""));
            }
        };
        let mask = rule.mask.as_deref().map(status::number).transpose()?;
        Ok(Self {
            at: rule.at,
            coding,
            role,
            mask: mask.filter(|mask| *mask != 0),
            times: rule.times.unwrap_or(1).max(1),
            scale: rule.scale,
            unit: rule.unit.as_deref().map(unit).transpose()?,
            register: rule.register.as_deref().map_or(Ok(Register::Current), fixed)?,
            on_top_of: rule.on_top_of.as_deref().map(fixed).transpose()?,
            months_before: rule.months_before.unwrap_or(0),
            repeat: rule.repeat.unwrap_or(1).max(1),
            stride: rule.stride.unwrap_or(coding.width()),
            oldest_first: rule.oldest_first,
            dated,
            kind: kind(rule.kind.as_deref())?,
            direction,
            bits: status::bits(&rule.bits)?,
            raises: rule
                .raises
                .as_deref()
                .map(status::words)
                .transpose()?
                .unwrap_or_default(),
            absent: rule.absent.as_deref().map(hex).transpose()?,
            value: rule.value.as_deref().map(hex).transpose()?.unwrap_or_default(),
        })
    }

    /// Octets from the first to the last.
    pub(super) fn width(&self) -> usize {
        let repeated = usize::from(self.repeat.max(self.months_before).max(1)) - 1;
        self.stride * repeated + self.coding.width()
    }

    /// True when it is the number that another one counts on top of.
    pub(super) fn is_base(&self, register: Register, role: &Role) -> bool {
        self.register == register && self.role == *role && self.on_top_of.is_none()
    }

    fn octets<'a>(&self, block: &'a [u8], index: usize) -> Option<&'a [u8]> {
        let at = self.at + index * self.stride;
        let octets = block.get(at..at + self.coding.width())?;
        (self.absent.as_deref() != Some(octets)).then_some(octets)
    }

    /// The number `index` places behind the first.
    pub(super) fn number(&self, block: &[u8], index: usize) -> Option<Decimal> {
        let mut mantissa = self.coding.number(self.octets(block, index)?)?;
        if let Some(mask) = self.mask {
            let bits = u64::try_from(mantissa).ok()? & mask;
            mantissa = i64::try_from(bits >> mask.trailing_zeros()).ok()?;
        }
        let exponent = if self.coding == Coding::Fixed8 {
            -8
        } else {
            self.scale
        };
        Some(Decimal::new(mantissa.checked_mul(self.times)?, exponent))
    }

    /// The field as bits.
    pub(super) fn raw(&self, block: &[u8]) -> Option<u64> {
        let octets = self.octets(block, 0)?;
        Some(
            octets
                .iter()
                .rev()
                .fold(0, |bits, octet| bits << 8 | u64::from(*octet)),
        )
    }

    pub(super) fn stamp(&self, block: &[u8]) -> Option<Partial> {
        self.coding.stamp(self.octets(block, 0)?)
    }

    /// The reading `index` places behind the first, with a value; its date is that of its place in the row, if it has one.
    pub(super) fn reading(
        &self,
        quantity: Quantity,
        value: Decimal,
        index: usize,
        today: Option<Date>,
    ) -> Reading {
        let register = self.register_at(index);
        let from = match self.dated {
            Dated::MonthEnd => Some(month_end as fn(Date, u16) -> Option<Date>),
            Dated::MonthStart => Some(month_start as fn(Date, u16) -> Option<Date>),
            Dated::HalfMonthEnd => Some(half_month_end as fn(Date, u16) -> Option<Date>),
            _ => None,
        };
        let n = match register {
            Register::History(n) => n,
            _ => 1,
        };
        Reading {
            unit: self.unit.unwrap_or(quantity.unit()),
            register,
            kind: self.kind,
            direction: self.direction,
            at: from
                .zip(today)
                .and_then(|(from, today)| from(today, n))
                .map(Stamp::date),
            ..Reading::new(quantity, value)
        }
    }

    fn register_at(&self, index: usize) -> Register {
        match self.register {
            Register::History(n) => {
                let index = u16::try_from(index).unwrap_or(u16::MAX);
                let behind = if self.oldest_first {
                    self.repeat - 1 - index
                } else {
                    index
                };
                Register::History(n.saturating_add(behind))
            }
            register => register,
        }
    }

    /// Writes the field over zeros; `None` when a value does not fit.
    pub(super) fn write(&self, spoken: &Spoken, status: u8, block: &mut [u8]) -> Option<()> {
        if !self.value.is_empty() {
            return put(block, self.at, &self.value);
        }
        if let (Role::Reading(quantity), true) = (&self.role, self.months_before > 0) {
            return put(block, self.at, &self.write_months(*quantity, spoken)?);
        }
        for index in 0..usize::from(self.repeat) {
            let octets = self.write_one(spoken, status, index)?;
            put(block, self.at + index * self.stride, &octets)?;
        }
        Some(())
    }

    fn write_one(&self, spoken: &Spoken, status: u8, index: usize) -> Option<Vec<u8>> {
        let absent = || {
            self.absent
                .clone()
                .unwrap_or_else(|| vec![0; self.coding.width()])
        };
        Some(match &self.role {
            Role::Reading(quantity) => {
                let register = self.register_at(index);
                let value = match (self.kind, register) {
                    (Kind::Increment, Register::History(n)) => spoken.gained(*quantity, n),
                    _ => spoken.in_direction(
                        *quantity,
                        register,
                        self.direction,
                        self.unit.unwrap_or(quantity.unit()),
                    ),
                };
                let Some(value) = value else { return Some(absent()) };
                let base = match self.on_top_of {
                    Some(base) => spoken.value(*quantity, base)?,
                    None => Decimal::new(0, self.scale),
                };
                let exponent = if self.coding == Coding::Fixed8 {
                    -8
                } else {
                    self.scale
                };
                let mut mantissa = at_resolution(value, exponent)?
                    .checked_sub(at_resolution(base, exponent)?)?
                    .div_euclid(self.times);
                if let Some(mask) = self.mask {
                    mantissa = mantissa.checked_shl(mask.trailing_zeros())?;
                }
                self.coding.write(mantissa)?
            }
            Role::Dates(Register::Current) => self.coding.write_date(Stamp::date(spoken.today()?))?,
            Role::Dates(register) => match spoken.date(*register) {
                Some(stamp) => self.coding.write_date(stamp)?,
                None => absent(),
            },
            Role::Clock => match spoken.device_time {
                Some(stamp) => self.coding.write_date(stamp)?,
                None => absent(),
            },
            Role::Status => vec![status],
            Role::Flags => {
                let bits = status::write_bits(&self.bits, &spoken.status).to_le_bytes();
                bits.get(..self.coding.width())?.to_vec()
            }
            Role::Fact(_) | Role::Ignored => absent(),
        })
    }

    /// Differences of months, oldest first: that which ends at the newest month end comes last.
    fn write_months(&self, quantity: Quantity, spoken: &Spoken) -> Option<Vec<u8>> {
        let states: Vec<Option<i64>> = (1..=self.months_before + 1)
            .map(|n| {
                let value = spoken.value(quantity, Register::History(n))?;
                at_resolution(value, self.scale)
            })
            .collect();
        let mut octets = Vec::with_capacity(self.width());
        for pair in states.windows(2).rev() {
            let [newer, older] = pair else { return None };
            match newer.zip(*older) {
                Some((newer, older)) => octets.extend(self.coding.write(newer - older)?),
                None => octets.extend([0x00, 0x80]),
            }
        }
        Some(octets)
    }
}

/// Adds octets to a block; fields of one octet's bits share it.
fn put(block: &mut [u8], at: usize, octets: &[u8]) -> Option<()> {
    let place = block.get_mut(at..at + octets.len())?;
    for (place, octet) in place.iter_mut().zip(octets) {
        *place |= octet;
    }
    Some(())
}

//! One record of a page, checked: how it is recognised, what becomes of it, which register and date it has.

use std::sync::Arc;

use wmbus::apl::{Date, Dib, Item, Qualifier, Quantity as Vif, Record, Records};

use crate::page::RecordRule;
use crate::reading::{Direction, Kind, Quantity, Register, Unit};

/// A record that a family sends.
#[derive(Clone, Debug)]
pub(crate) struct RecordSpec {
    /// DIB and VIB as sent.
    pub(crate) header: Vec<u8>,
    pub(crate) dib: Dib,
    vib: VibSpec,
    pub(crate) role: Role,
    pub(crate) register: Option<RegisterRule>,
    pub(crate) repeat: u16,
    pub(crate) step: u16,
    /// Which of several records with this header, from 1; `None` for all.
    pub(crate) nth: Option<u16>,
    pub(crate) dated: Dated,
    pub(crate) kind: Kind,
    /// Elements are signed differences, younger minus older, in the order of their storage numbers.
    pub(crate) differences: bool,
    pub(crate) direction: Option<Direction>,
    pub(crate) tariff: Option<u32>,
    pub(crate) subunit: Option<u16>,
    /// The unit and the power of ten that the maker means, where they are not the standard's.
    pub(crate) unit: Option<Unit>,
    pub(crate) scale: Option<i8>,
    /// Data that say that there is no value.
    pub(crate) absent: Vec<Vec<u8>>,
    /// Control and spacing octets and number of elements of a compact profile.
    pub(crate) profile: Option<([u8; 2], u16)>,
    pub(crate) value: Vec<u8>,
    /// Which of the page's telegrams it is sent in.
    pub(crate) telegram: Option<String>,
    /// Recognised, but not sent.
    pub(crate) heard_only: bool,
    /// No rule before it on its page means any of its records.
    pub(crate) alone: bool,
}

/// How the VIB of a record is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
enum VibSpec {
    /// The same quantity with the same qualifiers, whatever the power of ten.
    Quantity(Vif, Vec<Qualifier>),
    /// These octets.
    Octets(Vec<u8>),
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A reading as the standard has it.
    Reading,
    /// A reading whose quantity only the maker's VIF says.
    Quantity(Quantity),
    Ignored,
    Fact(Arc<str>),
}

/// Where a value is kept, with a count for repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegisterRule {
    Fixed(Register),
    /// `history` without a number: the dates decide.
    HistoryByDate,
    /// `history N`: counts on with the storage number.
    HistoryFrom(u16),
}

/// Where a stored value has its date from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dated {
    /// The date record beside it.
    Record,
    /// The end of the n-th month before the clock.
    MonthEnd,
    /// The first of the n-th month counted back from the clock's, which is number 1.
    MonthStart,
    /// The date record beside it, else as [`Dated::MonthStart`].
    RecordOrMonthStart,
    /// The n-th end of a half month (15th, last day) before the clock.
    HalfMonthEnd,
    /// The date of the first record of the repetition, and so many steps from there for each one after it.
    FromFirst(Step),
    Undated,
}

/// How far dates of a series are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Months(i32),
    HalfMonths(i32),
}

impl RecordSpec {
    pub(crate) fn new(rule: &RecordRule) -> Result<Self, String> {
        let header = hex(&rule.sends)?;
        // Data of any length make the header a record that the parser understands.
        let octets = [&header[..], &[0; 80]].concat();
        let Some(Item::Record(record)) = Records::new(&octets, 0).next() else {
            return Err("is no DIF and VIF".into());
        };
        if record.header() != header {
            return Err("has octets behind its VIF, or too few".into());
        }
        let role = match rule.role.as_deref() {
            None | Some("reading") => Role::Reading,
            Some("ignored") => Role::Ignored,
            Some(name) => Quantity::from_name(name).map_or_else(|| Role::Fact(name.into()), Role::Quantity),
        };
        let makers = matches!(
            record.vib.quantity,
            Vif::ManufacturerSpecific | Vif::Unknown | Vif::PlainText | Vif::Environment
        );
        let vib = if makers || record.vib.manufacturer_qualified || matches!(role, Role::Quantity(_)) {
            VibSpec::Octets(record.vib.octets.to_vec())
        } else {
            VibSpec::Quantity(record.vib.quantity, qualifiers(&record).collect())
        };
        let profile = match (&rule.profile, rule.elements) {
            (None, None) => None,
            (Some(octets), Some(elements)) => match hex(octets)?[..] {
                [control, spacing] => Some(([control, spacing], elements)),
                _ => return Err("profile is two octets: control and spacing".into()),
            },
            _ => return Err("profile and elements go together".into()),
        };
        let (kind, differences) = match rule.kind.as_deref() {
            Some("differences") => (Kind::Increment, true),
            text => (kind(text)?, false),
        };
        let dated = dated(rule.dated.as_deref())?;
        if matches!(dated, Dated::FromFirst(_)) && rule.repeat.is_none() {
            return Err("dated counts from the first of several records: say how many with repeat".into());
        }
        Ok(Self {
            dib: record.dib,
            vib,
            role,
            register: rule.register.as_deref().map(register).transpose()?,
            repeat: rule.repeat.unwrap_or(1).max(1),
            step: rule.step.unwrap_or(1).max(1),
            nth: rule.nth,
            dated,
            kind,
            differences,
            direction: rule.direction.as_deref().map(direction).transpose()?,
            tariff: rule.tariff,
            subunit: rule.subunit,
            unit: rule.unit.as_deref().map(unit).transpose()?,
            scale: rule.scale,
            absent: rule
                .absent
                .iter()
                .map(|text| hex(text))
                .collect::<Result<_, _>>()?,
            profile,
            value: rule.value.as_deref().map(hex).transpose()?.unwrap_or_default(),
            telegram: rule.telegram.clone(),
            heard_only: rule.heard_only,
            alone: false,
            header,
        })
    }

    /// How many steps behind the first of the repetition, when the record is meant.
    pub(crate) fn matches(&self, record: &Record<'_>) -> Option<u16> {
        let (a, b) = (&self.dib, &record.dib);
        if b.storage < a.storage || (a.function, a.tariff, a.subunit) != (b.function, b.tariff, b.subunit) {
            return None;
        }
        let same = match &self.vib {
            VibSpec::Octets(octets) => record.vib.octets == octets,
            VibSpec::Quantity(quantity, list) => {
                record.vib.quantity == *quantity
                    && (record.vib.octets.len() == 1 && list.is_empty()
                        || qualifiers(record).eq(list.iter().copied()))
            }
        };
        if !same {
            return None;
        }
        // Floating point is no other width of an integer.
        let real = |dib: &Dib| dib.data_field == 5;
        if real(a) != real(b) {
            return None;
        }
        let behind = b.storage.checked_sub(a.storage)?;
        if self.repeat == 1 {
            return (behind == 0).then_some(0);
        }
        let step = u64::from(self.step);
        u16::try_from(behind / step)
            .ok()
            .filter(|index| *index < self.repeat && behind % step == 0)
    }

    /// Whether some record may be meant by both; true when in doubt.
    pub(crate) fn may_mean_the_same(&self, other: &Self) -> bool {
        let place = |spec: &Self| (spec.dib.function, spec.dib.tariff, spec.dib.subunit);
        let real = |spec: &Self| spec.dib.data_field == 5;
        let last = |spec: &Self| spec.storage_at(spec.repeat.saturating_sub(1));
        let vibs_differ = match (&self.vib, &other.vib) {
            (VibSpec::Octets(one), VibSpec::Octets(other)) => one != other,
            (VibSpec::Quantity(one, list), VibSpec::Quantity(other, others)) => {
                one != other || list != others
            }
            _ => false,
        };
        place(self) == place(other)
            && real(self) == real(other)
            && !vibs_differ
            && self.dib.storage <= last(other)
            && other.dib.storage <= last(self)
    }

    /// The register of the record `index` steps behind the first, and whether dates decide its number.
    pub(crate) fn register_at(&self, index: u16) -> Option<(Register, bool)> {
        Some(match self.register? {
            RegisterRule::Fixed(register) => (register, false),
            RegisterRule::HistoryByDate if self.runs_forward() => {
                (Register::History(self.repeat.saturating_sub(index)), true)
            }
            RegisterRule::HistoryByDate => (Register::History(index.saturating_add(1)), true),
            RegisterRule::HistoryFrom(n) => (Register::History(n.saturating_add(index)), false),
        })
    }

    /// True when each further record of the repetition is younger.
    fn runs_forward(&self) -> bool {
        matches!(
            self.dated,
            Dated::FromFirst(Step::Months(1..) | Step::HalfMonths(1..))
        )
    }

    /// The storage number of the record `index` steps behind the first.
    pub(crate) fn storage_at(&self, index: u16) -> u64 {
        self.dib.storage + u64::from(index) * u64::from(self.step)
    }
}

impl Step {
    /// `count` steps from a day.
    pub(crate) fn from(self, day: Date, count: u16) -> Option<Date> {
        let count = i32::from(count);
        match self {
            Self::Months(months) => day.add_months(months * count),
            Self::HalfMonths(halves) => crate::dating::half_months(day, halves * count),
        }
    }
}

pub(crate) fn dated(text: Option<&str>) -> Result<Dated, String> {
    Ok(match text {
        None | Some("record") => Dated::Record,
        Some("month_end") => Dated::MonthEnd,
        Some("month_start") => Dated::MonthStart,
        Some("record or month_start") => Dated::RecordOrMonthStart,
        Some("half_month_end") => Dated::HalfMonthEnd,
        Some("undated") => Dated::Undated,
        Some("first - 1 month") => Dated::FromFirst(Step::Months(-1)),
        Some("first + 1 month") => Dated::FromFirst(Step::Months(1)),
        Some("first + 1 half month") => Dated::FromFirst(Step::HalfMonths(1)),
        Some("first - 1 half month") => Dated::FromFirst(Step::HalfMonths(-1)),
        Some(other) => {
            return Err(format!(
                "dated = {other:?}: write \"record\", \"month_end\", \"month_start\", \"record or month_start\", \"half_month_end\", \"undated\", or \
                 \"first - 1 month\" for the date of the first record and one month back for each further one (also + \
                 and half month)"
            ));
        }
    })
}

/// The word of a register.
pub(crate) fn register(text: &str) -> Result<RegisterRule, String> {
    Ok(match text.split_once(' ') {
        Some(("history", n)) => RegisterRule::HistoryFrom(
            n.parse()
                .map_err(|_| format!("register = {text:?}: write a number, such as \"history 1\""))?,
        ),
        None if text == "history" => RegisterRule::HistoryByDate,
        _ => RegisterRule::Fixed(match text {
            "current" => Register::Current,
            "set_date" => Register::SetDate,
            "max" => Register::Max,
            "min" => Register::Min,
            "average" => Register::Average,
            _ => {
                return Err(format!(
                    "register = {text:?}: write current, set_date, history, history 1, max, min or average"
                ));
            }
        }),
    })
}

/// A unit by its symbol.
pub(crate) fn unit(text: &str) -> Result<Unit, String> {
    let known = Unit::ALL.iter().copied().find(|unit| unit.base_symbol() == text);
    known.ok_or_else(|| {
        let known: Vec<_> = Unit::ALL.iter().map(|unit| unit.base_symbol()).collect();
        format!("unit = {text:?}: write one of {}", known.join(", "))
    })
}

pub(crate) fn kind(text: Option<&str>) -> Result<Kind, String> {
    match text {
        None | Some("absolute") => Ok(Kind::Absolute),
        Some("increment") => Ok(Kind::Increment),
        Some(other) => Err(format!(
            "kind = {other:?}: write \"absolute\", \"increment\" or, for records, \"differences\""
        )),
    }
}

fn direction(text: &str) -> Result<Direction, String> {
    match text {
        "forward" => Ok(Direction::Forward),
        "reverse" => Ok(Direction::Reverse),
        _ => Err(format!("direction = {text:?}: write \"forward\" or \"reverse\"")),
    }
}

/// Octets of hexadecimal digits; spaces are left out.
pub(crate) fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    match digits {
        Some(digits) if digits.len().is_multiple_of(2) => Ok(digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |octet, digit| octet << 4 | digit))
            .collect()),
        _ => Err(format!("{text:?}: write pairs of hexadecimal digits")),
    }
}

/// The qualifiers that make a value another one.
fn qualifiers<'a>(record: &Record<'a>) -> impl Iterator<Item = Qualifier> + use<'a> {
    record
        .vib
        .qualifiers()
        .filter(|qualifier| !qualifier.is_neutral())
}

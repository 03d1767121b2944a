//! A family of meters: its page, checked and made ready for use.

use std::sync::Arc;

use wmbus::apl::compact::Layout;
use wmbus::apl::{Dib, Item, Qualifier, Quantity as Vif, Record, Records};
use wmbus::{Address, DeviceType, Key, Manufacturer, Version};

use crate::block::Block;
use crate::page::{Example, HeaderSize, Page, PageError, RecordRule};
use crate::reading::{Kind, Register, Unit};
use crate::scrambled::Scheme;
use crate::status::{Flags, StatusTable};

/// A family, ready to decode and to speak.
#[derive(Clone, Debug)]
pub struct Family {
    /// Its name.
    pub name: Arc<str>,
    /// What it is, for people.
    pub about: String,
    /// Whom it answers for.
    pub claims: Vec<Claim>,
    /// The transport header its records come with.
    pub header: HeaderSize,
    /// Keys that its maker ships to everybody.
    pub default_keys: Vec<Key>,
    /// Layouts of its compact frames.
    pub layouts: Vec<Layout>,
    /// Telegrams that prove the page.
    pub examples: Vec<Example>,
    pub(crate) scheme: Option<Scheme>,
    pub(crate) records: Vec<RecordSpec>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) status: StatusTable,
    pub(crate) flags: Vec<Flags>,
}

/// Addresses that a family answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The maker.
    pub manufacturer: Manufacturer,
    /// Its version, `None` for all.
    pub version: Option<Version>,
    /// Its device type, `None` for all.
    pub device_type: Option<DeviceType>,
}

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
    pub(crate) dated: Dated,
    pub(crate) kind: Kind,
    /// The unit that the maker means, where it is not the standard's.
    pub(crate) unit: Option<Unit>,
    /// Control and spacing octets and number of elements of a compact profile.
    pub(crate) profile: Option<([u8; 2], u16)>,
    pub(crate) value: Vec<u8>,
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
    Reading,
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
    Record,
    MonthEnd,
    Undated,
}

impl Family {
    /// Checks a page.
    ///
    /// # Errors
    /// A value makes no sense; the message says where and what to write instead.
    pub fn new(file: &str, page: Page) -> Result<Self, PageError> {
        let refuse = |message: String| PageError {
            file: file.to_owned(),
            line: None,
            message,
        };
        let within = |place: &str, message: String| refuse(format!("{place}: {message}"));
        let good_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if page.name.is_empty() || !page.name.chars().all(good_name) {
            return Err(refuse(format!(
                "name = {:?}: write lower case letters, digits and dashes",
                page.name
            )));
        }
        if page.answers_for.is_empty() {
            return Err(refuse(
                "answers_for is empty: write whom the page answers for, such as \"QDS 34 08\"".into(),
            ));
        }
        let claims = page
            .answers_for
            .iter()
            .map(|text| claim(text))
            .collect::<Result<_, _>>()
            .map_err(refuse)?;
        let default_keys = page
            .default_keys
            .iter()
            .map(|text| {
                text.parse()
                    .map_err(|error| within("default_keys", format!("{error}")))
            })
            .collect::<Result<_, _>>()?;
        let layouts = page
            .compact
            .iter()
            .map(|text| {
                let octets = hex(text).map_err(|message| within("compact", message))?;
                let wrong = || within("compact", format!("{text:?} is not a row of DIFs and VIFs"));
                Layout::of_headers(&octets).ok_or_else(wrong)
            })
            .collect::<Result<_, _>>()?;
        let records = page
            .record
            .iter()
            .map(|rule| {
                RecordSpec::new(rule).map_err(|message| within(&format!("record {:?}", rule.sends), message))
            })
            .collect::<Result<_, _>>()?;
        let blocks = page
            .block
            .iter()
            .map(|rule| {
                Block::new(rule).map_err(|message| within(&format!("block {:?}", rule.place), message))
            })
            .collect::<Result<_, _>>()?;
        let status = StatusTable::new(page.status.as_ref()).map_err(|message| within("status", message))?;
        let flags = page
            .flags
            .iter()
            .map(|rule| {
                Flags::new(rule).map_err(|message| within(&format!("flags {:?}", rule.record), message))
            })
            .collect::<Result<_, _>>()?;
        let scheme = match &page.scrambled {
            None => None,
            Some(name) => Some(Scheme::from_name(name).ok_or_else(|| {
                within(
                    "scrambled",
                    format!("{name:?} is not known: there are {}", Scheme::names()),
                )
            })?),
        };
        Ok(Self {
            name: page.name.into(),
            about: page.about,
            claims,
            header: page.header,
            default_keys,
            layouts,
            examples: page.example,
            scheme,
            records,
            blocks,
            status,
            flags,
        })
    }

    /// The rule for a record, and how many steps of its repetition it lies behind the first.
    pub(crate) fn rule(&self, record: &Record<'_>) -> Option<(&RecordSpec, u16)> {
        self.records
            .iter()
            .find_map(|spec| spec.matches(record).map(|step| (spec, step)))
    }
}

impl Claim {
    /// True when this address is meant.
    pub fn covers(&self, address: Address) -> bool {
        self.manufacturer == address.manufacturer.without_flag()
            && self.version.is_none_or(|version| version == address.version)
            && self
                .device_type
                .is_none_or(|device_type| device_type == address.device_type)
    }

    /// True when some address is meant by both.
    pub fn overlaps(&self, other: &Self) -> bool {
        fn compatible<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
            a.zip(b).is_none_or(|(a, b)| a == b)
        }
        self.manufacturer == other.manufacturer
            && compatible(self.version, other.version)
            && compatible(self.device_type, other.device_type)
    }
}

impl RecordSpec {
    fn new(rule: &RecordRule) -> Result<Self, String> {
        let header = hex(&rule.sends)?;
        // Data of any length make the header a record that the parser understands.
        let octets = [&header[..], &[0; 80]].concat();
        let Some(Item::Record(record)) = Records::new(&octets, 0).next() else {
            return Err("is no DIF and VIF".into());
        };
        if record.header() != header {
            return Err("has octets behind its VIF, or too few".into());
        }
        let vib = match record.vib.quantity {
            Vif::ManufacturerSpecific | Vif::Unknown | Vif::PlainText | Vif::Environment => {
                VibSpec::Octets(record.vib.octets.to_vec())
            }
            quantity => VibSpec::Quantity(quantity, qualifiers(&record)),
        };
        let role = match rule.role.as_deref() {
            None | Some("reading") => Role::Reading,
            Some("ignored") => Role::Ignored,
            Some(fact) => Role::Fact(fact.into()),
        };
        let register = rule.register.as_deref().map(register).transpose()?;
        let dated = match rule.dated.as_deref() {
            None | Some("record") => Dated::Record,
            Some("month_end") => Dated::MonthEnd,
            Some("undated") => Dated::Undated,
            Some(other) => {
                return Err(format!(
                    "dated = {other:?}: write \"record\", \"month_end\" or \"undated\""
                ));
            }
        };
        let profile = match (&rule.profile, rule.elements) {
            (None, None) => None,
            (Some(octets), Some(elements)) => match hex(octets)?[..] {
                [control, spacing] => Some(([control, spacing], elements)),
                _ => return Err("profile is two octets: control and spacing".into()),
            },
            _ => return Err("profile and elements go together".into()),
        };
        Ok(Self {
            dib: record.dib,
            vib,
            role,
            register,
            repeat: rule.repeat.unwrap_or(1).max(1),
            step: rule.step.unwrap_or(1).max(1),
            dated,
            kind: kind(rule.kind.as_deref())?,
            unit: rule.unit.as_deref().map(unit).transpose()?,
            profile,
            value: rule.value.as_deref().map(hex).transpose()?.unwrap_or_default(),
            header,
        })
    }

    /// How many steps behind the first of the repetition, when the record is meant.
    pub(crate) fn matches(&self, record: &Record<'_>) -> Option<u16> {
        let (a, b) = (&self.dib, &record.dib);
        if (a.function, a.tariff, a.subunit) != (b.function, b.tariff, b.subunit) {
            return None;
        }
        let behind = b.storage.checked_sub(a.storage)?;
        let step = u64::from(self.step);
        let index = u16::try_from(behind / step)
            .ok()
            .filter(|index| *index < self.repeat)?;
        let same = match &self.vib {
            VibSpec::Octets(octets) => record.vib.octets == octets,
            VibSpec::Quantity(quantity, list) => {
                record.vib.quantity == *quantity && qualifiers(record) == *list
            }
        };
        (same && behind % step == 0).then_some(index)
    }

    /// The register of the record `index` steps behind the first, and whether dates decide its number.
    pub(crate) fn register_at(&self, index: u16) -> Option<(Register, bool)> {
        Some(match self.register? {
            RegisterRule::Fixed(register) => (register, false),
            RegisterRule::HistoryByDate => (Register::History(index + 1), true),
            RegisterRule::HistoryFrom(n) => (Register::History(n.saturating_add(index)), false),
        })
    }
}

/// `QDS 34 08`, with `*` for any version or device type.
fn claim(text: &str) -> Result<Claim, String> {
    let wrong = || {
        format!(
            "answers_for has {text:?}: write maker, version and device type, such as \"QDS 34 08\", * for any"
        )
    };
    let octet = |text: &str| match text {
        "*" => Ok(None),
        text if text.len() == 2 => u8::from_str_radix(text, 16).map(Some).map_err(|_| wrong()),
        _ => Err(wrong()),
    };
    let words: Vec<_> = text.split_whitespace().collect();
    let [maker, version, device_type] = words[..] else {
        return Err(wrong());
    };
    Ok(Claim {
        manufacturer: maker.parse().map_err(|_| wrong())?,
        version: octet(version)?.map(Version),
        device_type: octet(device_type)?.map(DeviceType),
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
fn unit(text: &str) -> Result<Unit, String> {
    let units = [Unit::Percent, Unit::Month, Unit::Year, Unit::Hour, Unit::Volt];
    units
        .into_iter()
        .find(|unit| unit.symbol().0 == text)
        .ok_or_else(|| {
            let known: Vec<_> = units.iter().map(|unit| unit.symbol().0).collect();
            format!("unit = {text:?}: write one of {}", known.join(", "))
        })
}

pub(crate) fn kind(text: Option<&str>) -> Result<Kind, String> {
    match text {
        None | Some("absolute") => Ok(Kind::Absolute),
        Some("increment") => Ok(Kind::Increment),
        Some(other) => Err(format!("kind = {other:?}: write \"absolute\" or \"increment\"")),
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
fn qualifiers(record: &Record<'_>) -> Vec<Qualifier> {
    record
        .vib
        .qualifiers()
        .filter(|qualifier| !qualifier.is_neutral())
        .collect()
}

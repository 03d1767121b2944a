//! A family of meters: its page, checked and made ready for use.

use std::sync::Arc;

use toml::Spanned;
use wmbus::apl::compact::Layout;
use wmbus::apl::{Date, Record};
use wmbus::{Address, DeviceType, Key, Manufacturer, Version};

use crate::block::Block;
use crate::page::{Example, Examples, HeaderSize, Page, PageError};
use crate::rule::{RecordSpec, hex};
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
    /// Telegrams that it alternates with the usual one, and their transport headers.
    pub telegrams: Vec<(String, HeaderSize)>,
    examples: Examples,
    pub(crate) scheme: Option<Scheme>,
    pub(crate) records: Vec<RecordSpec>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) status: StatusTable,
    pub(crate) flags: Vec<Flags>,
    /// Dates that say "never".
    pub(crate) unset_dates: Vec<Date>,
    /// Years that stand for every year.
    pub(crate) every_year: Vec<u16>,
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

impl Family {
    /// Checks a page.
    ///
    /// # Errors
    /// A value makes no sense; the message says where and what to write instead.
    pub fn new(file: &str, page: Page) -> Result<Self, PageError> {
        let refuse = |line: Option<usize>, message: String| PageError {
            file: file.to_owned(),
            line,
            message,
        };
        let top = |message: String| refuse(None, message);
        let good_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if page.name.is_empty() || !page.name.chars().all(good_name) {
            return Err(top(format!(
                "name = {:?}: write lower case letters, digits and dashes",
                page.name
            )));
        }
        if page.answers_for.is_empty() {
            return Err(top(
                "answers_for is empty: write whom the page answers for, such as \"QDS 34 08\"".into(),
            ));
        }
        let claims: Vec<Claim> = each(&page.answers_for, |text| claim(text)).map_err(top)?;
        let default_keys = each(&page.default_keys, |text| {
            text.parse().map_err(|error| format!("default_keys: {error}"))
        })
        .map_err(top)?;
        let layouts = each(&page.compact, |text| {
            let wrong = || format!("compact has {text:?}: write DIFs and VIFs one after the other");
            Layout::of_headers(&hex(text)?).ok_or_else(wrong)
        })
        .map_err(top)?;
        let unset_dates = each(&page.unset_dates, |text| date(text)).map_err(top)?;
        let mut records: Vec<RecordSpec> = lines(&page, &page.record, refuse, |rule| {
            RecordSpec::new(rule).map_err(|message| format!("record {:?}: {message}", rule.sends))
        })?;
        for at in 0..records.len() {
            let (before, rest) = records.split_at_mut(at);
            if let Some(spec) = rest.first_mut() {
                spec.alone = !before.iter().any(|other| other.may_mean_the_same(spec));
            }
        }
        let blocks = lines(&page, &page.block, refuse, |rule| {
            Block::new(rule).map_err(|message| format!("block {:?}: {message}", rule.place))
        })?;
        let flags = lines(&page, &page.flags, refuse, |rule| {
            Flags::new(rule).map_err(|message| format!("flags {:?}: {message}", rule.record))
        })?;
        let telegrams: Vec<_> = page
            .telegram
            .iter()
            .map(|telegram| (telegram.name.clone(), telegram.header))
            .collect();
        let unnamed = records.iter().filter_map(|spec| spec.telegram.as_ref());
        if let Some(name) = unnamed
            .into_iter()
            .find(|name| !telegrams.iter().any(|(known, _)| known == *name))
        {
            return Err(top(format!(
                "a record has telegram = {name:?}: add [[telegram]] with this name"
            )));
        }
        let status =
            StatusTable::new(page.status.as_ref()).map_err(|message| top(format!("status: {message}")))?;
        let scheme = match &page.scrambled {
            None => None,
            Some(name) => Some(Scheme::from_name(name).ok_or_else(|| {
                top(format!(
                    "scrambled = {name:?} is not known: there are {}",
                    Scheme::names()
                ))
            })?),
        };
        let examples: Vec<Example> = page.example.into_iter().map(Spanned::into_inner).collect();
        Ok(Self {
            name: page.name.into(),
            about: page.about,
            claims,
            header: page.header,
            default_keys,
            layouts,
            examples: examples.into(),
            telegrams,
            scheme,
            records,
            blocks,
            status,
            flags,
            unset_dates,
            every_year: page.every_year,
        })
    }

    /// As [`Family::new`], for a page of this build, whose examples stand apart.
    pub(crate) fn embedded(file: &str, rules: &str, examples: &'static str) -> Result<Self, PageError> {
        let mut family = Self::new(file, Page::parse(file, rules)?)?;
        if !examples.is_empty() {
            family.examples = Examples::later(examples);
        }
        Ok(family)
    }

    /// Telegrams that prove the page.
    pub fn examples(&self) -> &[Example] {
        self.examples.all()
    }

    #[cfg(test)]
    pub(crate) fn without_examples(&self) -> Self {
        Self {
            examples: Examples::default(),
            ..self.clone()
        }
    }

    pub(crate) fn header_of(&self, telegram: Option<&str>) -> HeaderSize {
        let named = |name: &str| self.telegrams.iter().find(|(known, _)| known == name);
        telegram
            .and_then(named)
            .map_or(self.header, |(_, header)| *header)
    }

    /// The rule for each of these records, and how many steps of its repetition it lies behind the first: the first on the
    /// page that means it. Meters mostly send in the page's order, so the rule behind the latest one, and that one, are
    /// tried first where none before them can be meant.
    pub(crate) fn rules<'p, 'r, 'd: 'r>(
        &'p self,
        records: &'r [Record<'d>],
    ) -> impl Iterator<Item = Option<(&'p RecordSpec, u16)>> + use<'p, 'r, 'd> {
        let mut likely = [0, 1];
        records.iter().enumerate().map(move |(at, record)| {
            let alone = |place: usize| {
                let spec = self
                    .records
                    .get(place)
                    .filter(|spec| spec.alone && spec.nth.is_none())?;
                Some((place, (spec, spec.matches(record)?)))
            };
            let (place, rule) = likely
                .into_iter()
                .find_map(alone)
                .or_else(|| self.first_rule(records, at, record))?;
            likely = match rule.0.repeat {
                0 | 1 => [place + 1, place],
                _ => [place, place + 1],
            };
            Some(rule)
        })
    }

    /// Looks for the rule of the `at`-th of these records from the page's beginning.
    fn first_rule(
        &self,
        records: &[Record<'_>],
        at: usize,
        record: &Record<'_>,
    ) -> Option<(usize, (&RecordSpec, u16))> {
        let place = || {
            let earlier = records.iter().take(at);
            1 + earlier.filter(|other| other.header() == record.header()).count()
        };
        self.records.iter().enumerate().find_map(|(index, spec)| {
            let step = spec.matches(record)?;
            let here = spec.nth.is_none_or(|nth| usize::from(nth) == place());
            here.then_some((index, (spec, step)))
        })
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

impl std::fmt::Display for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.manufacturer)?;
        match self.version {
            Some(version) => write!(f, " {version}")?,
            None => f.write_str(" *")?,
        }
        match self.device_type {
            Some(device_type) => write!(f, " {device_type}"),
            None => f.write_str(" *"),
        }
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

/// A day as people write it.
fn date(text: &str) -> Result<Date, String> {
    let wrong = || format!("{text:?}: write a day, such as \"2000-01-01\"");
    let mut parts = text.split('-').map(|part| part.parse::<u16>().ok());
    let mut part = || parts.next().flatten().ok_or_else(wrong);
    let (year, month, day) = (part()?, part()?, part()?);
    let small = |value: u16| u8::try_from(value).unwrap_or(0);
    Date::new(year, small(month), small(day)).ok_or_else(wrong)
}

fn each<T, U>(list: &[T], check: impl Fn(&T) -> Result<U, String>) -> Result<Vec<U>, String> {
    list.iter().map(check).collect()
}

/// Checks the tables of a list; an error knows the line of its table.
fn lines<T, U>(
    page: &Page,
    list: &[Spanned<T>],
    refuse: impl Fn(Option<usize>, String) -> PageError,
    check: impl Fn(&T) -> Result<U, String>,
) -> Result<Vec<U>, PageError> {
    list.iter()
        .map(|entry| check(entry.get_ref()).map_err(|message| refuse(Some(page.line_of(entry)), message)))
        .collect()
}

#[cfg(test)]
mod tests {
    use wmbus::apl::Item;
    use wmbus::{Frame, FrameFormat};

    use super::*;
    use crate::{Families, Sealing, example};

    /// What is tried first must find what looking from the page's beginning finds, in whatever order records come.
    #[test]
    fn the_first_rule_that_means_a_record_is_found_wherever_the_search_begins() {
        let families = Families::embedded().unwrap();
        let (mut looked, mut alone) = (0, 0);
        for family in families.iter() {
            let Ok(octets) = family.telegram(
                family.inhabitant().unwrap(),
                &example::story(7, None),
                &Sealing::Clear,
            ) else {
                continue;
            };
            let frame = Frame::parse_as(&octets, FrameFormat::Stripped).unwrap();
            let Ok(message) = families.open(&frame, &[]) else {
                continue;
            };
            let sent: Vec<Record<'_>> = message
                .records()
                .filter_map(|item| match item {
                    Item::Record(record) => Some(record),
                    _ => None,
                })
                .collect();
            let orders = [
                sent.clone(),
                sent.iter().rev().cloned().collect(),
                sent.iter().chain(&sent).cloned().collect(),
                sent.iter()
                    .skip(1)
                    .step_by(2)
                    .chain(sent.iter().step_by(2))
                    .cloned()
                    .collect(),
            ];
            for records in &orders {
                for (at, found) in family.rules(records).enumerate() {
                    let first = family.first_rule(records, at, &records[at]).map(|(_, rule)| rule);
                    let place = |rule: Option<(&RecordSpec, u16)>| {
                        rule.map(|(spec, step)| (std::ptr::from_ref(spec), step))
                    };
                    assert_eq!(place(found), place(first), "{}: record {at}", family.name);
                    looked += 1;
                    alone += u32::from(found.is_some_and(|(spec, _)| spec.alone));
                }
            }
        }
        assert!(looked > 1000 && alone > looked / 2, "{alone} of {looked}");
    }
}

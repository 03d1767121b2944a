//! VIB, value information block: quantity, unit, power of ten, and what qualifies them (EN 13757-3, VIF and VIFE).

use super::TrailingReason;
use super::codes::{ALTERNATE, Codes, MAIN, Meaning, PRIMARY, SECOND_LEVEL, TIMES};
use super::quantity::{Coding, Quantity, Unit};
use super::vife::{Event, ProfileKind, Qualifier, Qualifiers};
use crate::decimal::Decimal;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vib<'a> {
    /// All octets of the block, as sent.
    pub octets: &'a [u8],
    /// The table its code stands in.
    pub table: Table,
    /// The code in that table, without extension bit.
    pub code: u8,
    /// What it is about.
    pub quantity: Quantity,
    /// The unit of its value.
    pub unit: Unit,
    /// The power of ten of its value, VIF and corrections together.
    pub exponent: i8,
    /// How an integer is to be read.
    pub coding: Coding,
    /// The record error reported by a VIFE, if any: the data are no reading.
    pub error: Option<u8>,
    /// What the data are instead of the VIF's value, if a VIFE says so.
    pub event: Option<Event>,
    /// The data are a compact profile.
    pub profile: Option<ProfileKind>,
    /// VIFE 7F: what follows it is the maker's, and the value no reading.
    pub manufacturer_qualified: bool,
    /// Quantity or a qualifier is not known: the value is not the plain quantity.
    pub unknown: bool,
    /// A VIFE adds a constant: see [`Vib::addend`].
    pub(super) additive: bool,
    /// Where in the octets the text of a plain text unit stands, last character first.
    text: Span,
    /// Where in the octets the combinable VIFEs stand.
    vifes: Span,
}

/// A part of the block: kept instead of a slice, since records are copied often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    start: u16,
    length: u16,
}

/// Where a code is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// The VIF itself.
    Primary,
    /// After FD.
    Main,
    /// After FD FD.
    SecondLevel,
    /// After FB.
    Alternate,
}

impl<'a> Vib<'a> {
    /// The block at the start of `octets`.
    pub(super) fn parse(octets: &'a [u8]) -> Result<Self, TrailingReason> {
        if let Some(vib) = Self::unextended(octets) {
            return Ok(vib);
        }
        match octets.first() {
            None => Err(TrailingReason::Truncated),
            Some(0x7C | 0xFC) => Self::parse_text(octets),
            Some(&vif) => Self::parse_extended(octets, vif),
        }
    }

    /// What most records have: a VIF that nothing extends.
    #[inline(always)]
    pub(super) fn unextended(octets: &'a [u8]) -> Option<Self> {
        let octets = octets.get(..1)?;
        let vif = *octets.first().filter(|vif| **vif < 0x80 && **vif != 0x7C)?;
        Some(Self::new(
            octets,
            Table::Primary,
            vif,
            Span::default(),
            Span::default(),
        ))
    }

    fn parse_extended(octets: &'a [u8], vif: u8) -> Result<Self, TrailingReason> {
        let end = chain(octets, 0, 1 + MAX_VIFE)?;
        let octet = |at: usize| octets.get(at).copied().unwrap_or(0);
        // A prefix needs its extension bit: 7B and 7D alone are reserved.
        let (table, at) = match (vif, octet(1)) {
            (0xFD, 0xFD) => (Table::SecondLevel, 2),
            (0xFD, _) => (Table::Main, 1),
            (0xFB, _) => (Table::Alternate, 1),
            _ => (Table::Primary, 0),
        };
        let vifes = match vif {
            // A third table nobody has seen, any VIF, the maker's: what follows is no VIFE of ours.
            0xEF | 0xFE | 0xFF => Span::default(),
            _ => Span::new(at + 1, end),
        };
        let code = octet(at) & 0x7F;
        let octets = octets.get(..end).unwrap_or_default();
        Ok(Self::new(octets, table, code, Span::default(), vifes).qualified())
    }

    /// `7C LEN text`; with VIFEs either `FC VIFE… LEN text` (the standard) or `FC LEN text VIFE…` (real devices).
    fn parse_text(octets: &'a [u8]) -> Result<Self, TrailingReason> {
        let octet = |at: usize| octets.get(at).copied().ok_or(TrailingReason::Truncated);
        let extended = octet(0)? == 0xFC;
        let vifes_first = extended && (octet(1)? >= 0x80 || octet(2)? < 0x20);
        let text_at = if vifes_first {
            chain(octets, 1, MAX_VIFE)?
        } else {
            1
        };
        let text_end = text_at + 1 + usize::from(octet(text_at)?);
        if octets.len() < text_end {
            return Err(TrailingReason::Truncated);
        }
        let (vifes, end) = if vifes_first {
            (Span::new(1, text_at), text_end)
        } else if extended {
            let end = chain(octets, text_end, MAX_VIFE)?;
            (Span::new(text_end, end), end)
        } else {
            (Span::default(), text_end)
        };
        let octets = octets.get(..end).unwrap_or_default();
        let text = Span::new(text_at + 1, text_end);
        Ok(Self::new(octets, Table::Primary, 0x7C, text, vifes).qualified())
    }

    #[inline(always)]
    fn new(octets: &'a [u8], table: Table, code: u8, text: Span, vifes: Span) -> Self {
        let Meaning {
            quantity,
            unit,
            exponent,
            coding,
        } = table.meaning(code);
        Self {
            octets,
            table,
            code,
            quantity,
            unit,
            exponent,
            coding,
            error: None,
            event: None,
            profile: None,
            manufacturer_qualified: false,
            unknown: quantity == Quantity::Unknown,
            additive: false,
            text,
            vifes,
        }
    }

    /// Applies the VIFEs from left to right.
    fn qualified(mut self) -> Self {
        let mut metric = true;
        for qualifier in self.qualifiers() {
            let Qualifier { second_table, code } = qualifier;
            if let Some(power) = qualifier.correction() {
                self.exponent = self.exponent.saturating_add(power);
            }
            self.error = self.error.or(qualifier.record_error());
            self.event = self.event.or(qualifier.event());
            self.profile = self.profile.or(qualifier.profile());
            self.additive |= qualifier.addend().is_some();
            self.unknown |= qualifier.is_unknown();
            self.manufacturer_qualified |= !second_table && code == 0x7F;
            match (second_table, code) {
                (true, 0x11) => self.coding = Coding::Unsigned,
                (true, 0x12) => self.coding = Coding::Bits,
                (false, 0x3D) | (true, 0x0D) => metric = false,
                _ => {}
            }
        }
        if !metric {
            // Shown with its unit, converted by nobody: the table of these units is unverified.
            self.unknown = true;
            (self.unit, self.exponent) = non_metric(self.unit, self.exponent);
        }
        // A count, a duration or a date has neither the unit nor the power of ten of the VIF.
        match self.event {
            Some(Event::Count) => {
                (self.coding, self.unit, self.exponent) = (Coding::Unsigned, Unit::None, 0);
            }
            Some(Event::Duration(n)) => {
                let unit = TIMES.get(usize::from(n)).copied().unwrap_or(Unit::None);
                (self.coding, self.unit, self.exponent) = (Coding::Signed, unit, 0);
            }
            Some(Event::Moment) => {
                (self.coding, self.unit, self.exponent) = (Coding::Moment, Unit::None, 0);
            }
            None => {}
        }
        self
    }

    /// The combinable VIFEs in order, up to and including a 7F, after which all is the maker's.
    pub fn qualifiers(&self) -> Qualifiers<'a> {
        Qualifiers::new(self.vifes.of(self.octets))
    }

    /// True when this qualifier is among the VIFEs.
    pub fn has(&self, qualifier: Qualifier) -> bool {
        self.qualifiers().any(|other| other == qualifier)
    }

    /// True when nothing qualifies the value but powers of ten: the plain quantity, fit for a bill.
    pub fn is_plain(&self) -> bool {
        !self.unknown
            && self.quantity != Quantity::ManufacturerSpecific
            && self.qualifiers().all(Qualifier::is_neutral)
    }

    /// The constant that VIFEs 78 to 7B add to the value, in its unit: 0.001 to 1 of the unit as scaled so far.
    pub fn addend(&self) -> Option<Decimal> {
        if !self.additive || self.event.is_some() {
            return None;
        }
        let corrections = || self.qualifiers().filter_map(Qualifier::correction);
        let all = corrections().fold(0_i8, i8::saturating_add);
        let mut exponent = self.exponent.saturating_sub(all);
        let mut sum: Option<Decimal> = None;
        for qualifier in self.qualifiers() {
            exponent = exponent.saturating_add(qualifier.correction().unwrap_or(0));
            if let Some(power) = qualifier.addend() {
                let step = Decimal::new(1, exponent.saturating_add(power));
                sum = Some(sum.map_or(Some(step), |sum| sum.checked_add(step))?);
            }
        }
        sum
    }

    /// True when a profile of `other` is counted from a value under this block: all the same but the profile VIFE.
    pub(super) fn is_base_of(&self, other: &Vib<'_>) -> bool {
        let own = |qualifier: &Qualifier| qualifier.profile().is_none();
        (self.table, self.code) == (other.table, other.code)
            && self.text.of(self.octets) == other.text.of(other.octets)
            && self.profile.is_none()
            && self.qualifiers().eq(other.qualifiers().filter(own))
            && self.qualifiers().rest() == other.qualifiers().rest()
    }

    /// The characters of a plain text unit, in reading order (ISO 8859-1).
    pub fn label(&self) -> impl Iterator<Item = char> + use<'a> {
        let text = self.text.of(self.octets);
        text.iter().rev().map(|octet| char::from(*octet))
    }
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        // A block has at most 268 octets: VIF, ten VIFEs, a length and its text.
        let short = |n: usize| u16::try_from(n).unwrap_or(0);
        Self {
            start: short(start),
            length: short(end.saturating_sub(start)),
        }
    }

    fn of(self, octets: &[u8]) -> &[u8] {
        let start = usize::from(self.start);
        octets
            .get(start..start + usize::from(self.length))
            .unwrap_or_default()
    }
}

impl Table {
    fn meaning(self, code: u8) -> Meaning {
        let codes: &Codes = match self {
            Self::Primary => &PRIMARY,
            Self::Main => &MAIN,
            Self::SecondLevel => &SECOND_LEVEL,
            Self::Alternate => &ALTERNATE,
        };
        codes.get(usize::from(code)).copied().unwrap_or(Meaning::UNKNOWN)
    }
}

/// The end of a chain that begins at `at` and has at most `limit` octets.
pub(super) fn chain(octets: &[u8], at: usize, limit: usize) -> Result<usize, TrailingReason> {
    let mut end = at;
    loop {
        let octet = *octets.get(end).ok_or(TrailingReason::Truncated)?;
        end += 1;
        if octet & 0x80 == 0 {
            return Ok(end);
        }
        if end - at == limit {
            return Err(TrailingReason::TooManyVife);
        }
    }
}

/// The unit that VIFE 3D makes of a metric one, with the power of ten of the same code.
fn non_metric(unit: Unit, exponent: i8) -> (Unit, i8) {
    match unit {
        Unit::CubicMetre => (Unit::UsGallon, exponent),
        Unit::CubicMetrePerMinute => (Unit::UsGallonPerMinute, exponent),
        // In thousands of BTU.
        Unit::WattHour => (Unit::Btu, exponent.saturating_add(3)),
        Unit::Watt => (Unit::BtuPerSecond, exponent),
        Unit::Celsius | Unit::Kelvin => (Unit::Fahrenheit, exponent),
        _ => (Unit::None, exponent),
    }
}

/// VIFEs behind a VIF.
pub(super) const MAX_VIFE: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;

    fn vib(octets: &[u8]) -> Vib<'_> {
        let vib = Vib::parse(octets).unwrap();
        assert_eq!(vib.octets, octets);
        vib
    }

    #[test]
    fn tables_are_chosen_by_prefix() {
        assert_eq!(
            (vib(&[0x13]).quantity, vib(&[0x13]).exponent),
            (Quantity::Volume, -3)
        );
        assert_eq!(vib(&[0xFB, 0x01]).quantity, Quantity::Energy);
        assert_eq!(vib(&[0xFD, 0x17]).quantity, Quantity::ErrorFlags);
        assert_eq!(vib(&[0xFD, 0xFD, 0x02]).unit, Unit::Month);
        // Prefixes without an extension bit, a third table, a wildcard.
        for octets in [
            &[0x7B][..],
            &[0x7D],
            &[0x6F],
            &[0xEF, 0x13],
            &[0x7E],
            &[0xFD, 0x7F],
        ] {
            assert!(vib(octets).unknown, "{octets:02X?}");
        }
    }

    #[test]
    fn corrections_change_the_number_and_nothing_else() {
        let plain = vib(&[0x93, 0x75]);
        assert_eq!((plain.exponent, plain.is_plain()), (-4, true));
        assert_eq!(vib(&[0x93, 0x7D]).exponent, 0);
        // A tenth, then plus one unit of that tenth.
        let added = vib(&[0x93, 0xF5, 0x7B]);
        assert_eq!(
            (added.addend(), added.is_plain()),
            (Some(Decimal::new(1, -4)), false)
        );
        assert_eq!(
            vib(&[0x93, 0xFA, 0xF4, 0x7B]).addend(),
            Some(Decimal::new(11, -5))
        );
    }

    #[test]
    fn a_duration_of_an_event_is_no_flow() {
        let exceed = vib(&[0xBB, 0x56]);
        assert_eq!(
            (exceed.quantity, exceed.unit, exceed.exponent),
            (Quantity::VolumeFlow, Unit::Hour, 0)
        );
        assert_eq!(vib(&[0xBB, 0xC1, 0x77]).coding, Coding::Unsigned);
        assert_eq!(vib(&[0xBB, 0xCA, 0xFC, 0x11]).coding, Coding::Moment);
        assert!(!exceed.is_plain());
    }

    #[test]
    fn what_nobody_knows_is_not_the_plain_quantity() {
        for octets in [
            &[0x93, 0x10][..],
            &[0x93, 0x7C],
            &[0x93, 0xFC, 0x19],
            &[0x93, 0x3D],
            &[0x93, 0xFF, 0x01],
            &[0x7F],
            &[0xFF, 0x74],
            &[0x93, 0x15],
        ] {
            assert!(!vib(octets).is_plain(), "{octets:02X?}");
        }
        assert!(vib(&[0x93, 0x00]).is_plain());
        assert_eq!(vib(&[0x93, 0x3D]).unit, Unit::UsGallon);
    }

    #[test]
    fn plain_text_in_both_orders() {
        let label = |octets: &[u8]| vib(octets).label().collect::<String>();
        assert_eq!(label(&[0x7C, 2, b'b', b'a']), "ab");
        assert_eq!(label(&[0xFC, 0x74, 2, b'b', b'a']), "ab");
        assert_eq!(label(&[0xFC, 2, b'b', b'a', 0x74]), "ab");
        assert_eq!(label(&[0xFC, 0xF4, 0x22, 0]), "");
        assert_eq!(vib(&[0xFC, 2, b'b', b'a', 0x74]).exponent, -2);
        assert_eq!(Vib::parse(&[0x7C, 3, b'a']), Err(TrailingReason::Truncated));
        assert_eq!(Vib::parse(&[0xFC]), Err(TrailingReason::Truncated));
    }

    #[test]
    fn ten_vifes_and_no_more() {
        let chain = |first: &[u8], vifes: usize, tail: &[u8]| {
            let mut octets = first.to_vec();
            octets.extend(vec![0xBC; vifes - 1]);
            octets.push(0x3C);
            octets.extend(tail);
            Vib::parse(&octets).map(|vib| vib.octets.len())
        };
        assert_eq!(chain(&[0x93], 10, &[]), Ok(11));
        assert_eq!(chain(&[0x93], 11, &[]), Err(TrailingReason::TooManyVife));
        assert_eq!(chain(&[0xFC], 10, &[1, b'a']), Ok(13));
        assert_eq!(chain(&[0xFC], 11, &[1, b'a']), Err(TrailingReason::TooManyVife));
        assert_eq!(chain(&[0xFC, 1, b'a'], 10, &[]), Ok(13));
        assert_eq!(chain(&[0xFC, 1, b'a'], 11, &[]), Err(TrailingReason::TooManyVife));
    }
}

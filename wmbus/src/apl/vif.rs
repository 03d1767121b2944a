//! VIB, value information block: quantity, unit, power of ten, and what qualifies them (EN 13757-3, VIF and VIFE).

use super::TrailingReason;
use super::quantity::{ALTERNATE, Coding, MAIN, PRIMARY, Quantity, Row, SECOND_LEVEL, TIMES, Unit, find};
use super::vife::{Event, ProfileKind, Qualifier};

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
    /// The text of a plain text unit, last character first.
    text: &'a [u8],
    /// The combinable VIFEs, as sent.
    vifes: &'a [u8],
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
        let vif = *octets.first().ok_or(TrailingReason::Truncated)?;
        match vif {
            0x7C | 0xFC => Self::parse_text(octets),
            _ => Self::parse_coded(octets, vif),
        }
    }

    fn parse_coded(octets: &'a [u8], vif: u8) -> Result<Self, TrailingReason> {
        let end = chain(octets, 0)?;
        let octet = |at: usize| octets.get(at).copied().unwrap_or(0);
        // A prefix needs its extension bit: 7B and 7D alone are reserved.
        let (table, at) = match (vif, octet(1)) {
            (0xFD, 0xFD) if end > 2 => (Table::SecondLevel, 2),
            (0xFD, _) => (Table::Main, 1),
            (0xFB, _) => (Table::Alternate, 1),
            _ => (Table::Primary, 0),
        };
        let code = octet(at) & 0x7F;
        let row = match table {
            Table::Primary => find(PRIMARY, code),
            Table::Main => find(MAIN, code),
            Table::SecondLevel => find(SECOND_LEVEL, code),
            Table::Alternate => find(ALTERNATE, code),
        };
        let vifes = octets.get(at + 1..end).unwrap_or_default();
        Ok(Self::new(
            octets.get(..end).unwrap_or_default(),
            table,
            code,
            row,
            &[],
            vifes,
        ))
    }

    /// `7C LEN text`; with VIFEs either `FC VIFE… LEN text` (the standard) or `FC LEN text VIFE…` (real devices).
    fn parse_text(octets: &'a [u8]) -> Result<Self, TrailingReason> {
        let octet = |at: usize| octets.get(at).copied().ok_or(TrailingReason::Truncated);
        let (text_at, vifes) = if octet(0)? == 0x7C {
            (1, &[][..])
        } else if octet(1)? >= 0x80 || octet(2)? < 0x20 {
            let end = chain(octets, 1)?;
            (end, octets.get(1..end).unwrap_or_default())
        } else {
            (1, &[][..])
        };
        let text_end = text_at + 1 + usize::from(octet(text_at)?);
        let text = octets
            .get(text_at + 1..text_end)
            .ok_or(TrailingReason::Truncated)?;
        let (end, vifes) = if octet(0)? == 0xFC && vifes.is_empty() {
            let end = chain(octets, text_end)?;
            (end, octets.get(text_end..end).unwrap_or_default())
        } else {
            (text_end, vifes)
        };
        Ok(Self::new(
            octets.get(..end).unwrap_or_default(),
            Table::Primary,
            0x7C,
            None,
            text,
            vifes,
        ))
    }

    fn new(
        octets: &'a [u8],
        table: Table,
        code: u8,
        row: Option<&'static Row>,
        text: &'a [u8],
        vifes: &'a [u8],
    ) -> Self {
        let is_text = table == Table::Primary && code == 0x7C;
        let (unit, exponent) = row.map_or((Unit::None, 0), |row| row.at(code));
        let quantity = match row {
            Some(row) => row.quantity,
            None if is_text => Quantity::PlainText,
            None => Quantity::Unknown,
        };
        let mut vib = Self {
            octets,
            table,
            code,
            quantity,
            unit,
            exponent,
            coding: row.map_or(Coding::Signed, |row| row.coding),
            error: None,
            event: None,
            profile: None,
            manufacturer_qualified: false,
            unknown: quantity == Quantity::Unknown,
            text,
            vifes,
        };
        if quantity != Quantity::ManufacturerSpecific {
            for qualifier in vib.qualifiers() {
                vib.apply(qualifier);
            }
        }
        vib
    }

    fn apply(&mut self, qualifier: Qualifier) {
        let Qualifier { second_table, code } = qualifier;
        if let Some(power) = qualifier.correction() {
            self.exponent = self.exponent.saturating_add(power);
        }
        self.error = self.error.or(qualifier.record_error());
        self.event = self.event.or(qualifier.event());
        self.profile = self.profile.or(qualifier.profile());
        self.unknown |= qualifier.is_unknown();
        self.manufacturer_qualified |= !second_table && code == 0x7F;
        match (second_table, code) {
            (true, 0x11) => self.coding = Coding::Unsigned,
            (true, 0x12) => self.coding = Coding::Bits,
            // Additive corrections and other unit systems change the number: it is not the plain value.
            (false, 0x78..=0x7B | 0x3D) | (true, 0x0D) => self.unknown = true,
            _ => {}
        }
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
    }

    /// The combinable VIFEs in order, up to and including a 7F, after which all is the maker's.
    pub fn qualifiers(&self) -> impl Iterator<Item = Qualifier> + use<'a> {
        let mut second_table = false;
        let mut ended = false;
        self.vifes.iter().filter_map(move |octet| {
            if ended {
                return None;
            }
            let code = octet & 0x7F;
            if second_table {
                second_table = false;
                return Some(Qualifier {
                    second_table: true,
                    code,
                });
            }
            if code == 0x7C {
                second_table = true;
                return None;
            }
            ended = code == 0x7F;
            Some(Qualifier {
                second_table: false,
                code,
            })
        })
    }

    /// True when this qualifier is among the VIFEs.
    pub fn has(&self, qualifier: Qualifier) -> bool {
        self.qualifiers().any(|other| other == qualifier)
    }

    /// True when nothing qualifies the value but powers of ten: the plain quantity, fit for a bill.
    pub fn is_plain(&self) -> bool {
        !self.unknown && self.qualifiers().all(Qualifier::is_neutral)
    }

    /// The characters of a plain text unit, in reading order (ISO 8859-1).
    pub fn label(&self) -> impl Iterator<Item = char> + use<'a> {
        self.text.iter().rev().map(|octet| char::from(*octet))
    }
}

/// The end of a chain of VIFs that begins at `at`, of at most one VIF and ten VIFEs.
fn chain(octets: &[u8], at: usize) -> Result<usize, TrailingReason> {
    let mut end = at;
    loop {
        let octet = *octets.get(end).ok_or(TrailingReason::Truncated)?;
        end += 1;
        if octet & 0x80 == 0 {
            return Ok(end);
        }
        if end - at > MAX_VIFE {
            return Err(TrailingReason::TooManyVife);
        }
    }
}

const MAX_VIFE: usize = 10;

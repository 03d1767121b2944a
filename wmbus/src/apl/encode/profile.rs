//! Compact profiles backwards: control, spacing and elements.

use alloc::vec::Vec;

use super::{Data, unencodable};
use crate::apl::profile::Mode;
use crate::apl::spacing::Spacing;
use crate::error::Error;

/// A row of equally spaced values to be sent in one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfilePlan {
    /// What the elements are.
    pub mode: Mode,
    /// How far they are apart.
    pub spacing: Spacing,
    /// How an element is coded: a data field, 1 to 4, 6, 7, 9 to C or E.
    pub coding: u8,
    /// The integers of the elements in the order sent; `None` for one that is invalid.
    pub elements: Vec<Option<i64>>,
}

impl ProfilePlan {
    /// Control octet, spacing octet and elements.
    ///
    /// Fails with `Unencodable` when an element does not fit its coding or is negative where things are gained, and for a
    /// spacing that no profile has.
    pub fn octets(&self) -> Result<Vec<u8>, Error> {
        let (unit, spacing) = self
            .spacing
            .encode()
            .ok_or_else(|| unencodable("a profile has no such spacing"))?;
        let mut octets = Vec::with_capacity(2 + self.elements.len() * 4);
        octets.push(self.mode.bits() << 6 | unit << 4 | self.coding & 0x0F);
        octets.push(spacing);
        for element in &self.elements {
            octets.extend(self.element(*element)?);
        }
        Ok(octets)
    }

    fn element(&self, element: Option<i64>) -> Result<Vec<u8>, Error> {
        let gained = matches!(self.mode, Mode::Increments | Mode::Decrements);
        if gained && element.is_some_and(|element| element < 0) {
            return Err(unencodable("what was gained can't be negative"));
        }
        let (width, bcd) = match self.coding {
            coding @ 1..=4 => (usize::from(coding), false),
            6 => (6, false),
            7 => (8, false),
            coding @ 9..=0xC => (usize::from(coding - 8), true),
            0xE => (6, true),
            _ => return Err(unencodable("a profile's elements have no such coding")),
        };
        match element {
            None if bcd || gained => Ok([0xFF].repeat(width)),
            None => Data::InvalidInteger(width).octets(),
            Some(element) if bcd => Data::Bcd(element, width).octets(),
            Some(element) if gained => Data::Unsigned(element.unsigned_abs(), width).octets(),
            Some(element) => Data::Signed(element, width).octets(),
        }
    }
}

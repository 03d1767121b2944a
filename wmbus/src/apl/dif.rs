//! DIB, data information block: how a value is coded and where the meter keeps it (EN 13757-3, DIF and DIFE).
//!
//! ```text
//! DIF    E S F F  D D D D        E: a DIFE follows   S: storage number, lowest bit   F: function   D: data field
//! DIFE   E U T T  S S S S        U: subunit bit      T: two tariff bits              S: four storage bits
//! ```

use alloc::vec::Vec;

use super::TrailingReason;

/// Where a meter keeps a value and how it is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dib {
    /// Data field, 0 to E: coding and length.
    pub data_field: u8,
    /// What kind of value it is.
    pub function: Function,
    /// Storage number, up to 41 bits: 0 is now.
    pub storage: u64,
    /// Tariff, up to 20 bits: 0 is the total.
    pub tariff: u32,
    /// Subunit, up to 10 bits: 0 is the meter itself.
    pub subunit: u16,
    /// The storage number is a register number: a redundant last DIFE says so.
    pub register_number: bool,
}

/// Function field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// The value itself, now or as stored.
    #[default]
    Instantaneous,
    /// The largest of a period.
    Maximum,
    /// The smallest of a period.
    Minimum,
    /// A value during an error state: never a reading.
    ErrorState,
}

impl Dib {
    /// A block that holds nothing but a data field: current value, no tariff, the meter itself.
    pub const fn new(data_field: u8) -> Self {
        Self {
            data_field,
            function: Function::Instantaneous,
            storage: 0,
            tariff: 0,
            subunit: 0,
            register_number: false,
        }
    }

    /// The block at the start of `octets` and how many octets it takes.
    #[inline(always)]
    pub(super) fn parse(octets: &[u8]) -> Result<(Self, usize), TrailingReason> {
        let dif = *octets.first().ok_or(TrailingReason::Truncated)?;
        let mut dib = Self {
            function: match dif >> 4 & 3 {
                0 => Function::Instantaneous,
                1 => Function::Maximum,
                2 => Function::Minimum,
                _ => Function::ErrorState,
            },
            storage: u64::from(dif >> 6 & 1),
            ..Self::new(dif & 0x0F)
        };
        if dif & 0x80 == 0 {
            return Ok((dib, 1));
        }
        let (mut extended, mut count, mut last) = (true, 0, 0);
        while extended {
            if count == MAX_DIFE {
                return Err(TrailingReason::TooManyDife);
            }
            last = *octets.get(1 + count).ok_or(TrailingReason::Truncated)?;
            dib.storage |= u64::from(last & 0x0F) << (1 + 4 * count);
            dib.tariff |= u32::from(last >> 4 & 3) << (2 * count);
            dib.subunit |= u16::from(last >> 6 & 1) << count;
            extended = last & 0x80 != 0;
            count += 1;
        }
        // A single zero DIFE is an oddity of electricity meters and means nothing.
        dib.register_number = count >= 2 && last == 0;
        Ok((dib, 1 + count))
    }

    /// Appends the block in its shortest form; `None` when storage, tariff or subunit do not fit ten DIFEs.
    pub(super) fn encode(&self, octets: &mut Vec<u8>) -> Option<()> {
        let function = match self.function {
            Function::Instantaneous => 0,
            Function::Maximum => 1,
            Function::Minimum => 2,
            Function::ErrorState => 3,
        };
        let (mut storage, mut tariff, mut subunit) = (self.storage, self.tariff, self.subunit);
        let mut block = Vec::with_capacity(4);
        block.push(self.data_field & 0x0F | function << 4 | ((storage & 1) as u8) << 6);
        storage >>= 1;
        while storage != 0 || tariff != 0 || subunit != 0 {
            block.push((storage & 0x0F) as u8 | ((tariff & 3) as u8) << 4 | ((subunit & 1) as u8) << 6);
            storage >>= 4;
            tariff >>= 2;
            subunit >>= 1;
        }
        if self.register_number {
            if block.len() == 1 {
                block.push(0);
            }
            block.push(0);
        }
        if block.len() > 1 + MAX_DIFE {
            return None;
        }
        let last = block.len() - 1;
        block.iter_mut().take(last).for_each(|octet| *octet |= 0x80);
        octets.extend(block);
        Some(())
    }

    /// Octets of data by data field, without those that an LVAR announces.
    pub(super) fn data_length(&self) -> Option<usize> {
        match self.data_field {
            0 | 8 => Some(0),
            length @ 1..=4 => Some(usize::from(length)),
            5 | 0xC => Some(4),
            6 | 0xE => Some(6),
            7 => Some(8),
            9 => Some(1),
            0xA => Some(2),
            0xB => Some(3),
            _ => None,
        }
    }

    /// True when only the coding differs.
    pub fn same_place(&self, other: &Self) -> bool {
        (self.storage, self.tariff, self.subunit, self.function)
            == (other.storage, other.tariff, other.subunit, other.function)
    }

    /// True for the data fields that hold decimal digits.
    pub fn is_bcd(&self) -> bool {
        matches!(self.data_field, 0x9..=0xC | 0xE)
    }

    /// True for the data fields that hold an integer.
    pub fn is_integer(&self) -> bool {
        matches!(self.data_field, 1..=4 | 6 | 7)
    }
}

/// Octets after an LVAR, which itself is not counted; `None` for reserved values.
pub(super) fn variable_length(lvar: u8) -> Option<usize> {
    match lvar {
        0x00..=0xBF => Some(usize::from(lvar)),
        0xC0..=0xC9 => Some(usize::from(lvar - 0xC0)),
        0xD0..=0xD9 => Some(usize::from(lvar - 0xD0)),
        0xE0..=0xEF => Some(usize::from(lvar - 0xE0)),
        0xF0..=0xF4 => Some(4 * usize::from(lvar - 0xEC)),
        0xF5 => Some(48),
        0xF6 => Some(64),
        0xF8 => Some(4),
        _ => None,
    }
}

/// DIFEs behind a DIF.
pub(super) const MAX_DIFE: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_chains_keep_their_bits_apart() {
        for dib in [
            Dib::new(4),
            Dib {
                storage: 1,
                ..Dib::new(4)
            },
            Dib {
                storage: 48,
                function: Function::Maximum,
                ..Dib::new(2)
            },
            Dib {
                storage: (1 << 41) - 1,
                tariff: (1 << 20) - 1,
                subunit: 1023,
                ..Dib::new(0xE)
            },
            Dib {
                storage: 32,
                register_number: true,
                ..Dib::new(6)
            },
        ] {
            let mut octets = Vec::new();
            dib.encode(&mut octets).unwrap();
            assert_eq!(Dib::parse(&octets), Ok((dib, octets.len())));
        }
        assert_eq!(
            Dib {
                storage: 1 << 41,
                ..Dib::new(4)
            }
            .encode(&mut Vec::new()),
            None
        );
        assert_eq!(
            Dib::parse(&[0x84, 0x00]).map(|(dib, count)| (dib.register_number, count)),
            Ok((false, 2))
        );
        assert_eq!(
            Dib::parse(&[0x86, 0x80, 0x81, 0x00]).map(|(dib, _)| (dib.storage, dib.register_number)),
            Ok((32, true))
        );
    }
}

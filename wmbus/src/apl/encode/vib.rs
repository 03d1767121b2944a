//! VIF and VIFEs from what they mean: the extension bits are set here and nowhere else.

use alloc::vec::Vec;

use super::unencodable;
use crate::apl::vif::{MAX_VIFE, Table, Vib};
use crate::apl::vife::Qualifier;
use crate::error::Error;

/// Where the VIFEs of a plain text unit stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextOrder {
    /// `FC VIFE… LEN text`: the standard.
    QualifiersFirst,
    /// `FC LEN text VIFE…`: what devices send.
    TextFirst,
}

/// The block of a code and its qualifiers.
///
/// Fails with `Unencodable` when there are more than ten VIFEs, or for a code above 7F.
pub fn vib(table: Table, code: u8, qualifiers: &[Qualifier]) -> Result<Vec<u8>, Error> {
    let prefix: &[u8] = match table {
        Table::Primary => &[],
        Table::Main => &[0x7D],
        Table::SecondLevel => &[0x7D, 0x7D],
        Table::Alternate => &[0x7B],
    };
    let mut octets = prefix.to_vec();
    octets.push(code);
    octets.extend(vifes(qualifiers)?);
    if octets.len() > 1 + MAX_VIFE {
        return Err(unencodable(TOO_MANY));
    }
    extend(&mut octets);
    checked(octets)
}

/// The block of a unit given as text of ISO 8859-1 in reading order.
///
/// Fails with `Unencodable` for too long a text, too many VIFEs, or an order in which it would be read otherwise.
pub fn text_vib(text: &[u8], qualifiers: &[Qualifier], order: TextOrder) -> Result<Vec<u8>, Error> {
    let length =
        u8::try_from(text.len()).map_err(|_| unencodable("a unit's text has at most 255 characters"))?;
    let label = core::iter::once(length).chain(text.iter().rev().copied());
    let mut vifes = vifes(qualifiers)?;
    if vifes.len() > MAX_VIFE {
        return Err(unencodable(TOO_MANY));
    }
    extend(&mut vifes);
    let vif = if vifes.is_empty() { 0x7C } else { 0xFC };
    let mut octets = Vec::with_capacity(2 + text.len() + vifes.len());
    octets.push(vif);
    match order {
        TextOrder::QualifiersFirst => {
            octets.extend(&vifes);
            octets.extend(label);
        }
        TextOrder::TextFirst => {
            octets.extend(label);
            octets.extend(&vifes);
        }
    }
    let octets = checked(octets)?;
    let read = Vib::parse(&octets).is_ok_and(|vib| vib.qualifiers().eq(qualifiers.iter().copied()));
    read.then_some(octets)
        .ok_or_else(|| unencodable("a unit's text and VIFEs would be read in the other order"))
}

fn vifes(qualifiers: &[Qualifier]) -> Result<Vec<u8>, Error> {
    let mut octets = Vec::with_capacity(qualifiers.len());
    for Qualifier { second_table, code } in qualifiers {
        if *code > 0x7F {
            return Err(unencodable("a VIFE's code has seven bits"));
        }
        if *second_table {
            octets.push(0x7C);
        }
        octets.push(*code);
    }
    Ok(octets)
}

/// Sets the extension bit of all octets but the last.
fn extend(octets: &mut [u8]) {
    if let Some((_, first)) = octets.split_last_mut() {
        first.iter_mut().for_each(|octet| *octet |= 0x80);
    }
}

fn checked(octets: Vec<u8>) -> Result<Vec<u8>, Error> {
    let whole = Vib::parse(&octets).is_ok_and(|vib| vib.octets == octets);
    whole
        .then_some(octets)
        .ok_or_else(|| unencodable("a unit's text and VIFEs would be read in the other order"))
}

const TOO_MANY: &str = "a record has at most ten VIFEs";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apl::Quantity;
    use alloc::string::String;

    const TENTH: Qualifier = Qualifier {
        second_table: false,
        code: 0x75,
    };
    const L1: Qualifier = Qualifier {
        second_table: true,
        code: 0x01,
    };

    #[test]
    fn blocks_in_the_tables_of_the_standard() {
        let block = |table, code, qualifiers: &[Qualifier]| vib(table, code, qualifiers).unwrap();
        assert_eq!(block(Table::Primary, 0x13, &[]), [0x13]);
        assert_eq!(block(Table::Primary, 0x13, &[Qualifier::BACKWARD]), [0x93, 0x3C]);
        assert_eq!(block(Table::Main, 0x48, &[L1]), [0xFD, 0xC8, 0xFC, 0x01]);
        assert_eq!(block(Table::SecondLevel, 0x02, &[]), [0xFD, 0xFD, 0x02]);
        assert_eq!(block(Table::Alternate, 0x02, &[TENTH]), [0xFB, 0x82, 0x75]);
        assert_eq!(
            Vib::parse(&block(Table::Alternate, 0x09, &[])).unwrap().quantity,
            Quantity::Energy
        );
        assert!(vib(Table::Primary, 0x13, &[TENTH; 11]).is_err());
        assert!(vib(Table::Primary, 0x13, &[TENTH; 10]).is_ok());
        assert!(vib(Table::Primary, 0x93, &[]).is_err());
    }

    #[test]
    fn text_in_both_orders_or_refused() {
        for order in [TextOrder::QualifiersFirst, TextOrder::TextFirst] {
            let octets = text_vib(b"drop", &[TENTH, L1], order).unwrap();
            let read = Vib::parse(&octets).unwrap();
            assert_eq!(read.label().collect::<String>(), "drop");
            assert_eq!((read.exponent, read.octets.len()), (-1, octets.len()));
        }
        assert_eq!(
            text_vib(b"ab", &[], TextOrder::TextFirst).unwrap(),
            [0x7C, 2, b'b', b'a']
        );
        // One VIFE and a text of 32 characters or more looks like the other order, and a text of control characters too.
        assert!(text_vib(&[b'a'; 32], &[TENTH], TextOrder::QualifiersFirst).is_err());
        assert!(text_vib(&[b'a', 0x01], &[TENTH], TextOrder::TextFirst).is_err());
        assert!(text_vib(&[b'a'; 256], &[], TextOrder::TextFirst).is_err());
    }
}

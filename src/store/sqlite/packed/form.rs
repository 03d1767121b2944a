//! How points are written: as differences, seven bits an octet.

use jiff::Timestamp;

use crate::store::sqlite::octets::{number, put_number, put_signed, signed};
use crate::store::{Flags, Shown, Source};

/// At, source, value, flags: as the table has them.
pub(in super::super) type Point = (i64, u8, i64, u32);

/// Points as octets: a first one that says whether each has its source and flags, or all are live and sound; then each as the
/// difference from the one before.
pub(in super::super) fn written(points: &[Point], start: i64) -> Vec<u8> {
    let plain = points
        .iter()
        .all(|(_, source, _, flags)| *source == Source::Live as u8 && *flags == 0);
    let mut octets = vec![if plain { PLAIN } else { MARKED }];
    let (mut at_before, mut value_before) = (start, 0_i64);
    for (at, source, value, flags) in points {
        if !plain {
            put_number(&mut octets, u64::from(*flags) << SOURCE_BITS | u64::from(*source));
        }
        put_number(&mut octets, at.wrapping_sub(at_before).cast_unsigned());
        put_signed(&mut octets, value.wrapping_sub(value_before));
        (at_before, value_before) = (*at, *value);
    }
    octets
}

/// The points in such octets; nothing when they are others.
pub(in super::super) fn points(octets: &[u8], start: i64, into: &mut Vec<Shown>) -> Option<()> {
    let (form, mut rest) = octets.split_first()?;
    let plain = match *form {
        PLAIN => true,
        MARKED => false,
        _ => return None,
    };
    let (mut at, mut value) = (start, 0_i64);
    let (mut source, mut flags) = (Source::Live, Flags::NONE);
    while !rest.is_empty() {
        if !plain {
            let mark = number(&mut rest)?;
            let place = usize::try_from(mark & ((1 << SOURCE_BITS) - 1)).ok()?;
            source = *Source::ALL.get(place)?;
            flags = Flags(u32::try_from(mark >> SOURCE_BITS).ok()?);
        }
        at = at.checked_add_unsigned(number(&mut rest)?)?;
        value = value.wrapping_add(signed(&mut rest)?);
        into.push(Shown {
            at: Timestamp::from_second(at).ok()?,
            source,
            value,
            flags,
        });
    }
    Some(())
}

/// All points are live and sound.
const PLAIN: u8 = 1;

/// Before each point its source, and its flags above.
const MARKED: u8 = 2;

const SOURCE_BITS: u32 = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{LENGTH, start_of};
    use super::*;

    proptest! {
        #[test]
        fn points_are_read_as_they_were_written(
            start in -5_000_i64..40_000,
            mut given in prop::collection::vec((0..LENGTH, 0_u8..5, any::<i64>(), prop_oneof![3 => Just(0), 1 => any::<u32>()]), 0..80),
            plain in any::<bool>(),
        ) {
            given.sort_unstable();
            let start = start_of(start);
            let given: Vec<Point> = given
                .into_iter()
                .map(|(at, source, value, flags)| if plain { (start + at, 0, value, 0) } else { (start + at, source, value, flags) })
                .collect();
            let octets = written(&given, start);
            let mut read = Vec::new();
            prop_assert_eq!(points(&octets, start, &mut read), Some(()));
            let read: Vec<Point> = read
                .iter()
                .map(|shown| (shown.at.as_second(), shown.source as u8, shown.value, shown.flags.0))
                .collect();
            prop_assert_eq!(read, given);
        }

        #[test]
        fn octets_of_others_are_refused_or_read_and_end_there(octets in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut read = Vec::new();
            let _ = points(&octets, 0, &mut read);
            prop_assert!(read.len() <= octets.len());
        }
    }
}

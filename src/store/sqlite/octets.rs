//! Numbers, texts and differences as few octets, and back: bounded, and nothing of what makes no sense.
//!
//! ```text
//! number       seven bits an octet, the low ones first; the highest bit says that there are more
//! signed       a number with its sign in the lowest bit
//! several      their number, and the octets themselves
//! difference   how many runs; of each how far behind the one before it begins, how long it is, and what it says
//! ```

/// Adds a number.
pub(super) fn put_number(octets: &mut Vec<u8>, mut number: u64) {
    while number > 0x7F {
        octets.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    octets.push(number.to_le_bytes()[0]);
}

/// Adds a number that may be negative.
pub(super) fn put_signed(octets: &mut Vec<u8>, number: i64) {
    put_number(octets, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Adds octets, and before them how many they are.
pub(super) fn put_several(octets: &mut Vec<u8>, several: &[u8]) {
    put_number(octets, several.len() as u64);
    octets.extend(several);
}

/// Adds where octets differ from as many others.
pub(super) fn put_difference(octets: &mut Vec<u8>, before: &[u8], now: &[u8]) {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, (one, other)) in before.iter().zip(now).enumerate() {
        if one == other {
            continue;
        }
        match runs.last_mut() {
            // Two numbers more would take as much as an octet between them.
            Some((_, end)) if at <= *end + 1 => *end = at + 1,
            _ => runs.push((at, at + 1)),
        }
    }
    put_number(octets, runs.len() as u64);
    let mut reached = 0;
    for (begin, end) in runs {
        put_number(octets, (begin - reached) as u64);
        put_number(octets, (end - begin) as u64);
        octets.extend(now.get(begin..end).unwrap_or_default());
        reached = end;
    }
}

/// Takes a number: mostly one octet, or two.
#[inline]
pub(super) fn number(octets: &mut &[u8]) -> Option<u64> {
    match **octets {
        [one, ref rest @ ..] if one < 0x80 => {
            *octets = rest;
            Some(u64::from(one))
        }
        [one, two, ref rest @ ..] if two < 0x80 => {
            *octets = rest;
            Some(u64::from(one & 0x7F) | u64::from(two) << 7)
        }
        _ => long_number(octets),
    }
}

fn long_number(octets: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0, 0_u32);
    loop {
        let [octet] = array(octets)?;
        // The tenth octet has room for one bit.
        if shift > 63 || shift == 63 && octet > 1 {
            return None;
        }
        number |= u64::from(octet & 0x7F) << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
        shift += 7;
    }
}

/// Takes a number that may be negative.
#[inline]
pub(super) fn signed(octets: &mut &[u8]) -> Option<i64> {
    let number = number(octets)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

/// Takes so many octets.
pub(super) fn take<'a>(octets: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = octets.split_at_checked(count)?;
    *octets = left;
    Some(taken)
}

/// Takes as many octets as there is room for.
pub(super) fn array<const N: usize>(octets: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = octets.split_first_chunk()?;
    *octets = left;
    Some(*taken)
}

/// Takes octets that say how many they are.
pub(super) fn several<'a>(octets: &mut &'a [u8]) -> Option<&'a [u8]> {
    let count = usize::try_from(number(octets)?).ok()?;
    take(octets, count)
}

/// Takes a difference: what the octets are that differ in this way from those before.
pub(super) fn difference(octets: &mut &[u8], before: &[u8]) -> Option<Vec<u8>> {
    let mut now = before.to_vec();
    let mut reached = 0_usize;
    for _ in 0..number(octets)? {
        let begin = reached.checked_add(usize::try_from(number(octets)?).ok()?)?;
        let end = begin.checked_add(usize::try_from(number(octets)?).ok()?)?;
        now.get_mut(begin..end)?
            .copy_from_slice(take(octets, end - begin)?);
        reached = end;
    }
    Some(now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_is_taken_back(
            given in any::<u64>(),
            negative in any::<i64>(),
            text in prop::collection::vec(any::<u8>(), 0..300),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..9),
        ) {
            let mut now = text.clone();
            for (place, octet) in changes {
                if let Some(changed) = (!now.is_empty()).then(|| place.index(now.len())) {
                    now[changed] = octet;
                }
            }
            let mut octets = Vec::new();
            put_number(&mut octets, given);
            put_signed(&mut octets, negative);
            put_several(&mut octets, &text);
            put_difference(&mut octets, &text, &now);
            let left = &mut octets.as_slice();
            prop_assert_eq!(number(left), Some(given));
            prop_assert_eq!(signed(left), Some(negative));
            prop_assert_eq!(several(left), Some(text.as_slice()));
            prop_assert_eq!(difference(left, &text), Some(now));
            prop_assert!(left.is_empty());
        }

        #[test]
        fn octets_of_others_are_refused_or_read_and_end_there(octets in prop::collection::vec(any::<u8>(), 0..40)) {
            let left = &mut octets.as_slice();
            let numbers = std::iter::from_fn(|| number(left)).count();
            prop_assert!(numbers + left.len() <= octets.len());
            if let Some(now) = difference(&mut octets.as_slice(), &[7; 20]) {
                prop_assert_eq!(now.len(), 20);
            }
        }
    }

    #[test]
    fn the_tenth_octet_has_room_for_one_bit() {
        let mut longest = [0xFF; 10];
        longest[9] = 1;
        assert_eq!(number(&mut &longest[..]), Some(u64::MAX));
        longest[9] = 2;
        assert_eq!(number(&mut &longest[..]), None);
        assert_eq!(number(&mut &[0x80; 11][..]), None);
        assert_eq!(number(&mut &[][..]), None);
    }
}

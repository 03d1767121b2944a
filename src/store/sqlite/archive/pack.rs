//! How a pack is written: telegrams of one meter out of their seals, each as what differs from the one before, and all of
//! them sealed together with the meter's own key.
//!
//! ```text
//! 01 | CRC-32 of all others (4) | which key (4) | nonce (13) | AES-128-CCM of the items, deflated, and its tag (8)
//! 01 | CRC-32 of all others (4) | 00 00 00 00   | the items, deflated                        nothing was sealed on the air
//! 02   the same, not deflated: so few items repeat nothing
//! ```
//!
//! So a copy of the store tells no more than the air does to whoever has no key. The nonce follows from key and items: what is
//! sealed twice under one nonce is the same.

use std::io::{Read, Write};

use aes::Aes128Enc;
use ccm::KeyInit;
use ccm::aead::AeadInOut;
use ccm::consts::{U8, U13};
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use sha2::{Digest, Sha256};
use wmbus::Key;
use zeroize::Zeroizing;

use crate::store::sqlite::octets;

/// A telegram as a pack has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// When it was received, in seconds.
    pub(super) at: i64,
    /// Nobody timed it.
    pub(super) assumed: bool,
    /// It was opened and gave no value; else it was read.
    pub(super) no_value: bool,
    /// The id of the receiver.
    pub(super) radio: i64,
    /// Received signal strength, 0 to -255 dBm.
    pub(super) rssi_dbm: Option<i16>,
    /// How it was framed and sealed, and what it says: see [`wmbus::bare`].
    pub(super) way: u8,
    pub(super) octets: Vec<u8>,
}

/// Why a pack can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PackError {
    /// It is damaged, or of a later release.
    Damaged,
    /// None of the meter's keys opens it.
    Sealed,
}

/// Items on their way into a pack.
#[derive(Default)]
pub(super) struct Packing {
    octets: Vec<u8>,
    before: Option<Item>,
    count: u32,
}

impl Packing {
    /// So many items.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Adds an item; where it begins, which [`Packing::set_no_value`] and [`Packing::set_rssi`] want to know. `None` when its strength has
    /// no room here.
    pub(super) fn push(&mut self, item: Item) -> Option<usize> {
        let strength = match item.rssi_dbm {
            Some(dbm) => u8::try_from(-i32::from(dbm)).ok()?,
            None => 0,
        };
        let before = self.before.take();
        let same = before.as_ref();
        let continues = same.is_some_and(|before| before.radio == item.radio && before.way == item.way);
        let alike = same.filter(|before| before.octets.len() == item.octets.len());
        let mut bits = 0;
        for (bit, is) in [
            (NO_VALUE, item.no_value),
            (ASSUMED, item.assumed),
            (MEASURED, item.rssi_dbm.is_some()),
            (CONTINUES, continues),
            (ALIKE, alike.is_some()),
        ] {
            bits |= if is { bit } else { 0 };
        }
        let place = self.octets.len();
        self.octets.extend([bits, strength]);
        let passed = item.at.wrapping_sub(same.map_or(0, |before| before.at));
        octets::put_signed(&mut self.octets, passed);
        if !continues {
            octets::put_number(&mut self.octets, item.radio.cast_unsigned());
            self.octets.push(item.way);
        }
        match alike {
            Some(before) => octets::put_difference(&mut self.octets, &before.octets, &item.octets),
            None => octets::put_several(&mut self.octets, &item.octets),
        }
        self.before = Some(item);
        self.count += 1;
        Some(place)
    }

    /// The item that begins there was read after all, or was not.
    pub(super) fn set_no_value(&mut self, place: usize, no_value: bool) {
        if let Some(bits) = self.octets.get_mut(place) {
            *bits = *bits & !NO_VALUE | if no_value { NO_VALUE } else { 0 };
        }
    }

    /// The item that begins there was heard by somebody else, too: the best strength stays. Whether it has room here.
    pub(super) fn raise_rssi(&mut self, place: usize, rssi_dbm: i16) -> bool {
        let Ok(strength) = u8::try_from(-i32::from(rssi_dbm)) else {
            return false;
        };
        if let Some([bits, known]) = self.octets.get_mut(place..place + 2)
            && (*bits & MEASURED == 0 || strength < *known)
        {
            *bits |= MEASURED;
            *known = strength;
            return true;
        }
        false
    }

    /// The strength of the item that begins there, and whether it gave no value.
    pub(super) fn told(&self, place: usize) -> Option<(Option<i16>, bool)> {
        let [bits, strength] = *self.octets.get(place..place + 2)?.first_chunk()?;
        Some((
            (bits & MEASURED != 0).then_some(-i16::from(strength)),
            bits & NO_VALUE != 0,
        ))
    }

    /// In as many packs as it takes for each to fit into a page with others ([`ROW`]), each sealed with this key when there is one, and how
    /// many items it has.
    pub(super) fn in_parts(&self, key: Option<&Key>) -> Option<Vec<(Vec<u8>, u32)>> {
        let whole = self.sealed(key)?;
        if whole.len() <= ROW || self.count < 2 {
            return Some(vec![(whole, self.count)]);
        }
        let mut left = self.octets.as_slice();
        let mut before = None;
        let items: Vec<Item> = std::iter::from_fn(|| {
            before = item(&mut left, before.as_ref());
            before.clone()
        })
        .collect();
        if items.len() != self.count as usize {
            return None;
        }
        let parts = whole.len().div_ceil(ROW);
        let mut packs = Vec::with_capacity(parts);
        for items in items.chunks(items.len().div_ceil(parts).max(1)) {
            let mut part = Self::default();
            for item in items {
                part.push(item.clone())?;
            }
            packs.extend(part.in_parts(key)?);
        }
        Some(packs)
    }

    /// The whole, sealed with this key when there is one.
    pub(super) fn sealed(&self, key: Option<&Key>) -> Option<Vec<u8>> {
        let mut packed = Vec::new();
        let form = if self.count < SEVERAL {
            packed.extend(&self.octets);
            PLAIN
        } else {
            let mut encoder = DeflateEncoder::new(&mut packed, Compression::default());
            encoder.write_all(&self.octets).ok()?;
            encoder.finish().ok()?;
            DEFLATED
        };
        let mut behind = Vec::with_capacity(packed.len() + 32);
        match key {
            None => {
                behind.extend(CLEAR);
                behind.extend(packed);
            }
            Some(key) => {
                let own = own_key(key);
                let mut hash = Sha256::new();
                hash.update(*own);
                hash.update(&packed);
                let digest = hash.finalize();
                let nonce: &[u8; 13] = digest.first_chunk()?;
                behind.extend(name(key));
                behind.extend(nonce);
                Cipher::new((&*own).into())
                    .encrypt_in_place(nonce.into(), &[], &mut packed)
                    .ok()?;
                behind.extend(packed);
            }
        }
        let mut whole = vec![form];
        whole.extend(checksum(form, &behind));
        whole.extend(behind);
        Some(whole)
    }
}

/// Whether a pack is as it was written, as far as that can be told without its key.
pub(in super::super) fn is_sound(pack: &[u8]) -> bool {
    behind(pack).is_some()
}

/// The items of a pack of a meter with these keys, and which of them sealed it.
pub(super) fn items(pack: &[u8], keys: &[Key]) -> Result<(Vec<Item>, Option<usize>), PackError> {
    let (form, behind) = behind(pack).ok_or(PackError::Damaged)?;
    let (named, sealed) = behind.split_first_chunk::<4>().ok_or(PackError::Damaged)?;
    let (packed, key) = if *named == CLEAR {
        (sealed.to_vec(), None)
    } else {
        let (nonce, sealed) = sealed.split_first_chunk::<13>().ok_or(PackError::Damaged)?;
        let opened = keys.iter().enumerate().find_map(|(place, key)| {
            if name(key) != *named {
                return None;
            }
            let mut packed = sealed.to_vec();
            Cipher::new((&*own_key(key)).into())
                .decrypt_in_place(nonce.into(), &[], &mut packed)
                .ok()?;
            Some((packed, Some(place)))
        });
        opened.ok_or(PackError::Sealed)?
    };
    let octets = if form == PLAIN { packed } else { inflated(&packed)? };
    let mut left = octets.as_slice();
    let mut items: Vec<Item> = Vec::new();
    while !left.is_empty() {
        let next = item(&mut left, items.last()).ok_or(PackError::Damaged)?;
        items.push(next);
        // Each takes as much memory as the one before, however few octets it has here.
        if items.len() > MOST {
            return Err(PackError::Damaged);
        }
    }
    Ok((items, key))
}

/// The form of a pack, and what is behind its sum, when that is right.
fn behind(pack: &[u8]) -> Option<(u8, &[u8])> {
    let (form, rest) = pack.split_first()?;
    let (sum, behind) = rest.split_first_chunk::<4>()?;
    let sound = [DEFLATED, PLAIN].contains(form) && *sum == checksum(*form, behind);
    sound.then_some((*form, behind))
}

fn inflated(packed: &[u8]) -> Result<Vec<u8>, PackError> {
    let mut octets = Vec::new();
    let read = DeflateDecoder::new(packed)
        .take(LARGEST + 1)
        .read_to_end(&mut octets);
    if read.is_err() || octets.len() as u64 > LARGEST {
        return Err(PackError::Damaged);
    }
    Ok(octets)
}

/// Takes the next item.
fn item(octets: &mut &[u8], before: Option<&Item>) -> Option<Item> {
    let [bits, strength] = octets::array(octets)?;
    let has = |bit| bits & bit != 0;
    let passed = octets::signed(octets)?;
    let at = before.map_or(0, |before| before.at).checked_add(passed)?;
    let (radio, way) = if has(CONTINUES) {
        before.map(|before| (before.radio, before.way))?
    } else {
        let radio = octets::number(octets)?.cast_signed();
        let [way] = octets::array(octets)?;
        (radio, way)
    };
    let said = if has(ALIKE) {
        octets::difference(octets, &before?.octets)?
    } else {
        let said = octets::several(octets)?;
        if said.len() > LONGEST {
            return None;
        }
        said.to_vec()
    };
    Some(Item {
        at,
        assumed: has(ASSUMED),
        no_value: has(NO_VALUE),
        radio,
        rssi_dbm: has(MEASURED).then_some(-i16::from(strength)),
        way,
        octets: said,
    })
}

type Cipher = ccm::Ccm<Aes128Enc, U8, U13>;

/// The key under which packs are sealed, which follows from the meter's.
fn own_key(key: &Key) -> Zeroizing<[u8; 16]> {
    let mut hash = Sha256::new();
    hash.update(b"releve pack");
    hash.update(key.reveal());
    let mut own = Zeroizing::new([0; 16]);
    for (octet, digest) in own.iter_mut().zip(hash.finalize()) {
        *octet = digest;
    }
    own
}

/// Tells the keys of a meter apart without telling anything of them.
fn name(key: &Key) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(b"releve pack name");
    hash.update(key.reveal());
    let mut name: [u8; 4] = hash.finalize().first_chunk().copied().unwrap_or_default();
    // That no key was needed is said by zeros.
    if name == CLEAR {
        name = [1; 4];
    }
    name
}

fn checksum(form: u8, behind: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(&[form]);
    crc.update(behind);
    crc.sum().to_le_bytes()
}

const DEFLATED: u8 = 1;
const PLAIN: u8 = 2;
/// From so many items on it is worth while to deflate them.
const SEVERAL: u32 = 4;
const CLEAR: [u8; 4] = [0; 4];

/// A pack that is longer would have a page of the engine for itself: a row of more than 1002 octets leaves the tree's page.
const ROW: usize = 980;
/// Telegrams of a pack at most.
pub(super) const MOST: usize = 2000;
/// Octets of a telegram at most: what any receiver passes on, with room to spare.
pub(super) const LONGEST: usize = 1024;
/// Octets of all items at most.
const LARGEST: u64 = (MOST * (LONGEST + 64)) as u64;

const NO_VALUE: u8 = 1;
const ASSUMED: u8 = 1 << 1;
const MEASURED: u8 = 1 << 2;
/// Receiver and way are those of the telegram before.
const CONTINUES: u8 = 1 << 3;
/// The octets are given as what differs from the telegram before.
const ALIKE: u8 = 1 << 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(octet: u8) -> Key {
        Key::from_octets(&[octet; 16]).unwrap()
    }

    fn item() -> impl Strategy<Value = Item> {
        let octets = prop_oneof![
            4 => prop::collection::vec(prop_oneof![5 => Just(0x2F_u8), 1 => any::<u8>()], 30),
            1 => prop::collection::vec(any::<u8>(), 0..80),
        ];
        let more = (
            any::<bool>(),
            any::<bool>(),
            0_i64..3,
            prop::option::of(-255_i16..=0),
            0_u8..3,
        );
        (any::<i64>(), more, octets).prop_map(|(at, (assumed, no_value, radio, rssi_dbm, way), octets)| {
            Item {
                at,
                assumed,
                no_value,
                radio,
                rssi_dbm,
                way,
                octets,
            }
        })
    }

    proptest! {
        #[test]
        fn items_are_read_as_they_were_packed(given in prop::collection::vec(item(), 0..40), sealed in any::<bool>()) {
            // Instants are far closer together than any two numbers are.
            let given: Vec<Item> = given.into_iter().map(|item| Item { at: item.at >> 2, ..item }).collect();
            let mut packing = Packing::default();
            for item in &given {
                packing.push(item.clone()).unwrap();
            }
            let keys = [key(1), key(2)];
            let pack = packing.sealed(sealed.then_some(&keys[1])).unwrap();
            prop_assert!(is_sound(&pack));
            prop_assert_eq!(items(&pack, &keys), Ok((given, sealed.then_some(1))));
            if sealed {
                prop_assert_eq!(items(&pack, &keys[..1]), Err(PackError::Sealed));
            }
        }

        #[test]
        fn what_is_long_is_packed_in_parts_that_share_a_page(given in prop::collection::vec(item(), 0..200)) {
            let given: Vec<Item> = given.into_iter().map(|item| Item { at: item.at >> 2, ..item }).collect();
            let mut packing = Packing::default();
            for item in &given {
                packing.push(item.clone()).unwrap();
            }
            let keys = [key(1)];
            let mut read = Vec::new();
            for (pack, count) in packing.in_parts(Some(&keys[0])).unwrap() {
                prop_assert!(pack.len() <= ROW);
                let (items, _) = items(&pack, &keys).unwrap();
                prop_assert_eq!(items.len(), count as usize);
                read.extend(items);
            }
            prop_assert_eq!(read, given);
        }

        #[test]
        fn octets_of_others_are_refused_or_read_and_end_there(octets in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut pack = vec![DEFLATED];
            let mut behind = CLEAR.to_vec();
            let mut encoder = DeflateEncoder::new(&mut behind, Compression::default());
            encoder.write_all(&octets).unwrap();
            encoder.finish().unwrap();
            pack.extend(checksum(DEFLATED, &behind));
            pack.extend(behind);
            if let Ok((items, _)) = items(&pack, &[]) {
                prop_assert!(items.len() <= octets.len());
            }
        }
    }

    #[test]
    fn what_changed_on_the_way_is_found_and_nothing_is_seen_without_the_key() {
        let mut packing = Packing::default();
        for second in 0..5 {
            let octets = b"the same again, and one octet of it is another: "
                .iter()
                .copied();
            let item = Item {
                at: 1_700_000_000 + second * 40,
                assumed: false,
                no_value: false,
                radio: 1,
                rssi_dbm: Some(-70),
                way: 0,
                octets: octets.chain([second as u8]).collect(),
            };
            packing.push(item).unwrap();
        }
        let in_clear = packing.sealed(None).unwrap();
        assert!(in_clear.len() < 110, "{}", in_clear.len());
        let pack = packing.sealed(Some(&key(7))).unwrap();
        assert_eq!(pack.len(), in_clear.len() + 13 + 8);
        assert_eq!(pack, packing.sealed(Some(&key(7))).unwrap());
        for at in 0..pack.len() {
            let mut changed = pack.clone();
            changed[at] ^= 1;
            assert!(!is_sound(&changed), "{at}");
            assert_eq!(items(&changed, &[key(7)]), Err(PackError::Damaged), "{at}");
        }
        // Whoever mends the sum as well is found by the seal.
        let mut changed = pack.clone();
        *changed.last_mut().unwrap() ^= 1;
        let sum = checksum(changed[0], &changed[5..]);
        changed[1..5].copy_from_slice(&sum);
        assert_eq!(items(&changed, &[key(7)]), Err(PackError::Sealed));
    }

    #[test]
    fn the_best_strength_and_the_better_outcome_stay() {
        let item = |rssi_dbm| Item {
            at: 7,
            assumed: false,
            no_value: true,
            radio: 1,
            rssi_dbm,
            way: 0,
            octets: vec![1, 2, 3],
        };
        let mut packing = Packing::default();
        let first = packing.push(item(None)).unwrap();
        let second = packing.push(item(Some(-90))).unwrap();
        assert!(packing.raise_rssi(first, -100));
        assert!(packing.raise_rssi(second, -80));
        assert!(!packing.raise_rssi(second, -85));
        assert!(!packing.raise_rssi(second, 3));
        packing.set_no_value(second, false);
        assert_eq!(packing.told(first), Some((Some(-100), true)));
        assert_eq!(packing.told(second), Some((Some(-80), false)));
        assert_eq!(packing.push(item(Some(-256))), None);
        assert_eq!(packing.push(item(Some(1))), None);
    }
}

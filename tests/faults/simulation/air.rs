//! What happens to telegrams between meters and the daemon: lost, damaged, repeated, heard twice, late, out of order.

use std::collections::HashMap;
use std::sync::Arc;

use collector::{Check, Telegram};
use decoders::Families;
use jiff::{Timestamp, ToSpan};
use releve::simulate::{Building, Plan};
use wmbus::{Frame, FrameFormat};

use crate::luck::Luck;

/// A telegram that reaches the daemon at an instant.
#[derive(Clone)]
pub(super) struct Delivery {
    pub(super) arrives: Timestamp,
    pub(super) telegram: Telegram,
}

/// What meters truly showed, by printed serial and instant of reception.
pub(super) type Truth = HashMap<(String, Timestamp), (&'static str, i64)>;

/// All deliveries in the order in which they arrive, and what is true.
pub(super) fn deliveries(
    plan: &Plan,
    building: &Building,
    families: &Families,
    luck: &mut Luck,
) -> (Vec<Delivery>, Truth) {
    let mut all = Vec::new();
    let mut truth = Truth::new();
    for turn in building.on_the_air(plan, families) {
        let turn = turn.unwrap();
        // What a second receiver heard is as true as what the first one did.
        let said: HashMap<Vec<u8>, _> = turn
            .iter()
            .filter_map(|heard| Some((heard.telegram.octets.clone(), heard.truth.clone()?)))
            .collect();
        for heard in turn {
            if luck.hits(50) {
                continue;
            }
            let original = heard.telegram;
            let fact = said.get(&original.octets);
            let mut copies = vec![original.clone()];
            if luck.hits(150) {
                copies.push(later(&original, luck.below(3), "stairs"));
            }
            if luck.hits(120)
                && let Some(octets) = repeated(&original.octets, luck)
            {
                let repeater = Telegram {
                    octets,
                    ..later(&original, 1 + luck.below(6), &original.radio)
                };
                copies.push(repeater);
            }
            if luck.hits(50) {
                copies.push(later(&original, 1 + luck.below(20), &original.radio));
            }
            for mut copy in copies {
                if let Some(fact) = fact {
                    let value = i64::try_from(fact.value).unwrap();
                    let key = (fact.serial.to_owned(), copy.received_at.unwrap());
                    truth.insert(key, (fact.quantity, value));
                }
                if luck.hits(40) {
                    damage(&mut copy.octets, luck);
                } else if luck.hits(250)
                    && let Ok(stripped) = wmbus::phy::strip_as(&copy.octets, FrameFormat::A)
                {
                    // A dongle that looks at the check sums itself, and keeps them.
                    copy.octets = stripped.octets.into_owned();
                    copy.check = Check::Receiver;
                }
                all.push(delayed(copy, luck));
            }
            if luck.hits(20) {
                let count = luck.index(80);
                let noise = Telegram {
                    octets: luck.octets(count),
                    ..original
                };
                all.push(delayed(noise, luck));
            }
        }
    }
    all.sort_by_key(|delivery| delivery.arrives);
    (all, truth)
}

/// The same telegram, received by somebody else or once more.
fn later(telegram: &Telegram, seconds: u64, radio: &str) -> Telegram {
    let seconds = i64::try_from(seconds).unwrap();
    Telegram {
        received_at: telegram.received_at.map(|at| at + seconds.seconds()),
        radio: Arc::from(radio),
        ..telegram.clone()
    }
}

/// Mostly at once, some a few minutes late, a few an hour: behind a gateway that lost its network.
fn delayed(telegram: Telegram, luck: &mut Luck) -> Delivery {
    let seconds = match luck.below(20) {
        0..16 => luck.below(2),
        16..19 => luck.below(240),
        _ => luck.below(4000),
    };
    let seconds = i64::try_from(seconds).unwrap();
    Delivery {
        arrives: telegram.received_at.unwrap() + seconds.seconds(),
        telegram,
    }
}

/// What a repeater makes of a telegram: its marks set, and the check sums anew.
fn repeated(octets: &[u8], luck: &mut Luck) -> Option<Vec<u8>> {
    let mut stripped = wmbus::phy::strip_as(octets, FrameFormat::A)
        .ok()?
        .octets
        .into_owned();
    let before = Frame::parse_as(&stripped, FrameFormat::Stripped)
        .ok()?
        .canonical()
        .into_owned();
    // Hop counter and repeated-access bit of the extended link layer; hops of a short transport header otherwise.
    let (at, bits) = match stripped.get(10)? {
        0x8C | 0x8D => (11, *luck.pick(&[0x02_u8, 0x10, 0x12])),
        0x7A => (13, *luck.pick(&[0x01_u8, 0x02, 0x03])),
        _ => return None,
    };
    *stripped.get_mut(at)? |= bits;
    let after = Frame::parse_as(&stripped, FrameFormat::Stripped)
        .ok()?
        .canonical()
        .into_owned();
    // Where the place is another (behind other layers), a repeater would not change it either.
    (before == after)
        .then(|| wmbus::phy::frame(&stripped, FrameFormat::A).ok())
        .flatten()
}

/// Bits turned over, an end cut off, or something behind it.
fn damage(octets: &mut Vec<u8>, luck: &mut Luck) {
    match luck.below(4) {
        0 => octets.truncate(luck.index(octets.len())),
        1 => {
            let count = 1 + luck.index(12);
            octets.extend(luck.octets(count));
        }
        _ => {
            for _ in 0..=luck.below(3) {
                let at = luck.index(octets.len());
                octets[at] ^= 1 << luck.below(8);
            }
        }
    }
}

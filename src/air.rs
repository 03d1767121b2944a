//! What is on the air: each meter that is heard, with what a person with a ladder wants to know of it.

use std::collections::HashMap;

use collector::{Check, Telegram};
use decoders::{Context, Families};
use jiff::Timestamp;
use wmbus::{Address, ErrorKind, Frame, FrameFormat};

use crate::pipeline::Memory;
use crate::registry::{Directory, MeterId};

/// Meters that are heard. Bounded, whoever shouts.
#[derive(Debug)]
pub struct Air {
    families: Families,
    directory: Directory,
    memory: Memory,
    meters: HashMap<Address, Presence>,
    /// Telegrams that were none, or damaged on their way.
    pub damaged: u64,
}

/// How a meter is heard.
#[derive(Clone, Debug)]
pub struct Presence {
    /// Who.
    pub address: Address,
    /// The page it is read with; `None` for the standard's meanings.
    pub family: Option<String>,
    /// Its id and printed serial, when it is registered.
    pub registered: Option<(MeterId, Option<String>)>,
    /// What its latest telegram wants of a key.
    pub lock: Lock,
    /// Telegrams heard.
    pub telegrams: u64,
    /// Strength of the latest.
    pub rssi_dbm: Option<i16>,
    /// The latest one's time; that of the telegram, not of this machine, when it has one.
    pub last_heard: Timestamp,
    /// Who heard the latest.
    pub radio: String,
    /// Its latest value of most interest, in words.
    pub says: Option<String>,
}

/// What a telegram wants of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lock {
    /// Nothing: it is in clear.
    Clear,
    /// A key that is known opened it.
    Opened,
    /// A key is wanted, and none is known.
    KeyMissing,
    /// The keys that are known don't open it.
    KeyWrong,
    /// It can't be told: a fragment, a compact frame, a mode that is not read.
    Unclear,
}

impl Lock {
    /// For people and machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Opened => "opened",
            Self::KeyMissing => "key_missing",
            Self::KeyWrong => "key_wrong",
            Self::Unclear => "unclear",
        }
    }
}

/// Meters that are kept; beyond that the longest silent stranger makes room.
const MOST: usize = 10_000;

impl Air {
    /// An empty one, that knows these families and meters.
    pub fn new(families: Families, directory: Directory) -> Self {
        let memory = Memory::new(&families);
        Self {
            families,
            directory,
            memory,
            meters: HashMap::new(),
            damaged: 0,
        }
    }

    /// Hears a telegram; `now` is when it came, if it does not say. Whose it was, if it was a meter's.
    pub fn hear(&mut self, telegram: &Telegram, now: Timestamp) -> Option<&Presence> {
        let frame = match telegram.check {
            Check::Receiver => Frame::parse_as(&telegram.octets, FrameFormat::Stripped),
            Check::Nobody => Frame::parse(&telegram.octets),
        };
        let Some(frame) = frame.ok().filter(Frame::is_from_meter) else {
            self.damaged += 1;
            return None;
        };
        let at = telegram.received_at.unwrap_or(now);
        let address = self.families.identify(&frame);
        let entry = self.directory.find(&address);
        let keys = entry.map_or(&[][..], |entry| &entry.keys);
        let sealed = frame.seal().is_some();
        let opened = self
            .memory
            .read(&self.families, &frame, keys, &Context::default(), at.as_second());
        let (lock, says) = match &opened {
            Ok(decoded) => {
                let value = decoded.readings.first().map(decoders::statement::write);
                (if sealed { Lock::Opened } else { Lock::Clear }, value)
            }
            Err(error) => match error.kind {
                ErrorKind::KeyMissing { .. } => (Lock::KeyMissing, None),
                ErrorKind::WrongKey | ErrorKind::MacMismatch => (Lock::KeyWrong, None),
                _ => (Lock::Unclear, None),
            },
        };
        let family = self.families.of(address).map(|family| family.name.to_string());
        let registered = entry.map(|entry| (entry.meter.id, entry.meter.printed_serial.clone()));
        if self.meters.len() >= MOST && !self.meters.contains_key(&address) {
            self.make_room();
        }
        let presence = self.meters.entry(address).or_insert_with(|| Presence {
            address,
            family,
            registered,
            lock,
            telegrams: 0,
            rssi_dbm: None,
            last_heard: at,
            radio: String::new(),
            says: None,
        });
        presence.telegrams += 1;
        presence.lock = lock;
        presence.rssi_dbm = telegram.rssi_dbm.or(presence.rssi_dbm);
        presence.last_heard = presence.last_heard.max(at);
        presence.radio = telegram.radio.to_string();
        presence.says = says.or(presence.says.take());
        Some(presence)
    }

    fn make_room(&mut self) {
        let quietest = self
            .meters
            .values()
            .min_by_key(|presence| (presence.registered.is_some(), presence.last_heard))
            .map(|presence| presence.address);
        if let Some(address) = quietest {
            self.meters.remove(&address);
        }
    }

    /// All that were heard, in no particular order.
    pub fn meters(&self) -> impl Iterator<Item = &Presence> {
        self.meters.values()
    }

    /// Registered meters that were not heard.
    pub fn missing(&self) -> impl Iterator<Item = &crate::registry::Meter> {
        let heard: std::collections::HashSet<MeterId> = self
            .meters
            .values()
            .filter_map(|presence| presence.registered.as_ref().map(|(id, _)| *id))
            .collect();
        self.directory
            .iter()
            .map(|entry| &entry.meter)
            .filter(move |meter| !heard.contains(&meter.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_invented_addresses_cost_no_more_than_ten_thousand() {
        let mut air = Air::new(Families::embedded().unwrap(), Directory::default());
        let now: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        for number in 0..12_000_u32 {
            let mut octets = vec![0x10, 0x44, 0xAE, 0x4C];
            octets.extend(number.to_le_bytes());
            octets.extend([0x68, 0x07, 0x78, 0x04, 0x13, 1, 0, 0, 0]);
            octets[0] = u8::try_from(octets.len() - 1).unwrap();
            let telegram = Telegram::new(octets, Check::Receiver, "attic".into());
            assert!(air.hear(&telegram, now).is_some());
        }
        assert_eq!(air.meters().count(), MOST);
        assert!(
            air.hear(&Telegram::new(vec![1, 2, 3], Check::Nobody, "attic".into()), now)
                .is_none()
        );
        assert_eq!(air.damaged, 1);
    }
}

//! IMST iM871A-USB and iM170A: WMBus HCI.
//!
//! ```text
//! A5  ce  id  n  payload (n)  [time, 4]  [RSSI]  [CRC, 2]
//!     c: 2 time, 4 RSSI, 8 CRC follow        CRC: X-25 over all between A5 and itself, low octet first
//!     e: 1 device management, 2 radio link
//! ```
//!
//! A telegram is message 3 of endpoint 2: its payload begins with C, and n is its L. Nothing is escaped, so A5 may
//! stand anywhere; what does not check is skipped by one octet.

use std::sync::Arc;
use std::time::Duration;

use super::session::{Device, Head, Taken, Todo};
use super::{Modes, Wanted, bare, x25};
use crate::{Check, LinkMode, Telegram};

const START: u8 = 0xA5;
const MANAGEMENT: u8 = 1;
const RADIO: u8 = 2;
/// Telegram received.
const TELEGRAM: u8 = 0x03;

const PATIENCE: Duration = Duration::from_millis(500);
const ATTEMPTS: u32 = 3;

/// C with T needs firmware 1.4.
const MODES: Modes = &[
    (&[LinkMode::S], 0x00),
    (&[LinkMode::T], 0x03),
    (&[LinkMode::C], 0x07),
    (&[LinkMode::C, LinkMode::T], C_WITH_T),
];
const C_WITH_T: u8 = 0x0A;
const C_WITH_T_FIRMWARE: u8 = 0x14;

/// One stick.
pub(super) struct Im871a {
    radio: Arc<str>,
    wanted: Wanted,
    stage: Stage,
    identity: String,
}

enum Stage {
    /// Device information.
    Information,
    /// Link mode, RSSI on, time off, in RAM only.
    Configuration {
        mode: u8,
    },
    Ready,
    Failed(String),
}

/// A message from the stick.
#[derive(Debug)]
pub(super) struct Message {
    endpoint: u8,
    id: u8,
    payload: Vec<u8>,
    rssi: Option<u8>,
}

impl Im871a {
    pub(super) fn new(radio: Arc<str>, wanted: Wanted) -> Self {
        Self {
            radio,
            wanted,
            stage: Stage::Information,
            identity: String::new(),
        }
    }

    /// Reads who it is, and decides what it is to hear.
    fn information(&mut self, payload: &[u8]) -> Stage {
        let [module, _, firmware, _, id @ ..] = payload else {
            return Stage::Failed("its device information is too short".to_owned());
        };
        let number = match <[u8; 4]>::try_from(id) {
            Ok(id) => u32::from_le_bytes(id),
            Err(_) => {
                return Stage::Failed("its device information has another length than 8 octets".to_owned());
            }
        };
        match module {
            0x33 => {}
            0x36 => return Stage::Failed("an iM170A hears 169 MHz only, and none of S, T and C".to_owned()),
            other => return Stage::Failed(format!("module type {other:02X} is no iM871A")),
        }
        self.identity = format!(
            "iM871A, firmware {}.{}, {number:08X}",
            firmware >> 4,
            firmware & 15
        );
        match self.wanted.code("an iM871A", MODES) {
            Ok(C_WITH_T) if *firmware < C_WITH_T_FIRMWARE => Stage::Failed(format!(
                "{}, can hear C or T, not both: that takes firmware 1.4",
                self.identity
            )),
            Ok(mode) => Stage::Configuration { mode },
            Err(reason) => Stage::Failed(reason),
        }
    }
}

impl Device for Im871a {
    type Message = Message;

    fn head(&self, octets: &[u8], _: bool) -> Head<Message> {
        let before = octets.iter().take_while(|octet| **octet != START).count();
        if before > 0 {
            return Head::Noise(before);
        }
        let [_, control, id, length, rest @ ..] = octets else {
            return Head::More;
        };
        let endpoint = control & 15;
        let has = |bit: u8| control & bit != 0;
        let (has_time, has_rssi, has_crc) = (has(0x20), has(0x40), has(0x80));
        if !is_plausible(endpoint, *id) || (!has_crc && !has_plausible_length(endpoint, *id, *length)) {
            return Head::Noise(1);
        }
        // Without a CRC, the C-field is all that tells a telegram from an A5 inside of one.
        if endpoint == RADIO && *id == TELEGRAM && !has_crc {
            match rest.first() {
                None => return Head::More,
                Some(control) if !bare::is_from_meter(*control) => return Head::Noise(1),
                Some(_) => {}
            }
        }
        let length = usize::from(*length);
        let appended = 4 * usize::from(has_time) + usize::from(has_rssi);
        let count = 4 + length + appended + 2 * usize::from(has_crc);
        let Some([_, checked @ ..]) = octets.get(..count) else {
            return Head::More;
        };
        if has_crc && x25::checked(checked).is_none() {
            return Head::Noise(1);
        }
        let (payload, rest) = rest.split_at_checked(length).unwrap_or_default();
        let rssi = has_rssi.then(|| rest.get(appended - 1).copied()).flatten();
        Head::Message(
            count,
            Message {
                endpoint,
                id: *id,
                payload: payload.to_vec(),
                rssi,
            },
        )
    }

    fn quiet(&self) -> Duration {
        PATIENCE
    }

    fn next(&mut self) -> Todo {
        let ask = |octets| Todo::Ask {
            octets,
            patience: PATIENCE,
            attempts: ATTEMPTS,
        };
        match &self.stage {
            Stage::Information => ask(request(0x0F, &[])),
            // In RAM; first group: link mode; second group: RSSI 1, time 0.
            Stage::Configuration { mode } => ask(request(0x03, &[0x00, 0x02, *mode, 0x30, 0x01, 0x00])),
            Stage::Ready => Todo::Ready(self.identity.clone()),
            Stage::Failed(reason) => Todo::Fail(reason.clone()),
        }
    }

    fn take(&mut self, message: Message) -> Taken {
        match (message.endpoint, message.id, &self.stage) {
            (RADIO, TELEGRAM, _) => {
                let length = u8::try_from(message.payload.len()).unwrap_or(u8::MAX);
                Taken::Telegram(Telegram {
                    rssi_dbm: message.rssi.map(dbm),
                    ..Telegram::new(
                        [&[length], message.payload.as_slice()].concat(),
                        Check::Receiver,
                        self.radio.clone(),
                    )
                })
            }
            (MANAGEMENT, 0x10, Stage::Information) => {
                self.stage = self.information(&message.payload);
                Taken::Answer
            }
            (MANAGEMENT, 0x04, Stage::Configuration { .. }) => {
                self.stage = match message.payload.first() {
                    None | Some(0) => Stage::Ready,
                    Some(status) => {
                        Stage::Failed(format!("it refuses its configuration with status {status}"))
                    }
                };
                Taken::Answer
            }
            _ => Taken::Other,
        }
    }
}

/// A request to device management, with its CRC.
fn request(id: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or(u8::MAX);
    let mut octets = vec![START, 0x80 | MANAGEMENT, id, length];
    octets.extend_from_slice(payload);
    let crc = x25::crc(octets.get(1..).unwrap_or_default());
    octets.extend_from_slice(&crc.to_le_bytes());
    octets
}

/// Whether such a message exists.
fn is_plausible(endpoint: u8, id: u8) -> bool {
    match endpoint {
        1 => (0x01..=0x27).contains(&id),
        2 => (0x01..=0x05).contains(&id),
        3 => (0x01..=0x07).contains(&id),
        4 => (0x01..=0x02).contains(&id),
        _ => false,
    }
}

/// Whether such a message may be so long; asked where no CRC protects it.
fn has_plausible_length(endpoint: u8, id: u8, length: u8) -> bool {
    match (endpoint, id) {
        (RADIO, TELEGRAM) => length >= 9,
        (MANAGEMENT, 0x02 | 0x08 | 0x0A) => length == 0,
        (MANAGEMENT, 0x06) => (2..=32).contains(&length),
        (MANAGEMENT, 0x10) => length == 8,
        (MANAGEMENT, 0x12 | 0x14) => length <= 64,
        (MANAGEMENT, 0x1A) => length == 4,
        (MANAGEMENT, 0x27) => length == 9,
        _ => length <= 1,
    }
}

/// r·8/15 − 126.67 dBm, to the nearest.
fn dbm(raw: u8) -> i16 {
    let fifteenths = i16::from(raw) * 8 - 1900;
    (2 * fifteenths + 15).div_euclid(30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signal_strength_goes_by_eighths_of_fifteenths() {
        assert_eq!(dbm(0x4B), -87);
        assert_eq!(dbm(0), -127);
        assert_eq!(dbm(45), -103);
        assert_eq!(dbm(255), 9);
    }
}

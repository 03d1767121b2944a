//! The device's side of each protocol: a dongle that never was, for tests, demonstrations and `releve simulate --tty`.
//!
//! Pure as the other side: octets that the host wrote go in, what the dongle answers comes out. Who opens a
//! pseudo-terminal carries them.

use wmbus::phy;

use super::{Model, x25};

/// A simulated dongle.
#[derive(Debug)]
pub struct Simulated {
    model: Model,
    heard: Vec<u8>,
    /// Times it was told to start again.
    resets: u64,
    /// Orders to change something in its flash.
    flash_writes: u64,
    /// It was set up and delivers telegrams.
    is_set_up: bool,
    /// It answers, but delivers nothing until it is reset.
    is_deaf: bool,
    /// An RC1180 that is being configured hears nothing.
    is_configured: bool,
}

/// Its own number, as the host is told it.
const NUMBER: [u8; 4] = [0x37, 0x13, 0x55, 0x0A];
/// Signal strength it reports, in the model's own unit: some −70 dBm.
const STRENGTHS: [(Model, u8); 4] = [
    (Model::Im871a, 0x6A),
    (Model::Iu891a, 0xBA),
    (Model::Amb8465, 0x08),
    (Model::Rc1180, 0x8C),
];

impl Simulated {
    /// One that was just plugged in.
    pub fn new(model: Model) -> Self {
        Self {
            model,
            heard: Vec::new(),
            resets: 0,
            flash_writes: 0,
            is_set_up: model == Model::Rawtty,
            is_deaf: false,
            is_configured: false,
        }
    }

    /// From now on it answers, but delivers nothing until it is reset: as sticks do after some days.
    pub fn go_deaf(&mut self) {
        self.is_deaf = true;
    }

    /// It was set up, and delivers what it hears.
    pub fn is_listening(&self) -> bool {
        self.is_set_up && !self.is_deaf && !self.is_configured
    }

    /// Times it was told to start again.
    pub fn resets(&self) -> u64 {
        self.resets
    }

    /// Orders to change something in its flash.
    pub fn flash_writes(&self) -> u64 {
        self.flash_writes
    }

    /// The octets with which it hands over a stripped telegram; empty while it delivers nothing.
    pub fn deliver(&self, telegram: &[u8]) -> Vec<u8> {
        let [length, rest @ ..] = telegram else {
            return Vec::new();
        };
        if !self.is_listening() {
            return Vec::new();
        }
        let strength = STRENGTHS.iter().find(|(model, _)| *model == self.model);
        let strength = strength.map_or(0, |(_, strength)| *strength);
        match self.model {
            Model::Im871a => {
                let mut message = vec![0xC2, 0x03, *length];
                message.extend_from_slice(rest);
                message.push(strength);
                message.extend(x25::crc(&message).to_le_bytes());
                [&[0xA5], &message[..]].concat()
            }
            Model::Iu891a => {
                let head = [0, 0, 0, 0, 0, 0, 0, strength];
                slip(0x09, 0x20, &[&head, telegram].concat())
            }
            Model::Amb8465 => amber(0x03, &[rest, &[strength]].concat()),
            Model::Rc1180 => [&[length.saturating_add(1)], rest, &[strength]].concat(),
            Model::Cul => {
                let octets = phy::format_a::add(telegram).unwrap_or_default();
                let hex: String = octets.iter().map(|octet| format!("{octet:02X}")).collect();
                // LQI and RSSI, in half steps.
                format!("b{hex}8108\r\n").into_bytes()
            }
            Model::Rawtty => telegram.to_vec(),
        }
    }

    /// Takes what the host wrote, in pieces of any size, and gives what the dongle says to it.
    pub fn hear(&mut self, octets: &[u8]) -> Vec<u8> {
        self.heard.extend_from_slice(octets);
        let mut said = Vec::new();
        while let Some((count, answer)) = self.command() {
            self.heard.drain(..count.clamp(1, self.heard.len()));
            said.extend(answer);
        }
        // A host that writes nonsense must not cost memory.
        if self.heard.len() > 1024 {
            self.heard.clear();
        }
        said
    }

    /// The first whole command of what was heard: its length and the answer.
    fn command(&mut self) -> Option<(usize, Vec<u8>)> {
        let heard = self.heard.clone();
        if heard.is_empty() {
            return None;
        }
        match self.model {
            Model::Im871a => self.im871a(&heard),
            Model::Iu891a => self.iu891a(&heard),
            Model::Amb8465 => self.amber(&heard),
            Model::Rc1180 => self.rc1180(&heard),
            Model::Cul => self.cul(&heard),
            Model::Rawtty => Some((heard.len(), Vec::new())),
        }
    }

    fn start_again(&mut self) {
        self.resets += 1;
        self.is_set_up = false;
        self.is_deaf = false;
    }

    fn im871a(&mut self, heard: &[u8]) -> Option<(usize, Vec<u8>)> {
        let [0xA5, control, id, length, ..] = heard else {
            return (heard.len() >= 4 || heard.first() != Some(&0xA5)).then_some((1, Vec::new()));
        };
        let count = 4 + usize::from(*length) + 2 * usize::from(control & 0x80 != 0);
        let message = heard.get(1..count)?;
        if control & 0x80 != 0 && x25::checked(message).is_none() {
            return Some((1, Vec::new()));
        }
        let answer = |id: u8, payload: &[u8]| {
            let mut message = vec![0x81, id, u8::try_from(payload.len()).unwrap_or(0)];
            message.extend_from_slice(payload);
            message.extend(x25::crc(&message).to_le_bytes());
            [&[0xA5], &message[..]].concat()
        };
        let [n0, n1, n2, n3] = NUMBER;
        let said = match id {
            0x0F => answer(0x10, &[0x33, 0x00, 0x14, 0x15, n0, n1, n2, n3]),
            0x03 => {
                self.is_set_up = true;
                // The first octet of a configuration says whether it is kept.
                if message.get(3) == Some(&1) {
                    self.flash_writes += 1;
                }
                answer(0x04, &[0])
            }
            0x07 => {
                self.start_again();
                answer(0x08, &[])
            }
            _ => Vec::new(),
        };
        Some((count, said))
    }

    fn iu891a(&mut self, heard: &[u8]) -> Option<(usize, Vec<u8>)> {
        let end = heard.iter().skip(1).position(|octet| *octet == 0xC0)? + 1;
        let message = heard.get(1..end).and_then(super::iu891a::unescaped);
        let said = match message.as_deref().and_then(x25::checked) {
            Some([0x01, 0x03, ..]) => {
                let [n0, n1, n2, n3] = NUMBER;
                slip(0x01, 0x04, &[0, 0x6E, n0, n1, n2, n3])
            }
            Some([0x01, 0x05, ..]) => slip(0x01, 0x06, &[0, 2, 1]),
            Some([0x01, 0x07, ..]) => {
                self.start_again();
                slip(0x01, 0x08, &[0])
            }
            Some([0x09, 0x01, ..]) => slip(0x09, 0x02, &[0, 0, 1, 0, 0]),
            Some([0x09, 0x03, ..]) => {
                self.is_set_up = true;
                slip(0x09, 0x04, &[0])
            }
            Some([0x09, 0x05 | 0x07 | 0x09, ..]) => {
                self.flash_writes += 1;
                slip(0x09, 0x06, &[0])
            }
            _ => Vec::new(),
        };
        Some((end, said))
    }

    fn amber(&mut self, heard: &[u8]) -> Option<(usize, Vec<u8>)> {
        let [0xFF, command, length, ..] = heard else {
            return (heard.len() >= 3 || heard.first() != Some(&0xFF)).then_some((1, Vec::new()));
        };
        let count = 4 + usize::from(*length);
        let frame = heard.get(..count)?;
        if frame.iter().fold(0, |xor, octet| xor ^ octet) != 0 {
            return Some((1, Vec::new()));
        }
        let said = match (command, frame.get(3..count - 1).unwrap_or_default()) {
            (0x0C, _) => amber(0x8C, &[3, 4, 1]),
            (0x0B, _) => amber(0x8B, &NUMBER),
            // As it should be: framed, with signal strength, awake.
            (0x0A, [address, 1]) => amber(0x8A, &[*address, 1, u8::from(matches!(address, 0x05 | 0x45))]),
            (0x09, _) => {
                self.flash_writes += 1;
                amber(0x89, &[0])
            }
            (0x05, _) => {
                self.start_again();
                amber(0x85, &[0])
            }
            (0x04, _) => {
                self.is_set_up = true;
                amber(0x84, &[0])
            }
            _ => Vec::new(),
        };
        Some((count, said))
    }

    fn rc1180(&mut self, heard: &[u8]) -> Option<(usize, Vec<u8>)> {
        const PROMPT: u8 = 0x3E;
        if !self.is_configured {
            return match heard {
                [0x00, ..] => {
                    self.is_configured = true;
                    Some((1, vec![PROMPT]))
                }
                // The length of something to be sent: it takes what follows.
                [length, ..] => {
                    (heard.len() > usize::from(*length)).then_some((usize::from(*length) + 1, Vec::new()))
                }
                [] => None,
            };
        }
        Some(match heard {
            [0x30, ..] => {
                let mut memory = vec![0xFF; 256];
                memory.splice(0x60..0x6D, *b"RC1180-MBUS3 ");
                memory.push(PROMPT);
                (1, memory)
            }
            [0x59, address, ..] => (2, vec![u8::from(*address == 0x05), PROMPT]),
            [0x4D, ..] => {
                self.flash_writes += 1;
                (1, vec![PROMPT])
            }
            [0x47 | 0x49, _, ..] => (2, vec![PROMPT]),
            [0x58, ..] => {
                self.is_configured = false;
                self.is_set_up = true;
                (1, Vec::new())
            }
            [0x59 | 0x47 | 0x49] => return None,
            _ => (1, Vec::new()),
        })
    }

    fn cul(&mut self, heard: &[u8]) -> Option<(usize, Vec<u8>)> {
        let end = heard.iter().position(|octet| *octet == b'\n')?;
        let line = heard.get(..end).unwrap_or_default();
        let said = match line.trim_ascii() {
            b"V" => b"V 1.67 nanoCUL868\r\n".to_vec(),
            b"brc" => b"CMODE\r\n".to_vec(),
            b"brt" => b"TMODE\r\n".to_vec(),
            b"brs" => b"SMODE\r\n".to_vec(),
            line if line.starts_with(b"X") => Vec::new(),
            _ => b"? (is unknown) Use one of B C F i A Z N k E r G M K U Y R T V W X e f m L l t u x\r\n"
                .to_vec(),
        };
        if line.starts_with(b"br") {
            self.is_set_up = true;
        }
        Some((end + 1, said))
    }
}

/// A message of IMST's newer sticks.
fn slip(access_point: u8, id: u8, payload: &[u8]) -> Vec<u8> {
    super::iu891a::message(access_point, id, payload)
}

/// A frame of Amber's sticks.
fn amber(command: u8, payload: &[u8]) -> Vec<u8> {
    super::amb8465::frame(command, payload)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::LinkMode;
    use crate::dongle::{Step, Wanted};

    /// Shortest telegram that every model takes for one: a made-up water meter.
    const TELEGRAM: [u8; 15] = [
        0x0E, 0x44, 0x96, 0x15, 0x78, 0x56, 0x34, 0x12, 0x01, 0x07, 0x78, 0x04, 0x13, 0x2F, 0x2F,
    ];

    /// Both sides without a line between them, in pieces of a size.
    fn together(model: Model, piece: usize) -> (Simulated, Vec<Vec<u8>>, String) {
        let wanted = Wanted {
            modes: vec![LinkMode::C, LinkMode::T],
            may_write_flash: false,
        };
        let mut framer = model.framer("bench".into(), wanted);
        let mut dongle = Simulated::new(model);
        let (mut now, mut telegrams, mut identity) = (Duration::ZERO, Vec::new(), String::new());
        for _ in 0..200 {
            match framer.next(now) {
                Step::Send(octets) => {
                    for written in octets.chunks(piece) {
                        for said in dongle.hear(written).chunks(piece) {
                            framer.push(said, now);
                        }
                    }
                }
                Step::Ready(who) => {
                    identity = who;
                    for said in [dongle.deliver(&TELEGRAM), dongle.deliver(&TELEGRAM)]
                        .concat()
                        .chunks(piece)
                    {
                        framer.push(said, now);
                    }
                }
                Step::Telegram(telegram) => telegrams.push(telegram.octets),
                Step::Failed(reason) => panic!("{model:?}: {reason}"),
                Step::Wait(limit) => now += limit.unwrap_or(Duration::from_secs(1)),
            }
        }
        (dongle, telegrams, identity)
    }

    #[test]
    fn each_model_is_set_up_and_delivers_in_pieces_of_any_size() {
        for model in Model::ALL {
            for piece in [1, 2, 7, 4096] {
                let (dongle, telegrams, identity) = together(model, piece);
                assert!(!identity.is_empty(), "{model:?}");
                assert_eq!(dongle.flash_writes(), 0, "{model:?}");
                let stripped: Vec<_> = telegrams
                    .iter()
                    .map(|octets| phy::strip(octets).unwrap().octets.into_owned())
                    .collect();
                assert_eq!(
                    stripped,
                    [TELEGRAM.to_vec(), TELEGRAM.to_vec()],
                    "{model:?} in pieces of {piece}"
                );
            }
        }
    }

    #[test]
    fn the_reset_command_of_a_model_is_one_it_knows() {
        for model in Model::ALL {
            let mut dongle = Simulated::new(model);
            dongle.go_deaf();
            if let Some((reset, _)) = model.reset() {
                dongle.hear(reset);
                assert_eq!(dongle.resets(), 1, "{model:?}");
            }
        }
    }
}

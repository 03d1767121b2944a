//! Dongles: radios that speak their own octets over a serial line, without the line.
//!
//! A [`Framer`] is one dongle as a pure machine: octets that came are pushed in with the time, and it says what to do
//! next: write these octets, here is a telegram, ask again in so long. It opens nothing, waits for nothing and knows
//! no clock, so a test, a recording or a serial port feed it alike, in pieces of any size.
//!
//! ```text
//! a port, a file, a test ──octets, time──► Framer ──Step──► write these octets │ a telegram │ ready │ failed │ wait
//!                                            │
//!                                         Session: buffer, noise, questions and their patience
//!                                         one file per model: what a message looks like, what to ask, in which order
//! ```
//!
//! A new dongle is a file here, a line in [`Model`] and a recorded stream in the tests.

mod amb8465;
mod bare;
mod cul;
mod im871a;
mod iu891a;
mod rawtty;
mod rc1180;
mod session;
mod simulated;
mod x25;

use std::sync::Arc;
use std::time::Duration;

use crate::{LinkMode, Telegram};
use session::Session;
pub use simulated::Simulated;

/// One dongle without its port.
pub trait Framer: Send {
    /// Takes octets that came by `now`, a time since some beginning that never runs backwards. Any octets will do.
    fn push(&mut self, octets: &[u8], now: Duration);

    /// What to do next; to be asked until it says [`Step::Wait`].
    fn next(&mut self, now: Duration) -> Step;

    /// Octets skipped so far because they belong to nothing.
    fn noise(&self) -> u64;
}

/// What a [`Framer`] wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write these octets to the dongle, all in one.
    Send(Vec<u8>),
    /// A telegram was heard. Its time of reception is yet to be set: nobody here knows the hour.
    Telegram(Telegram),
    /// The dongle is set up and listens; who it is, in words (model, firmware, its own number).
    Ready(String),
    /// It does not answer, refuses, or can't hear what it should; why, in a sentence. It must be opened anew.
    Failed(String),
    /// Nothing until octets come, or at the latest until so much time has passed.
    Wait(Option<Duration>),
}

/// The models that are spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Model {
    /// IMST iM871A-USB and its relatives with WMBus HCI.
    Im871a,
    /// IMST iU891A-XL and its relatives with SLIP.
    Iu891a,
    /// Amber (Würth) AMB8465 and its relatives.
    Amb8465,
    /// Radiocrafts RC1180-MBUS.
    Rc1180,
    /// CUL and nanoCUL with culfw or a-culfw.
    Cul,
    /// Anything that sends bare telegrams by itself and takes no commands, as the BMeters RFM-RX2.
    Rawtty,
}

/// What a dongle should do for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The link modes to hear, all at once.
    pub modes: Vec<LinkMode>,
    /// Whether settings that the dongle keeps in flash may be changed. Flash wears out, and a power cut while it is
    /// written can leave a dongle unusable; what is kept in RAM is set without asking.
    pub may_write_flash: bool,
}

impl Model {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Im871a,
        Self::Iu891a,
        Self::Amb8465,
        Self::Rc1180,
        Self::Cul,
        Self::Rawtty,
    ];

    /// The name in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Im871a => "im871a",
            Self::Iu891a => "iu891a",
            Self::Amb8465 => "amb8465",
            Self::Rc1180 => "rc1180",
            Self::Cul => "cul",
            Self::Rawtty => "rawtty",
        }
    }

    /// The model of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.name() == name)
    }

    /// The speed its line has from the factory, in baud; always 8 data bits, no parity, one stop bit.
    pub const fn baud(self) -> u32 {
        match self {
            Self::Im871a => 57_600,
            Self::Iu891a => 115_200,
            Self::Amb8465 | Self::Rawtty => 9600,
            Self::Rc1180 => 19_200,
            Self::Cul => 38_400,
        }
    }

    /// The command by which it starts again, and how long it is left alone after it; `None` for those that know none.
    pub const fn reset(self) -> Option<(&'static [u8], Duration)> {
        match self {
            Self::Im871a => Some((&[0xA5, 0x01, 0x07, 0x00], Duration::from_secs(2))),
            Self::Iu891a => Some((&[0xC0, 0x01, 0x07, 0x20, 0x62, 0xC0], Duration::from_secs(3))),
            Self::Amb8465 => Some((&[0xFF, 0x05, 0x00, 0xFA], Duration::from_secs(1))),
            Self::Rc1180 | Self::Cul | Self::Rawtty => None,
        }
    }

    /// A dongle of this model, at the moment its port was opened.
    pub fn framer(self, radio: Arc<str>, wanted: Wanted) -> Box<dyn Framer> {
        match self {
            Self::Im871a => Box::new(Session::new(im871a::Im871a::new(radio, wanted))),
            Self::Iu891a => Box::new(Session::new(iu891a::Iu891a::new(radio, wanted))),
            Self::Amb8465 => Box::new(Session::new(amb8465::Amb8465::new(radio, wanted))),
            Self::Rc1180 => Box::new(Session::new(rc1180::Rc1180::new(radio, wanted))),
            Self::Cul => Box::new(Session::new(cul::Cul::new(radio, wanted))),
            Self::Rawtty => Box::new(Session::new(rawtty::Rawtty::new(radio))),
        }
    }
}

/// What a model calls each set of link modes that it can hear at once.
type Modes = &'static [(&'static [LinkMode], u8)];

impl Wanted {
    /// The code of what is wanted; a sentence with all that the model can hear, when that is not among it.
    fn code(&self, model: &str, modes: Modes) -> Result<u8, String> {
        let is_wanted = |set: &[LinkMode]| {
            set.iter().all(|mode| self.modes.contains(mode))
                && self.modes.iter().all(|mode| set.contains(mode))
        };
        let names = |set: &[LinkMode]| {
            let names: Vec<String> = set.iter().map(LinkMode::to_string).collect();
            names.join(" with ")
        };
        modes.iter().find(|(set, _)| is_wanted(set)).map_or_else(
            || {
                let can: Vec<String> = modes.iter().map(|(set, _)| names(set)).collect();
                Err(format!(
                    "{model} can't hear {}: it can hear {}",
                    if self.modes.is_empty() {
                        "nothing".to_owned()
                    } else {
                        names(&self.modes)
                    },
                    can.join(", or ")
                ))
            },
            |(_, code)| Ok(*code),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_a_set_and_what_is_not_there_is_refused_with_what_is() {
        const MODES: Modes = &[(&[LinkMode::T], 3), (&[LinkMode::T, LinkMode::C], 10)];
        let code = |modes: &[LinkMode]| {
            let wanted = Wanted {
                modes: modes.to_vec(),
                may_write_flash: false,
            };
            wanted.code("a thing", MODES)
        };
        assert_eq!(code(&[LinkMode::C, LinkMode::T, LinkMode::C]), Ok(10));
        assert_eq!(code(&[LinkMode::T]), Ok(3));
        assert_eq!(
            code(&[LinkMode::S, LinkMode::T]).unwrap_err(),
            "a thing can't hear S with T: it can hear T, or T with C"
        );
        assert!(code(&[]).is_err());
    }

    #[test]
    fn every_model_has_its_own_name() {
        for model in Model::ALL {
            assert_eq!(Model::from_name(model.name()), Some(model));
        }
        assert_eq!(Model::from_name("im871"), None);
    }
}

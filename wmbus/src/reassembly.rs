//! Fragments of a longer message, put together again (EN 13757-7, AFL). Bounded, and without a clock of its own.
//!
//! ```text
//! fragment 1    90 AFLL  FCL(MF, 1)  MCL MCR ML    CI TPL-header data …
//! fragment 2    90 AFLL  FCL(MF, 2)                data …
//! fragment n    90 AFLL  FCL(n)  MAC               data …
//! ```

use alloc::vec::Vec;

use crate::address::Address;
use crate::afl;
use crate::dll::Flow;
use crate::error::{Error, ErrorKind, Layer};
use crate::frame::Frame;

/// Holds the messages that are not complete yet: at most 16, of at most 16 KiB.
#[derive(Debug, Default)]
pub struct Reassembler {
    open: Vec<Partial>,
}

#[derive(Debug)]
struct Partial {
    parties: Parties,
    first: Frame<'static>,
    header: afl::Header,
    last_fragment: u8,
    /// Where in `message` the last fragment begins.
    last_at: usize,
    message: Vec<u8>,
    since: i64,
}

/// Whose message it is: no two of these send fragments to each other at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parties {
    sender: Address,
    receiver: Option<Address>,
    flow: Flow,
}

impl Reassembler {
    /// Takes a fragment received at `now` (seconds of any steady clock) and gives the whole message with its last one.
    ///
    /// The encryption of an extended link layer must have been removed before ([`Frame::open_link`]). The whole has the
    /// link headers of the first fragment; offsets in it count as if it had come in one telegram.
    ///
    /// Fails with `FragmentPending` while more is to come, with `FragmentGap`, `FragmentTimeout` or `AflInconsistent`
    /// when the message is lost.
    pub fn push(&mut self, frame: &Frame<'_>, now: i64) -> Result<Frame<'static>, Error> {
        let Some(afl) = frame.authentication().copied().filter(afl::Header::is_fragment) else {
            return Err(inconsistent("not a fragment"));
        };
        let parties = Parties {
            sender: frame.link().sender,
            receiver: frame.extended_link().and_then(|ell| ell.receiver),
            flow: frame.link().control.flow(),
        };
        let octets = frame.octets().get(frame.message_at()..).unwrap_or_default();
        let position = self.open.iter().position(|partial| partial.parties == parties);
        if afl.fragment == 1 {
            let repeated = position
                .and_then(|index| self.open.get(index))
                .is_some_and(|partial| partial.last_fragment == 1 && partial.message == octets);
            if !repeated {
                position.map(|index| self.open.remove(index));
                return self.begin(Partial {
                    parties,
                    first: frame.to_static(),
                    header: afl,
                    last_fragment: 1,
                    last_at: 0,
                    message: octets.to_vec(),
                    since: now,
                });
            }
        }
        let Some(index) = position else {
            return Err(gap(1, afl.fragment));
        };
        let Some(partial) = self.open.get_mut(index) else {
            return Err(gap(1, afl.fragment));
        };
        if partial.is_late(now) {
            self.open.remove(index);
            return Err(error(ErrorKind::FragmentTimeout));
        }
        match partial.append(&afl, octets, now) {
            Ok(Progress::More) => Err(pending(afl.fragment)),
            Ok(Progress::Complete) => self.open.remove(index).finish(),
            Err(error) => {
                self.open.remove(index);
                Err(error)
            }
        }
    }

    /// Gives up the messages that were not continued in time: the first fragment of each.
    pub fn expired(&mut self, now: i64) -> Vec<Frame<'static>> {
        let late = self.open.extract_if(.., |partial| partial.is_late(now));
        late.map(|partial| partial.first).collect()
    }

    fn begin(&mut self, partial: Partial) -> Result<Frame<'static>, Error> {
        if !partial.header.more_fragments {
            return partial.finish();
        }
        if self.open.len() >= MAX_OPEN {
            // The oldest has had its time.
            self.open.remove(0);
        }
        self.open.push(partial);
        Err(pending(1))
    }
}

enum Progress {
    More,
    Complete,
}

impl Partial {
    fn is_late(&self, now: i64) -> bool {
        now.saturating_sub(self.since) > TIMEOUT
    }

    fn append(&mut self, afl: &afl::Header, octets: &[u8], now: i64) -> Result<Progress, Error> {
        let last = self.message.get(self.last_at..).unwrap_or_default();
        if afl.fragment == self.last_fragment && octets == last {
            // A repeater's copy.
            return Ok(Progress::More);
        }
        let expected = self.last_fragment.checked_add(1);
        if expected != Some(afl.fragment) {
            return Err(gap(expected.unwrap_or(u8::MAX), afl.fragment));
        }
        if self.message.len() + octets.len() > MAX_MESSAGE {
            return Err(inconsistent("the message is longer than 16 KiB"));
        }
        self.last_at = self.message.len();
        self.message.extend_from_slice(octets);
        self.last_fragment = afl.fragment;
        self.since = now;
        self.header.mac = self.header.mac.or(afl.mac);
        Ok(if afl.more_fragments {
            Progress::More
        } else {
            Progress::Complete
        })
    }

    fn finish(self) -> Result<Frame<'static>, Error> {
        let announced = self.header.message_length.map(usize::from);
        if announced.is_some_and(|length| length != self.message.len()) {
            return Err(inconsistent(
                "the fragments together are not as long as the message",
            ));
        }
        let mac = self.header.mac.map(|mac| mac.octets().len());
        let announced = self
            .header
            .message_control
            .map(|_| self.header.authentication_type());
        if let (Some(mac), Some(kind)) = (mac, announced)
            && afl::mac_size(kind) != Some(mac)
        {
            return Err(inconsistent(
                "the MAC has another size than its authentication type",
            ));
        }
        let header = afl::Header {
            fragment: 0,
            more_fragments: false,
            ..self.header
        };
        Ok(self.first.assemble(&header, &self.message))
    }
}

fn pending(fragment: u8) -> Error {
    error(ErrorKind::FragmentPending { fragment })
}

fn gap(expected: u8, got: u8) -> Error {
    error(ErrorKind::FragmentGap { expected, got })
}

fn inconsistent(reason: &'static str) -> Error {
    error(ErrorKind::AflInconsistent { reason })
}

fn error(kind: ErrorKind) -> Error {
    Error {
        layer: Layer::Authentication,
        at: 0,
        kind,
    }
}

/// Seconds after which a message that is not continued is given up: a choice, the standard's times are not public.
const TIMEOUT: i64 = 30;
/// Messages open at once.
const MAX_OPEN: usize = 16;
/// Octets of a message (OMS).
const MAX_MESSAGE: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Plan;
    use crate::security::Key;
    use crate::{dll, ell, tpl};

    fn plan(number: u8) -> Plan {
        let sender = Address::from_link_octets([0x2D, 0x2C, number, 0, 0, 0, 1, 7]);
        let link = dll::Header {
            control: dll::Control(0x08),
            sender,
        };
        let mut fields = tpl::Fields::sealed(9, 0, 7);
        fields.extension.configuration = Some(0x10);
        Plan {
            extended_link: Some(ell::Header {
                control: ell::CommunicationControl(0x80),
                access_number: 0xFF,
                receiver: Some(Address::from_link_octets([0xAE, 0x0C, 9, 9, 9, 9, 1, 0x31])),
                session: None,
            }),
            authentication: Some(afl::Header {
                message_control: Some(0x25),
                message_counter: Some(77),
                ..afl::Header::default()
            }),
            key: Some(Key::aes([number; 16])),
            ..Plan::new(link, tpl::Header::short(0x7A, fields), (0..100).collect())
        }
    }

    fn fragments(number: u8) -> Vec<Frame<'static>> {
        let telegrams = plan(number).encode_fragments(&[40]).unwrap();
        assert!(telegrams.len() > 2);
        telegrams
            .iter()
            .map(|octets| Frame::parse(octets).unwrap().to_static())
            .collect()
    }

    fn code(result: Result<Frame<'static>, Error>) -> &'static str {
        result.unwrap_err().kind.code()
    }

    #[test]
    fn two_meters_at_once_and_a_repeater() {
        let mut memory = Reassembler::default();
        let (one, two) = (fragments(1), fragments(2));
        for (a, b) in one.iter().zip(&two) {
            let last = !a.authentication().unwrap().more_fragments;
            for (frame, key) in [(a, 1), (b, 2)] {
                let pushed = memory.push(frame, 5);
                if last {
                    let message = pushed.unwrap().open(&[Key::aes([key; 16])]).unwrap();
                    assert!(message.authenticated);
                    assert!(message.payload.iter().copied().zip(0..100).all(|(a, b)| a == b));
                } else {
                    assert_eq!(code(pushed), "fragment_pending");
                    assert_eq!(code(memory.push(frame, 6)), "fragment_pending", "the same again");
                }
            }
        }
        assert!(memory.open.is_empty());
        assert_eq!(one[1].extended_link().unwrap().access_number, 0);
    }

    #[test]
    fn a_message_of_one_fragment_is_complete_at_once() {
        let telegrams = plan(3).encode_fragments(&[]).unwrap();
        assert_eq!(telegrams.len(), 1);
        let frame = Frame::parse(&telegrams[0]).unwrap();
        assert_eq!(
            frame.open(&[]).unwrap_err().kind,
            ErrorKind::FragmentPending { fragment: 1 }
        );
        let whole = Reassembler::default().push(&frame, 0).unwrap();
        assert!(whole.open(&[Key::aes([3; 16])]).unwrap().authenticated);
    }

    #[test]
    fn what_is_missing_is_said() {
        let frames = fragments(1);
        let mut memory = Reassembler::default();
        assert_eq!(code(memory.push(&frames[1], 0)), "fragment_gap");
        let _ = memory.push(&frames[0], 0);
        assert_eq!(code(memory.push(&frames[2], 1)), "fragment_gap");
        assert_eq!(code(memory.push(&frames[1], 2)), "fragment_gap", "given up");
        let _ = memory.push(&frames[0], 10);
        assert_eq!(code(memory.push(&frames[1], 41)), "fragment_timeout");
        let _ = memory.push(&frames[0], 50);
        assert!(memory.expired(80).is_empty());
        assert_eq!(memory.expired(81).len(), 1);
        let plain = Plan::new(plan(1).link, tpl::Header::none(0x78), Vec::new());
        let octets = plain.encode().unwrap();
        assert_eq!(
            code(memory.push(&Frame::parse(&octets).unwrap(), 0)),
            "afl_inconsistent"
        );
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut memory = Reassembler::default();
        for number in 0..=MAX_OPEN as u8 {
            assert_eq!(code(memory.push(&fragments(number)[0], 0)), "fragment_pending");
        }
        assert_eq!(memory.open.len(), MAX_OPEN);
        assert_eq!(code(memory.push(&fragments(0)[1], 0)), "fragment_gap");
        assert_eq!(code(memory.push(&fragments(1)[1], 0)), "fragment_pending");
    }
}

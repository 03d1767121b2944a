//! Fragments of a longer message, put together again. Bounded, and without a clock of its own.

use alloc::vec::Vec;

use crate::address::Address;
use crate::afl;
use crate::error::{Error, ErrorKind, Layer};
use crate::frame::Frame;

/// Holds the messages that are not complete yet.
#[derive(Debug, Default)]
pub struct Reassembler {
    open: Vec<Partial>,
}

#[derive(Debug)]
struct Partial {
    sender: Address,
    receiver: Option<Address>,
    first: Frame<'static>,
    header: afl::Header,
    last_fragment: u8,
    last_octets: Vec<u8>,
    message: Vec<u8>,
    since: i64,
}

impl Reassembler {
    /// Takes a fragment received at `now` (seconds of any steady clock) and gives the whole message with its last one.
    ///
    /// The ELL must have been opened before. Fails with `FragmentPending` while more is to come, with `FragmentGap`,
    /// `FragmentTimeout` or `AflInconsistent` when the message is lost.
    pub fn push(&mut self, frame: &Frame<'_>, now: i64) -> Result<Frame<'static>, Error> {
        let Some(afl) = frame.authentication().copied().filter(afl::Header::is_fragment) else {
            return Err(error(ErrorKind::AflInconsistent {
                reason: "not a fragment",
            }));
        };
        let sender = frame.link().sender;
        let receiver = frame.extended_link().and_then(|ell| ell.receiver);
        let mine = |partial: &Partial| partial.sender == sender && partial.receiver == receiver;
        let late = self
            .open
            .iter()
            .any(|partial| mine(partial) && now.saturating_sub(partial.since) > TIMEOUT);
        self.open
            .retain(|partial| now.saturating_sub(partial.since) <= TIMEOUT);
        // The message begins with the CI-field, which the first fragment's headers have already been read from.
        let octets = frame.octets().get(frame.message_at()..).unwrap_or_default();
        let pending = Err(error(ErrorKind::FragmentPending {
            fragment: afl.fragment,
        }));
        let Some(index) = self.open.iter().position(mine).filter(|_| afl.fragment != 1) else {
            if afl.fragment != 1 {
                let gap = ErrorKind::FragmentGap {
                    expected: 1,
                    got: afl.fragment,
                };
                return Err(error(if late { ErrorKind::FragmentTimeout } else { gap }));
            }
            self.open.retain(|partial| !mine(partial));
            if self.open.len() >= MAX_OPEN {
                // The oldest has had its time.
                self.open.remove(0);
            }
            self.open.push(Partial {
                sender,
                receiver,
                first: frame.to_static(),
                header: afl,
                last_fragment: 1,
                last_octets: octets.to_vec(),
                message: octets.to_vec(),
                since: now,
            });
            return pending;
        };
        let Some(partial) = self.open.get_mut(index) else {
            return pending;
        };
        if afl.fragment == partial.last_fragment && octets == partial.last_octets {
            return pending;
        }
        let expected = partial.last_fragment.saturating_add(1);
        if afl.fragment != expected || partial.last_fragment == u8::MAX {
            self.open.remove(index);
            return Err(error(ErrorKind::FragmentGap {
                expected,
                got: afl.fragment,
            }));
        }
        if partial.message.len() + octets.len() > MAX_MESSAGE {
            self.open.remove(index);
            return Err(error(ErrorKind::AflInconsistent {
                reason: "the message is longer than 16 KiB",
            }));
        }
        partial.message.extend_from_slice(octets);
        partial.last_octets = octets.to_vec();
        partial.last_fragment = afl.fragment;
        partial.since = now;
        partial.header.mac = partial.header.mac.or(afl.mac);
        if afl.more_fragments {
            return pending;
        }
        let partial = self.open.remove(index);
        let announced = partial.header.message_length.map(usize::from);
        if announced.is_some_and(|length| length != partial.message.len()) {
            let reason = "the fragments together are not as long as the message";
            return Err(error(ErrorKind::AflInconsistent { reason }));
        }
        let header = afl::Header {
            fragment: 0,
            more_fragments: false,
            ..partial.header
        };
        Ok(partial.first.assemble(&header, &partial.message))
    }
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

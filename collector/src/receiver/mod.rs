//! Receivers: whatever telegrams come out of, one event at a time.
//!
//! [`File`] reads a capture once, [`Growing`] goes on as it grows, [`Stream`] listens to a pipe, a command's output,
//! a socket or standard input. All of them answer within the patience they are given, so that whoever asks can also
//! look for a reason to stop, and all of them go on after a loss: reopening is theirs, reporting is the caller's.

mod command;
mod file;
mod growing;
mod lines;
mod mqtt;
mod patience;
mod pipe;
mod sockets;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use crate::capture::Rejection;
use crate::serial::Silence;
use crate::{Health, Telegram};

pub use file::File;
pub use growing::Growing;
pub use lines::Clock;
pub use mqtt::Broker;
pub use stream::Stream;

/// Something that telegrams come out of.
pub trait Receiver: Send {
    /// The configured name; telegrams carry it.
    fn radio(&self) -> &Arc<str>;

    /// The next event, or [`Event::Idle`] when none came within `patience`.
    fn next(&mut self, patience: Duration) -> Event;

    /// How long a silence of it is normal, to be told while it runs; `None` for those that judge none.
    fn silence(&self) -> Option<Silence> {
        None
    }

    /// How it is; `None` for those that have nothing to tell beyond their events.
    fn health(&self) -> Option<Health> {
        None
    }
}

/// What a receiver has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A telegram came.
    Telegram(Telegram),
    /// A line came that gives none.
    Rejected {
        /// Its number, from 1, since the source was opened.
        line: u64,
        /// Why it gives none.
        rejection: Rejection,
    },
    /// The source is gone, with the reason in a sentence. The receiver goes on trying to get it back.
    Lost(String),
    /// The source was set up and listens; who it is, in words.
    Ready(String),
    /// The source was silent for too long, and something was done about it, or somebody should: what, in a sentence.
    Healing(String),
    /// So many datagrams came while nobody took them, and the system threw them away, whatever was in them.
    Overrun(u64),
    /// Nothing came for as long as was asked.
    Idle,
    /// The source was read to its end, and there is no more to come, ever.
    Ended,
}

impl<R: Receiver + ?Sized> Receiver for Box<R> {
    fn radio(&self) -> &Arc<str> {
        (**self).radio()
    }

    fn next(&mut self, patience: Duration) -> Event {
        (**self).next(patience)
    }

    fn silence(&self) -> Option<Silence> {
        (**self).silence()
    }

    fn health(&self) -> Option<Health> {
        (**self).health()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dongle::Wanted;
    use crate::serial::{Dongle, Settings};

    #[test]
    fn a_receiver_in_a_box_says_all_that_it_says_outside() {
        let dongle = Dongle::new(Settings {
            radio: "attic".into(),
            port: Some("/nowhere".into()),
            model: None,
            baud: None,
            wanted: Wanted {
                modes: Vec::new(),
                may_write_flash: false,
            },
            silence: Silence::new(Duration::from_secs(900)),
            retry: Duration::from_secs(1),
        });
        let boxed: Box<dyn Receiver> = Box::new(dongle);
        assert!(boxed.silence().is_some());
        assert!(boxed.health().is_some());
    }
}

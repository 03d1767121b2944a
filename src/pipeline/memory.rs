//! What has to be remembered between telegrams: layouts that compact frames refer to, and fragments. All of it bounded.

use decoders::{Context, Decoded, Families};
use wmbus::apl::compact::{Compact, Layout};
use wmbus::{Address, Content, Error, ErrorKind, Frame, Key, Message, Note, Reassembler};

use super::layouts::Layouts;

/// The memory of one pipeline.
#[derive(Debug)]
pub struct Memory {
    layouts: Layouts,
    fragments: Reassembler,
    /// Whose message the latest telegram found given up.
    lost: Vec<Address>,
    /// Whether the latest telegram was the last fragment of a whole message.
    whole: bool,
    /// What an earlier telegram said, to be written over.
    spare: Option<Decoded>,
}

/// A telegram that was read.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What it says.
    pub decoded: Decoded,
    /// Which of the keys given opened it; `None` when none of them was needed.
    pub key: Option<usize>,
    /// Its message counter, where a MAC or a tag vouches for it.
    pub counter: Option<u32>,
    /// Whether a MAC or a tag has been checked.
    pub authenticated: bool,
    /// Sealed according to its headers, and none of the keys given was needed: it came decrypted, or its maker's key fits.
    pub by_others: bool,
}

impl Memory {
    /// A memory that knows what the families' pages know.
    pub fn new(families: &Families) -> Self {
        let mut memory = Self {
            layouts: Layouts::default(),
            fragments: Reassembler::default(),
            lost: Vec::new(),
            whole: false,
            spare: None,
        };
        memory.learn_from(families);
        memory
    }

    /// Learns the layouts that the families' pages know.
    pub fn learn_from(&mut self, families: &Families) {
        for layout in families.layouts() {
            self.layouts.of_page(layout);
        }
    }

    /// Takes a layout that an earlier run heard at a second: it opens what is received from then on.
    pub fn recall(&mut self, layout: &Layout, at: i64) {
        self.layouts.recall(layout, at);
    }

    /// Whose messages were given up when the latest telegram came, since nobody continued them.
    pub fn lost(&self) -> &[Address] {
        &self.lost
    }

    /// Whether the latest telegram was the last fragment of a message, and that is whole.
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// The layout that the latest telegram has shown, if it is worth keeping for later runs.
    pub fn news(&mut self) -> Option<Layout> {
        self.layouts.news()
    }

    /// Reads one telegram to its end: opens it, puts fragments together, expands compact frames, decodes.
    ///
    /// `now` is the second of reception, or 0 where nobody knows it.
    ///
    /// # Errors
    /// What keeps the telegram from being read, from a missing key to a layout not yet known.
    pub fn read(
        &mut self,
        families: &Families,
        frame: &Frame<'_>,
        keys: &[Key],
        context: &Context,
        now: i64,
    ) -> Result<Decoded, Error> {
        self.open(families, frame, keys, context, now)
            .map(|opened| opened.decoded)
    }

    /// As [`Memory::read`], with what the pipeline must know of how it was opened.
    ///
    /// # Errors
    /// As [`Memory::read`].
    pub fn open(
        &mut self,
        families: &Families,
        frame: &Frame<'_>,
        keys: &[Key],
        context: &Context,
        now: i64,
    ) -> Result<Opened, Error> {
        let mut message = families.open(frame, keys);
        self.join(families, frame, keys, &mut message, now);
        let message = message?;
        let mut decoded = self.spare.take().unwrap_or_default();
        families.decode_into(&message, context, &mut decoded)?;
        Ok(Opened {
            key: message.key,
            authenticated: message.authenticated,
            by_others: [Note::OpenedUpstream, Note::MakersKey]
                .into_iter()
                .any(|note| message.notes.contains(note)),
            counter: message.message_counter().filter(|_| message.authenticated),
            decoded,
        })
    }

    /// The part of reading that depends on earlier telegrams, for whoever does the rest elsewhere: puts fragments
    /// together and expands compact frames. `message` is what [`Families::open`] made of the frame with these keys, and
    /// becomes what can be decoded.
    pub fn join<'a>(
        &mut self,
        families: &Families,
        frame: &Frame<'a>,
        keys: &[Key],
        message: &mut Result<Message<'a>, Error>,
        now: i64,
    ) {
        // Messages that were never continued make room.
        let late = self.fragments.expired(now);
        self.lost = late.iter().map(|first| first.link().sender).collect();
        self.whole = false;
        if let Err(Error {
            kind: ErrorKind::FragmentPending { .. },
            ..
        }) = message
        {
            *message = self.whole(families, frame, keys, now);
        }
        if let Ok(opened) = message
            && let Err(error) = self.expand(opened, now)
        {
            *message = Err(error);
        }
    }

    /// The message whose last fragment this is.
    fn whole(
        &mut self,
        families: &Families,
        frame: &Frame<'_>,
        keys: &[Key],
        now: i64,
    ) -> Result<Message<'static>, Error> {
        // The extended link layer is sealed for each fragment, the rest for the whole.
        let (fragment, _) = frame.open_link(keys)?;
        let whole = self.fragments.push(&fragment, now)?;
        self.whole = true;
        families.open(&whole, keys)
    }

    /// Takes back what a telegram said, so that the next one needs no memory of its own.
    pub fn give_back(&mut self, decoded: Decoded) {
        self.spare = Some(decoded);
    }

    /// The layout that compact frames with this signature refer to, if it is known.
    pub fn layout(&self, signature: u16) -> Option<&Layout> {
        self.layouts.get(signature)
    }

    /// Learns from full and format frames, and makes compact frames full ones.
    fn expand(&mut self, message: &mut Message<'_>, now: i64) -> Result<(), Error> {
        let at = message.payload_at;
        match message.content {
            Content::Records => self.layouts.heard_frame(&message.payload, now),
            Content::Format => {
                let layout = Layout::of_format_frame(&message.payload, at)?;
                self.layouts.heard(layout, now);
            }
            Content::Compact => {
                let compact = Compact::parse(&message.payload, at)?;
                let full = self.layouts.expand(&compact, now, at)?;
                (message.content, message.clear_octets) = (Content::Records, 0);
                message.payload = full.into();
            }
            _ => {}
        }
        Ok(())
    }
}

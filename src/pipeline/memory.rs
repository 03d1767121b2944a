//! What has to be remembered between telegrams: layouts that compact frames refer to, and fragments. All of it bounded.

use std::collections::HashMap;

use decoders::{Context, Decoded, Families};
use wmbus::apl::compact::{Compact, Layout};
use wmbus::{Content, Error, ErrorKind, Frame, Key, Layer, Message, Reassembler};

/// The memory of one pipeline.
#[derive(Debug)]
pub struct Memory {
    layouts: HashMap<u16, Layout>,
    fragments: Reassembler,
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
}

/// Layouts that can be learned; a building has a handful.
const MAX_LAYOUTS: usize = 1024;

impl Memory {
    /// A memory that knows what the families' pages know.
    pub fn new(families: &Families) -> Self {
        let mut memory = Self {
            layouts: HashMap::new(),
            fragments: Reassembler::default(),
        };
        memory.learn_from(families);
        memory
    }

    /// Learns the layouts that the families' pages know.
    pub fn learn_from(&mut self, families: &Families) {
        for layout in families.layouts() {
            self.learn(layout.clone());
        }
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
        // Messages that were never continued make room.
        self.fragments.expired(now);
        let message = match families.open(frame, keys) {
            Err(Error {
                kind: ErrorKind::FragmentPending { .. },
                ..
            }) => {
                // The extended link layer is sealed for each fragment, the rest for the whole.
                let (fragment, _) = frame.open_link(keys)?;
                let whole = self.fragments.push(&fragment, now)?;
                families.open(&whole, keys)?
            }
            outcome => outcome?,
        };
        let message = self.expand(message)?;
        Ok(Opened {
            key: message.key,
            counter: message.message_counter().filter(|_| message.authenticated),
            decoded: families.decode(&message, context)?,
        })
    }

    /// The layout that compact frames with this signature refer to, if it is known.
    pub fn layout(&self, signature: u16) -> Option<&Layout> {
        self.layouts.get(&signature)
    }

    /// Learns from full and format frames, and makes compact frames full ones.
    fn expand<'a>(&mut self, message: Message<'a>) -> Result<Message<'a>, Error> {
        match message.content {
            Content::Records => {
                if let Some(layout) = Layout::of_full_frame(&message.payload) {
                    self.learn(layout);
                }
                Ok(message)
            }
            Content::Format => {
                self.learn(Layout::of_format_frame(&message.payload, message.payload_at)?);
                Ok(message)
            }
            Content::Compact => {
                let compact = Compact::parse(&message.payload, message.payload_at)?;
                let signature = compact.signature;
                let layout = self.layouts.get(&signature).ok_or(Error {
                    layer: Layer::Application,
                    at: message.payload_at,
                    kind: ErrorKind::UnknownCompactFormat { signature },
                })?;
                let full = layout.expand(&compact)?;
                let at = message.payload_at;
                Ok(message.with_payload(Content::Records, full, at))
            }
            _ => Ok(message),
        }
    }

    fn learn(&mut self, layout: Layout) {
        if self.layouts.len() < MAX_LAYOUTS {
            self.layouts.entry(layout.signature()).or_insert(layout);
        }
    }
}

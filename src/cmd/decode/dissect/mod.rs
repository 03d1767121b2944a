//! A telegram taken apart for people: each layer with its octets, each record with its meaning, and what it all says.
//!
//! ```text
//! telegram    25 octets, without link CRCs
//! link        18 44 595F 78563412 01 07  SND-NR, WZY 12345678 01 07, water
//! transport   7A2A040000  access number 42, status 04 (power low), in clear
//! records
//!     15  04 13 181E0000    7.704 m³  volume
//!     21  02 3B 0C00      0.012 m³/h  volume flow
//! readings (standard)
//!   volume  current    7.704 m3
//!   flow    current  0.012 m3/h
//! ```

mod headers;
mod page;
mod records;
mod value;

use std::io::{self, Write};

use decoders::reading::Status;
use decoders::{Decoded, Families};
use wmbus::apl::compact::{Compact, Layout};
use wmbus::{Content, Error, ErrorKind, Frame, Key, Message, Seal};

use self::page::{Ink, Page, hex};
use crate::pipeline::Memory;

/// What is needed to take telegrams apart.
pub(super) struct Dissection<'a> {
    /// The families known.
    pub(super) families: &'a Families,
    /// Keys to try.
    pub(super) keys: &'a [Key],
    /// Layouts of compact frames heard so far.
    pub(super) memory: &'a Memory,
    /// Whether the reader's terminal shows colours.
    pub(super) colour: bool,
}

impl Dissection<'_> {
    /// Writes a telegram that was read as `read`, ending with an empty line.
    pub(super) fn write(
        &self,
        out: &mut impl Write,
        frame: &Frame<'_>,
        read: &Result<Decoded, Error>,
    ) -> io::Result<()> {
        let mut page = Page::new(self.colour);
        headers::link(&mut page, frame);
        match frame.open_link(self.keys) {
            Ok((inner, _)) if frame.seal() == Some(Seal::ExtendedLink) => headers::upper(&mut page, &inner),
            _ => headers::upper(&mut page, frame),
        }
        match self.families.open(frame, self.keys) {
            Ok(message) => self.message(&mut page, &message),
            Err(error) => {
                page.line("sealed", &hex(frame.body()), Ink::Dim);
                // What keeps it closed may also be what keeps it from being read: it is said once.
                if read.as_ref() != Err(&error) {
                    page.note(&error.to_string());
                }
            }
        }
        match read {
            // What is worth knowing about frame and message is among its remarks.
            Ok(decoded) => readings(&mut page, decoded),
            Err(error) => {
                for note in frame.notes().iter() {
                    page.note(note.text());
                }
                page.error(&error.to_string());
                if matches!(error.kind, ErrorKind::KeyMissing { .. }) {
                    let meter = self.families.identify(frame);
                    page.note(&format!("the key of {meter} opens it: --key HEX"));
                }
            }
        }
        page.print(out)
    }

    fn message(&self, page: &mut Page, message: &Message<'_>) {
        if let Some(key) = message.key {
            let proof = if message.authenticated {
                ", authenticated"
            } else {
                ""
            };
            page.plain("opened", &format!("with key {}{proof}", key + 1));
        }
        match message.content {
            Content::Records => records::write(page, &message.payload, message.payload_at),
            Content::Compact => self.compact(page, message),
            Content::Format => match Layout::of_format_frame(&message.payload, message.payload_at) {
                Ok(layout) => page.line("layout", &hex(layout.headers()), Ink::Octets),
                Err(error) => page.error(&error.to_string()),
            },
            Content::FixedStructure => records::fixed(page, message),
            _ => {
                if !message.payload.is_empty() {
                    let name = match message.content {
                        Content::Manufacturer => "maker's own",
                        Content::ApplicationError => "error",
                        Content::Alarm => "alarm",
                        _ => "payload",
                    };
                    page.line(name, &hex(&message.payload), Ink::Octets);
                }
                if let Some(code) = message.application_error() {
                    page.note(wmbus::apl::application_error(code));
                }
            }
        }
    }

    fn compact(&self, page: &mut Page, message: &Message<'_>) {
        let compact = match Compact::parse(&message.payload, message.payload_at) {
            Ok(compact) => compact,
            Err(error) => return page.error(&error.to_string()),
        };
        let explained = format!("layout {:04X}, CRC {:04X}", compact.signature, compact.full_crc);
        page.explained("compact", &hex(&message.payload), &explained);
        // Where there is no layout, or another, the whole telegram fails with that, and it is said below.
        let layout = self.memory.layout(compact.signature);
        if let Some(Ok(full)) = layout.map(|layout| layout.expand(&compact)) {
            page.note("expanded with a layout heard before; offsets are those of the full frame");
            records::write(page, &full, 0);
        }
    }
}

/// What the family makes of it.
fn readings(page: &mut Page, decoded: &Decoded) {
    page.heading(&format!("readings ({})", decoded.decoder));
    let mut rows = Vec::with_capacity(decoded.readings.len());
    for reading in &decoded.readings {
        let (value, unit) = reading.shown();
        let mut register = reading.register.name().to_owned();
        if let decoders::reading::Register::History(n) = reading.register {
            register = format!("{register} {n}");
        }
        let mut extra = String::new();
        for (differs, word) in [
            (
                reading.kind != decoders::reading::Kind::Absolute,
                reading.kind.name().to_owned(),
            ),
            (
                reading.direction != decoders::reading::Direction::Net,
                reading.direction.name().to_owned(),
            ),
            (reading.tariff != 0, format!("tariff {}", reading.tariff)),
            (reading.subunit != 0, format!("subunit {}", reading.subunit)),
        ] {
            if differs {
                extra = format!("{extra} {word}");
            }
        }
        let at = reading.at.map(|at| at.to_string()).unwrap_or_default();
        rows.push([
            (reading.quantity.name().to_owned(), Ink::Name),
            (register, Ink::Plain),
            (format!("{value} {unit}"), Ink::Value),
            (at, Ink::Plain),
            (extra.trim().to_owned(), Ink::Plain),
        ]);
    }
    page.table(&rows, 2);
    if let Some(time) = decoded.device_time {
        page.fact("device time", &time.to_string());
    }
    if !decoded.status.is_empty() {
        let words: Vec<_> = decoded.status.iter().map(words).collect();
        page.fact("status", &words.join(", "));
    }
    for fact in &decoded.facts {
        page.fact(&fact.name, &fact.value);
    }
    for remark in &decoded.remarks {
        page.note(&remark.text);
    }
}

/// `leak`, or `leak past`.
fn words(status: &Status) -> String {
    let past = if status.past { " past" } else { "" };
    format!("{}{past}", status.word.name())
}

#[cfg(test)]
mod tests;

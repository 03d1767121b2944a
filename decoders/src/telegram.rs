//! A whole telegram that says something: what a page speaks, behind the headers it comes with, sealed or not.

use std::path::{Path, PathBuf};

use wmbus::tpl::{self, Configuration, Extension, Fields};
use wmbus::{Address, Error, Frame, Key, Plan, afl, dll, ell};

use crate::family::Family;
use crate::page::PageError;
use crate::speak::{Speech, Spoken};
use crate::{Context, Decoded, Families};

/// How a telegram is sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sealing {
    /// Not at all.
    #[default]
    Clear,
    /// Security mode 5: AES-CBC.
    Mode5(Key),
    /// Security mode 7: a key derived for this telegram, and a MAC.
    Mode7(Key),
    /// Security mode 10: AES-CCM with a derived key, whose tag covers header and data.
    Mode10(Key),
    /// AES-CTR of the extended link layer.
    Link(Key),
}

impl Family {
    /// The stripped telegram with which the meter at `address` says something.
    ///
    /// # Errors
    /// As [`Family::speak`]; `Unencodable` when it is too long for its sealing.
    pub fn telegram(&self, address: Address, spoken: &Spoken, sealing: &Sealing) -> Result<Vec<u8>, Error> {
        let speech = self.speak(address, spoken)?;
        match speech.fixed {
            Some((access_number, configuration)) => Ok(bent(&speech, access_number, configuration)),
            None => plan(&speech, address, sealing).encode(),
        }
    }
}

impl Families {
    /// What a stripped telegram says, compact frames of known layouts included: all steps in one, without a memory.
    ///
    /// # Errors
    /// As [`Families::open`] and [`Families::decode`].
    pub fn read(&self, telegram: &[u8], keys: &[Key], context: &Context) -> Result<Decoded, Error> {
        self.read_frame(&Frame::parse(telegram)?, keys, context)
    }

    /// As [`Families::read`], for a frame whose format is known.
    ///
    /// # Errors
    /// As [`Families::open`] and [`Families::decode`].
    pub fn read_frame(&self, frame: &Frame<'_>, keys: &[Key], context: &Context) -> Result<Decoded, Error> {
        let message = self.open(frame, keys)?;
        if message.content != wmbus::Content::Compact {
            return self.decode(&message, context);
        }
        let compact = wmbus::apl::compact::Compact::parse(&message.payload, message.payload_at)?;
        match self
            .layouts()
            .find(|layout| layout.signature() == compact.signature)
        {
            Some(layout) => {
                let full = layout.expand(&compact)?;
                let at = message.payload_at;
                let message = message.with_payload(wmbus::Content::Records, full, at);
                self.decode(&message, context)
            }
            None => self.decode(&message, context),
        }
    }

    /// The pages that are part of this build, and those of a folder: a page there with the name of one of ours replaces
    /// it.
    ///
    /// # Errors
    /// The folder or a page in it can't be read, or a page is wrong; which one, where and what to write instead.
    pub fn with_folder(folder: &Path) -> Result<Self, PageError> {
        let pages = Self::pages_in(folder)?;
        let texts = pages
            .iter()
            .map(|page| text_of(page))
            .collect::<Result<Vec<_>, _>>()?;
        Self::embedded_and(&texts)
    }

    /// As [`Families::with_folder`], but goes on without the pages that are wrong, and gives the reason for each.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn with_good_pages_of(folder: &Path) -> Result<(Self, Vec<PageError>), PageError> {
        let mut families = Self::embedded()?;
        let (mut good, mut refused) = (Vec::new(), Vec::new());
        for page in Self::pages_in(folder)? {
            let tried = text_of(&page).and_then(|text| {
                good.push(text);
                Self::embedded_and(&good).inspect_err(|_| {
                    good.pop();
                })
            });
            match tried {
                Ok(more) => families = more,
                Err(error) => refused.push(error),
            }
        }
        Ok((families, refused))
    }

    /// The pages that are part of this build, and one of a file, which stands last.
    ///
    /// # Errors
    /// As [`Families::with_folder`].
    pub fn with_page(page: &Path) -> Result<Self, PageError> {
        Self::embedded_and(&[text_of(page)?])
    }

    /// The files of a folder that are pages, by name.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn pages_in(folder: &Path) -> Result<Vec<PathBuf>, PageError> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
            let path = entry.map_err(|error| unreadable(folder, &error))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }
}

/// A page's file name and text.
fn text_of(page: &Path) -> Result<(String, String), PageError> {
    // Longer than any page; a device file would never end.
    const MOST: u64 = 1 << 20;
    let size = std::fs::metadata(page)
        .map_err(|error| unreadable(page, &error))?
        .len();
    if size > MOST {
        let error = std::io::Error::other("longer than any page: 1 MB at most");
        return Err(unreadable(page, &error));
    }
    let text = std::fs::read_to_string(page).map_err(|error| unreadable(page, &error))?;
    Ok((page.display().to_string(), text))
}

fn unreadable(path: &Path, error: &std::io::Error) -> PageError {
    PageError {
        file: path.display().to_string(),
        line: None,
        message: format!("can't be read: {error}"),
    }
}

/// The headers around what is spoken, and how they are sealed.
fn plan(speech: &Speech, address: Address, sealing: &Sealing) -> Plan {
    let mode = match sealing {
        Sealing::Clear | Sealing::Link(_) => 0,
        Sealing::Mode5(_) => 5,
        Sealing::Mode7(_) => 7,
        Sealing::Mode10(_) => 10,
    };
    let fields = Fields {
        access_number: ACCESS_NUMBER,
        status: speech.status,
        configuration: match mode {
            // With a counter, and all octets sealed.
            10 => Configuration(0x2AFF),
            mode => Configuration(mode << 8),
        },
        extension: Extension {
            configuration: match mode {
                7 => Some(0x10),
                10 => Some(0x0110),
                _ => None,
            },
            counter: (mode == 10).then_some(MINUTES),
            ..Extension::default()
        },
    };
    let transport = tpl::Header {
        ci: speech.ci,
        address: (speech.ci == 0x72).then_some(address),
        fields: matches!(speech.ci, 0x72 | 0x7A).then_some(fields),
    };
    let session = match sealing {
        Sealing::Link(_) => Some(ell::SessionNumber::new(1, MINUTES, 0)),
        _ => None,
    };
    let extended_link = (mode == 7 || session.is_some()).then_some(ell::Header {
        control: ell::CommunicationControl(0x20),
        access_number: ACCESS_NUMBER,
        receiver: None,
        session,
    });
    let authentication = (mode == 7).then(|| afl::Header {
        message_control: Some(0x25),
        message_counter: Some(MINUTES),
        ..afl::Header::default()
    });
    let key = match sealing {
        Sealing::Clear => None,
        Sealing::Mode5(key) | Sealing::Mode7(key) | Sealing::Mode10(key) | Sealing::Link(key) => {
            Some(key.clone())
        }
    };
    Plan {
        extended_link,
        authentication,
        key,
        ..Plan::new(link(speech), transport, speech.payload.clone())
    }
}

/// A telegram whose configuration field no standard knows.
fn bent(speech: &Speech, access_number: u8, configuration: u16) -> Vec<u8> {
    let mut octets = vec![0, link(speech).control.0];
    octets.extend(speech.sender.link_octets());
    octets.extend([speech.ci, access_number, speech.status]);
    octets.extend(configuration.to_le_bytes());
    octets.extend(&speech.payload);
    let length = u8::try_from(octets.len() - 1).unwrap_or(u8::MAX);
    if let Some(first) = octets.first_mut() {
        *first = length;
    }
    octets
}

fn link(speech: &Speech) -> dll::Header {
    dll::Header {
        control: dll::Control::SND_NR,
        sender: speech.sender,
    }
}

/// Of all telegrams made here: examples are to stay the same from day to day.
const ACCESS_NUMBER: u8 = 0x2A;
/// Minute and message counter of all telegrams made here.
const MINUTES: u32 = 4711;

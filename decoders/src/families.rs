//! All families together: who answers for a telegram, and what it says.

use std::sync::{Arc, OnceLock};

use wmbus::apl::compact::Layout;
use wmbus::apl::fixed::FixedData;
use wmbus::{Address, Content, Error, ErrorKind, Frame, Key, Layer, Manufacturer, Message, Note};

use crate::Context;
use crate::addresses::{Addresses, key};
use crate::decoded::Decoded;
use crate::family::Family;
use crate::page::{Page, PageError};
use crate::reading::{Reading, Stamp};
use crate::scrambled::{Place, Scheme, qundis_block};
use crate::{quirks, standard, status, table};

/// The families known, found by address.
#[derive(Clone, Debug, Default)]
pub struct Families {
    list: Vec<Arc<Family>>,
    /// The name of each, for what it reads.
    names: Vec<Arc<str>>,
    /// Those of claims without wildcards.
    exact: Addresses,
    /// Manufacturers of claims with a wildcard, in order, and the family of each.
    open: Vec<(Manufacturer, usize)>,
    standard: Option<Arc<str>>,
}

impl Families {
    /// The pages that are part of this build.
    ///
    /// # Errors
    /// None for a released build: a test reads them all.
    pub fn embedded() -> Result<Self, PageError> {
        Self::embedded_by(1)
    }

    /// As [`Families::embedded`], read by so many threads at once where they have not been read yet: for commands that
    /// are over before long.
    ///
    /// # Errors
    /// As [`Families::embedded`].
    pub fn embedded_by(threads: usize) -> Result<Self, PageError> {
        static EMBEDDED: OnceLock<Result<Families, PageError>> = OnceLock::new();
        EMBEDDED.get_or_init(|| Self::read_by(threads)).clone()
    }

    pub(crate) fn read_by(threads: usize) -> Result<Self, PageError> {
        let mut families = Self::nobody();
        for (file, family) in pages(threads) {
            families.insert(file, family?)?;
        }
        Ok(families)
    }

    /// No family yet.
    fn nobody() -> Self {
        Self {
            standard: Some("standard".into()),
            ..Self::default()
        }
    }

    /// The pages that are part of this build, and others: file name and text of each. One with the name of one of ours
    /// replaces it.
    ///
    /// # Errors
    /// As [`Families::add`].
    pub(crate) fn embedded_and(others: &[(String, String)]) -> Result<Self, PageError> {
        let mut families = Self::nobody();
        let mut theirs = Vec::with_capacity(others.len());
        for (file, text) in others {
            theirs.push((file, Family::new(file, Page::parse(file, text)?)?));
        }
        for (file, ours) in pages(1) {
            let ours = ours?;
            if !theirs.iter().any(|(_, family)| family.name == ours.name) {
                families.insert(file, ours)?;
            }
        }
        for (file, family) in theirs {
            families.insert(file, family)?;
        }
        Ok(families)
    }

    /// Adds a page.
    ///
    /// # Errors
    /// It can't be read, has the name of another, or answers for an address of another.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), PageError> {
        self.insert(file, Family::new(file, Page::parse(file, text)?)?)
    }

    fn insert(&mut self, file: &str, family: Family) -> Result<(), PageError> {
        let refuse = |message: String| PageError {
            file: file.to_owned(),
            line: None,
            message,
        };
        for other in &self.list {
            if other.name == family.name {
                return Err(refuse(format!(
                    "there is another page named {:?}: choose another name",
                    family.name
                )));
            }
            let twin = family
                .claims
                .iter()
                .find(|claim| other.claims.iter().any(|theirs| theirs.overlaps(claim)));
            if let Some(claim) = twin {
                return Err(refuse(format!(
                    "answers for {claim} as {:?} does: leave it out on one of the two pages, or give this one that name \
                     to replace it",
                    other.name
                )));
            }
        }
        let index = self.list.len();
        for claim in &family.claims {
            match (claim.version, claim.device_type) {
                (Some(version), Some(device_type)) => {
                    let key = key(claim.manufacturer, version, device_type);
                    if self.exact.get(key).is_none() {
                        self.exact.insert(key, index);
                    }
                }
                _ => {
                    let at = self
                        .open
                        .partition_point(|(other, _)| *other <= claim.manufacturer);
                    self.open.insert(at, (claim.manufacturer, index));
                }
            }
        }
        self.names.push(Arc::clone(&family.name));
        self.list.push(Arc::new(family));
        Ok(())
    }

    /// The same families, with names of their own: for one of several threads that decode, since a name that all of them
    /// give to what they read is counted by all of them, which is slow for each.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self {
            list: self.list.clone(),
            names: self.names.iter().map(|name| Arc::from(&**name)).collect(),
            exact: self.exact.clone(),
            open: self.open.clone(),
            standard: self.standard.as_deref().map(Arc::from),
        }
    }

    /// All families, by the names of their files.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Family>> {
        self.list.iter()
    }

    /// The family with this name.
    pub fn named(&self, name: &str) -> Option<&Arc<Family>> {
        self.list.iter().find(|family| &*family.name == name)
    }

    /// The family that answers for an address.
    pub fn of(&self, address: Address) -> Option<&Arc<Family>> {
        self.list.get(self.place_of(address)?)
    }

    /// Where the family that answers for an address stands.
    fn place_of(&self, address: Address) -> Option<usize> {
        let key = key(address.manufacturer, address.version, address.device_type);
        self.exact.get(key).or_else(|| {
            let maker = address.manufacturer.without_flag();
            let first = self.open.partition_point(|(other, _)| *other < maker);
            let theirs = self.open.get(first..).unwrap_or_default();
            let covers = |index: &usize| {
                let claims = self.list.get(*index).map_or(&[][..], |family| &family.claims);
                claims.iter().any(|claim| claim.covers(address))
            };
            let mut theirs = theirs
                .iter()
                .take_while(|(other, _)| *other == maker)
                .map(|(_, index)| *index);
            theirs.find(covers)
        })
    }

    /// The family of a metering point, else of who sent for it: mostly they are one, and one look is enough.
    fn of_either(&self, meter: Address, sender: Address) -> Option<&Arc<Family>> {
        self.list.get(self.place_of_either(meter, sender)?)
    }

    fn place_of_either(&self, meter: Address, sender: Address) -> Option<usize> {
        let other = || {
            if sender == meter {
                None
            } else {
                self.place_of(sender)
            }
        };
        self.place_of(meter).or_else(other)
    }

    /// The address of the metering point of a telegram, also where a maker bends the headers. Choose keys by it.
    pub fn identify(&self, frame: &Frame<'_>) -> Address {
        quirks::identify(frame)
    }

    /// Opens a telegram with the meter's keys, or with those that its maker ships to everybody.
    ///
    /// # Errors
    /// As [`Frame::open`]; a missing key stays a missing key when only the maker's were tried in vain.
    pub fn open<'a>(&self, frame: &Frame<'a>, keys: &[Key]) -> Result<Message<'a>, Error> {
        let family = self.of_either(quirks::identify(frame), frame.link().sender);
        let default_keys = family.map_or(&[][..], |family| &family.default_keys);
        let scheme = family.and_then(|family| family.scheme);
        if default_keys.is_empty() && scheme != Some(Scheme::QundisBlock) {
            return quirks::open(frame, keys);
        }
        match quirks::open(frame, keys) {
            Err(error) if is_sealed(&error) && !default_keys.is_empty() => {
                let mut opened = quirks::open(frame, default_keys).map_err(|_| error)?;
                // None of the meter's own keys did it.
                if opened.key.take().is_some() {
                    opened.notes.insert(Note::MakersKey);
                }
                Ok(opened)
            }
            Ok(message) if scheme == Some(Scheme::QundisBlock) => Ok(qundis_block::open(message, keys)),
            outcome => outcome,
        }
    }

    /// True when the values of an opened message are sealed by themselves, and still are.
    pub fn is_still_sealed(&self, message: &Message<'_>) -> bool {
        let family = self.of_either(message.meter, message.link.sender);
        family.is_some_and(|family| family.scheme == Some(Scheme::QundisBlock))
            && qundis_block::is_sealed(message)
    }

    /// Layouts of compact frames that pages know, for a memory to begin with.
    pub fn layouts(&self) -> impl Iterator<Item = &Layout> {
        self.list.iter().flat_map(|family| &family.layouts)
    }

    /// What a message says.
    ///
    /// Compact frames must have been expanded before ([`wmbus::apl::compact`]).
    ///
    /// # Errors
    /// `UnknownCompactFormat` for a compact frame, `UnsupportedCi` for application data that nobody knows to read.
    pub fn decode(&self, message: &Message<'_>, context: &Context) -> Result<Decoded, Error> {
        let nobody = self.standard.clone().unwrap_or_else(|| "standard".into());
        let mut decoded = Decoded::new(message.meter, message.link.sender, nobody);
        self.decode_into(message, context, &mut decoded)?;
        Ok(decoded)
    }

    /// As [`Families::decode`], into a place whose memory is used again: a plain telegram costs no allocation there.
    ///
    /// Nothing of what stood there stays. After an error it holds what was found before it.
    ///
    /// # Errors
    /// As [`Families::decode`].
    pub fn decode_into(
        &self,
        message: &Message<'_>,
        context: &Context,
        decoded: &mut Decoded,
    ) -> Result<(), Error> {
        // PRIOS is read the same whatever version the meter says it is.
        let prios = |family: &Arc<Family>| family.scheme == Some(Scheme::Prios);
        let place = if quirks::is_prios(message) {
            self.list.iter().position(prios)
        } else {
            self.place_of_either(message.meter, message.link.sender)
        };
        let standard = || self.standard.clone().unwrap_or_else(|| "standard".into());
        let name = place.and_then(|place| self.names.get(place));
        let decoder = name.map_or_else(standard, Arc::clone);
        decoded.begin(message.meter, message.link.sender, decoder);
        decoded.without_remarks = context.without_remarks;
        decoded.mode = message.mode();
        decoded.authenticated = message.authenticated;
        for note in message.notes.iter() {
            decoded.remark(note.code(), note.text());
        }
        let family = place
            .and_then(|place| self.list.get(place))
            .map(|family| &**family);
        let scheme = family
            .and_then(|family| family.scheme)
            .filter(|scheme| scheme.takes(message));
        if scheme.is_some_and(|scheme| scheme.read(message, &message.payload, context, decoded)) {
            self.status(message, family, decoded);
            finish(decoded, context);
            return Ok(());
        }
        match message.content {
            Content::Records => {
                if family.is_some_and(|family| family.scheme == Some(Scheme::QundisBlock))
                    && qundis_block::is_sealed(message)
                {
                    decoded.remark(
                        "sealed_block",
                        "its values are sealed by themselves, and no key opens them",
                    );
                }
                table::read(message, family, context, decoded);
                self.status(message, family, decoded);
            }
            Content::Manufacturer => {
                if !manufacturer(message, family, context, decoded) {
                    let ci = message.ci().unwrap_or(0);
                    return Err(Error {
                        layer: Layer::Application,
                        at: message.payload_at,
                        kind: ErrorKind::UnsupportedCi { ci },
                    });
                }
            }
            Content::Compact => {
                let compact = wmbus::apl::compact::Compact::parse(&message.payload, message.payload_at)?;
                let kind = ErrorKind::UnknownCompactFormat {
                    signature: compact.signature,
                };
                return Err(Error {
                    layer: Layer::Application,
                    at: message.payload_at,
                    kind,
                });
            }
            Content::ApplicationError => {
                let code = message.payload.first().copied().unwrap_or(0);
                decoded.remark(
                    "application_error",
                    format!(
                        "the meter answers with error {code}: {}",
                        wmbus::apl::application_error(code)
                    ),
                );
            }
            Content::Alarm => {
                let octet = message.payload.first().copied().unwrap_or(0);
                decoded.remark("alarm", format!("the meter raises alarm {octet:02X}"));
            }
            Content::FixedStructure => {
                let data = FixedData::parse(&message.payload, message.payload_at)?;
                decoded.meter.device_type = data.device_type();
                decoded.readings.extend(standard::counters(&data));
                // The lowest two bits say how the counters are coded.
                status::StatusTable::STANDARD.read(data.status & 0xFC, &mut decoded.status);
            }
            Content::Format
            | Content::Nothing
            | Content::Management
            | Content::Tls
            | Content::Unsupported => {
                self.status(message, family, decoded);
            }
        }
        finish(decoded, context);
        Ok(())
    }

    fn status(&self, message: &Message<'_>, family: Option<&Family>, decoded: &mut Decoded) {
        if let Some(octet) = message.status() {
            match family {
                Some(family) => family.status.read(octet, &mut decoded.status),
                None => status::StatusTable::STANDARD.read(octet, &mut decoded.status),
            }
        }
    }
}

/// The pages that are part of this build, in order, read by so many threads.
fn pages(threads: usize) -> Vec<(&'static str, Result<Family, PageError>)> {
    let read = |part: &[(&'static str, &str, &'static str)]| -> Vec<_> {
        part.iter()
            .map(|(file, rules, examples)| (*file, Family::embedded(file, rules, examples)))
            .collect()
    };
    let mut parts = PAGES.chunks(PAGES.len().div_ceil(threads.max(1)).max(1));
    let Some(first) = parts.next() else {
        return Vec::new();
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = parts
            .map(|part| (part, scope.spawn(move || read(part))))
            .collect();
        let mut all = read(first);
        for (part, other) in others {
            // A thread that ended is no reason to go without its pages.
            all.extend(other.join().unwrap_or_else(|_| read(part)));
        }
        all
    })
}

/// True for an error that another key may mend.
fn is_sealed(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::KeyMissing { .. } | ErrorKind::WrongKey | ErrorKind::MacMismatch
    )
}

/// What can be said once all is read: days of every year get one, conditions are sorted.
fn finish(decoded: &mut Decoded, context: &Context) {
    let open = |reading: &Reading| matches!(reading.at, Some(Stamp::EveryYear { .. }));
    if decoded.readings.iter().any(open)
        && let Some(today) = table::today(context, decoded)
    {
        for reading in &mut decoded.readings {
            reading.at = reading.at.map(|at| at.resolved(today));
        }
    }
    status::tidy(&mut decoded.status);
}

/// Application data that a page describes as blocks after a maker's CI-field.
fn manufacturer(
    message: &Message<'_>,
    family: Option<&Family>,
    context: &Context,
    decoded: &mut Decoded,
) -> bool {
    let Some(family) = family else { return false };
    let ci = message.ci().unwrap_or(0);
    let mut blocks = family
        .blocks
        .iter()
        .filter(|block| block.follows_ci(ci, message.meter.version));
    let read = blocks.any(|block| block.read(&message.payload, &family.status, context, decoded));
    if let Some(scheme) = family
        .scheme
        .filter(|scheme| read && scheme.place() == Place::BesideBlocks)
    {
        scheme.read(message, &message.payload, context, decoded);
    }
    read
}

/// Name, rules and examples of every page.
const PAGES: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

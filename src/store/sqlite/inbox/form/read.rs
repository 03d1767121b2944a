//! Reading a batch back: bounded, and nothing of what makes no sense.

use std::io::Read as _;
use std::ops::Range;
use std::sync::Arc;

use decoders::reading::Stamp;
use flate2::read::DeflateDecoder;
use jiff::Timestamp;
use wmbus::{Address, DeviceType, IdentificationNumber, Manufacturer, Version};

use super::{
    AGAIN, ASSUMED, BARE, BASE, CHANNEL, CHAPTERS, COUNTER, DEVICE_TIME, DIFFERS, EVIDENCE, FormError, KIND,
    KINDS, LARGEST, LONGEST, MOST, NAMED, NAMES, NUMBERED, OPENED, RSSI, STRANGER, STRENGTH, TELEGRAM, TEXT,
};
use crate::registry::MeterAddress;
use crate::store::sqlite::codes::{self, ChannelWords};
use crate::store::sqlite::octets;
use crate::store::{
    Channel, Facts, Flags, Ingest, MeterId, Redecoded, Sighting, Source, StoredReading, Telegram,
    TelegramKey, Word,
};

/// Whom and what a batch speaks of, as the store knows it now.
pub(in super::super) trait Names {
    /// The meter with this address; `None` when it is not registered.
    fn meter(&mut self, address: &MeterAddress) -> Option<MeterId>;
    /// The channel of this number.
    fn channel(&self, id: i64) -> Option<Channel>;
    /// A telegram as it was received, out of what it says ([`wmbus::bare`]), and its digest, of which this is the
    /// [`mark`](super::mark); `None` when no key of the meter makes it.
    fn sealed(&mut self, meter: MeterId, way: u8, bare: &[u8], mark: u16) -> Option<(Vec<u8>, u64)>;
}

/// What earlier batches of a chapter said.
#[derive(Default)]
pub(in super::super) struct Before {
    /// File and chapter.
    of: Option<(u32, u64)>,
    /// Nothing in the place of those that were in a batch that is lost.
    bases: Vec<Option<Range<usize>>>,
    /// All bases, one behind the other.
    octets: Vec<u8>,
}

/// What a batch says.
#[derive(Debug, Default)]
pub(in super::super) struct Read {
    /// Nothing of meters that are not registered.
    pub(in super::super) items: Vec<Ingest>,
    /// So many items more rest on what is lost: a batch before, or a key.
    pub(in super::super) lost: u32,
}

/// The items of a packed batch of a file.
pub(in super::super) fn items(
    packed: &[u8],
    file: u32,
    before: &mut Before,
    names: &mut dyn Names,
) -> Result<Read, FormError> {
    let (form, packed) = packed.split_first().ok_or(FormError::Packed)?;
    match *form {
        NUMBERED | NAMED => earlier(*form, &unpacked(packed)?, names),
        CHAPTERS => of_chapter(packed, file, before, names),
        form => Err(FormError::Form(form)),
    }
}

/// The items of a batch of an earlier release.
fn earlier(form: u8, packed: &[u8], names: &mut dyn Names) -> Result<Read, FormError> {
    let mut reader = Reader::new(form, packed, Told::default(), names);
    let mut read = Read::default();
    let mut number = 0;
    while !reader.octets.is_empty() {
        let item = match reader.number() {
            Some(TELEGRAM) => reader.telegram().map(|telegram| telegram.map(Ingest::Telegram)),
            Some(STRANGER) => reader.stranger().map(|stranger| Some(Ingest::Stranger(stranger))),
            _ => None,
        };
        read.items.extend(item.ok_or(FormError::Item(number))?);
        number += 1;
    }
    Ok(read)
}

/// The items of a batch of a chapter.
fn of_chapter(
    mut packed: &[u8],
    file: u32,
    before: &mut Before,
    names: &mut dyn Names,
) -> Result<Read, FormError> {
    before.enter(&mut packed, file).ok_or(FormError::Packed)?;
    let mut reader = Reader::new(CHAPTERS, &[], Told::default(), names);
    let mut read = Read::default();
    for number in 0.. {
        if packed.is_empty() {
            break;
        }
        let nonsense = FormError::Item(number);
        reader.octets = octets::several(&mut packed).ok_or(nonsense)?;
        reader.lost = false;
        match reader.item(before) {
            Some(item) => read.items.extend(item),
            None if reader.lost => read.lost += 1,
            None => return Err(nonsense),
        }
        if read.items.len() + read.lost as usize > MOST {
            return Err(nonsense);
        }
    }
    Ok(read)
}

fn unpacked(packed: &[u8]) -> Result<Vec<u8>, FormError> {
    let mut octets = Vec::new();
    let mut decoder = DeflateDecoder::new(packed).take(LARGEST + 1);
    let read = decoder.read_to_end(&mut octets).map_err(|_| FormError::Packed)?;
    if read as u64 > LARGEST {
        return Err(FormError::Packed);
    }
    Ok(octets)
}

impl Before {
    /// The batch that follows is of a file's chapter, of which so much was said before.
    fn enter(&mut self, packed: &mut &[u8], file: u32) -> Option<()> {
        let of = Some((file, octets::number(packed)?));
        if self.of != of {
            *self = Self {
                of,
                ..Self::default()
            };
        }
        // What is not known was in a batch that is lost.
        let bases = usize::try_from(octets::number(packed)?).ok()?;
        if bases > NAMES {
            return None;
        }
        self.bases.resize(bases, None);
        Some(())
    }
}

/// The names that a batch has told.
#[derive(Default)]
struct Told {
    texts: Vec<Option<Arc<str>>>,
    channels: Vec<Option<Channel>>,
}

/// What is left of a batch, or of an item; nothing of what makes no sense.
struct Reader<'a, 'n> {
    octets: &'a [u8],
    form: u8,
    told: Told,
    at: i64,
    /// It rests on what is lost.
    lost: bool,
    names: &'n mut dyn Names,
}

impl<'a, 'n> Reader<'a, 'n> {
    fn new(form: u8, octets: &'a [u8], told: Told, names: &'n mut dyn Names) -> Self {
        Self {
            octets,
            form,
            told,
            at: 0,
            lost: false,
            names,
        }
    }

    /// An item of a chapter; nothing inside when it only names something, or its meter is not registered.
    fn item(&mut self, before: &mut Before) -> Option<Option<Ingest>> {
        let kind = self.number().filter(|kind| *kind < KINDS)?;
        let has = |bit: u64| kind & bit != 0;
        match kind & KIND {
            TEXT => {
                let number = self.number()?;
                let text = std::str::from_utf8(self.octets).ok()?;
                name(&mut self.told.texts, number, text.into())?;
                return Some(None);
            }
            CHANNEL => {
                let number = self.number()?;
                let channel = self.channel_in_words()?;
                name(&mut self.told.channels, number, channel)?;
                return Some(None);
            }
            _ => {}
        }
        let received_at = self.instant()?;
        if has(AGAIN) {
            return Some(self.again(received_at)?.map(Ingest::Again));
        }
        let rssi_dbm = self.when(has(STRENGTH), |reader| i16::try_from(reader.signed()?).ok())?;
        if kind & KIND == STRANGER {
            return Some(Some(Ingest::Stranger(Sighting {
                address: Address::from_link_octets(self.array()?),
                received_at,
                rssi_dbm,
                radio: self.text()?,
            })));
        }
        let digest = if has(BARE) {
            u64::from(u16::from_be_bytes(self.array()?))
        } else {
            u64::from_be_bytes(self.array()?)
        };
        let said = if has(DIFFERS) {
            let number = usize::try_from(self.number()?).ok()?;
            let Some(base) = before.bases.get(number)?.clone() else {
                self.lost = true;
                return None;
            };
            octets::difference(&mut self.octets, before.octets.get(base)?)?
        } else {
            self.octets.to_vec()
        };
        if said.len() > LONGEST {
            return None;
        }
        if has(BASE) {
            let begin = before.octets.len();
            before.octets.extend(&said);
            if before.bases.len() >= NAMES {
                return None;
            }
            before.bases.push(Some(begin..before.octets.len()));
        }
        let mut reader = Reader::new(CHAPTERS, &said, std::mem::take(&mut self.told), self.names);
        let telegram = reader.said(received_at, rssi_dbm, digest, has(BARE));
        (self.lost, self.told) = (reader.lost, reader.told);
        Some(telegram?.map(Ingest::Telegram))
    }

    /// What became of a telegram that was received then; nothing inside when its meter is not registered.
    fn again(&mut self, received_at: Timestamp) -> Option<Option<Redecoded>> {
        let digest = u64::from_be_bytes(self.array()?);
        let address = self.address()?;
        let outcome = Word::Shared(self.text()?);
        let evidence = match self.number()? {
            0 => None,
            _ => Some(std::str::from_utf8(self.octets).ok()?.to_owned()),
        };
        let meter = self.names.meter(&address);
        Some(meter.map(|meter| Redecoded {
            key: TelegramKey {
                received_at,
                meter,
                digest,
            },
            outcome,
            evidence,
            facts: Facts::default(),
            readings: Vec::new(),
        }))
    }

    /// What a telegram says; nothing inside when its meter is not registered.
    fn said(
        &mut self,
        received_at: Timestamp,
        rssi_dbm: Option<i16>,
        digest: u64,
        bare: bool,
    ) -> Option<Option<Telegram>> {
        let bits = self.number()?;
        let address = self.address()?;
        let Some(meter) = self.names.meter(&address) else {
            return Some(None);
        };
        let [way] = if bare { self.array()? } else { [0] };
        let octets = self.octet_string()?;
        let radio = self.text()?;
        let telegram = self.rest(bits, meter, received_at, rssi_dbm, radio)?;
        let (octets, digest) = if bare {
            let mark = u16::try_from(digest).ok()?;
            let Some(sealed) = self.names.sealed(telegram.meter, way, octets, mark) else {
                self.lost = true;
                return None;
            };
            sealed
        } else {
            (octets.to_vec(), digest)
        };
        Some(Some(Telegram {
            digest,
            octets,
            ..telegram
        }))
    }

    /// A telegram of an earlier release; nothing inside when its meter is not registered.
    fn telegram(&mut self) -> Option<Option<Telegram>> {
        let bits = self.number()?;
        let meter = match self.form {
            NUMBERED => Some(MeterId(self.signed()?)),
            _ => {
                let address = self.address()?;
                self.names.meter(&address)
            }
        };
        let received_at = self.instant()?;
        let digest = u64::from_be_bytes(self.array()?);
        let octets = self.octet_string()?.to_vec();
        let radio = self.text()?;
        let rssi_dbm = self.when(bits & RSSI != 0, |reader| i16::try_from(reader.signed()?).ok())?;
        // What makes no sense is found whether its meter is known or not.
        let telegram = self.rest(bits, meter.unwrap_or(MeterId(0)), received_at, rssi_dbm, radio)?;
        Some(meter.map(|_| Telegram {
            digest,
            octets,
            ..telegram
        }))
    }

    /// What all forms have in the same order, from the outcome on.
    fn rest(
        &mut self,
        bits: u64,
        meter: MeterId,
        received_at: Timestamp,
        rssi_dbm: Option<i16>,
        radio: Arc<str>,
    ) -> Option<Telegram> {
        let has = |bit: u64| bits & bit != 0;
        let outcome = Word::Shared(self.text()?);
        let evidence = self.when(has(EVIDENCE), |reader| Some(reader.own_text()?.to_string()))?;
        let device_time = self.when(has(DEVICE_TIME), Self::stamp)?.flatten();
        let counter = self.when(has(COUNTER), |reader| u32::try_from(reader.number()?).ok())?;
        let status = codes::status(std::str::from_utf8(self.octet_string()?).ok()?);
        let more =
            self.several(|reader| Some((Word::Shared(reader.text()?), Word::Shared(reader.own_text()?))))?;
        let at = received_at.as_second();
        let readings = self.several(|reader| reader.reading(at))?;
        Some(Telegram {
            meter,
            received_at,
            assumed: has(ASSUMED),
            digest: 0,
            octets: Vec::new(),
            radio,
            rssi_dbm,
            outcome,
            evidence,
            facts: Facts {
                opened: has(OPENED),
                device_time,
                counter,
                status,
                more,
            },
            readings,
        })
    }

    fn address(&mut self) -> Option<MeterAddress> {
        let manufacturer = Manufacturer::from_octets(self.array()?);
        let identification_number = IdentificationNumber::from_octets(self.array()?);
        Some(MeterAddress {
            manufacturer,
            identification_number,
            version: self.octet_or_any()?.map(Version),
            device_type: self.octet_or_any()?.map(DeviceType),
        })
    }

    fn octet_or_any(&mut self) -> Option<Option<u8>> {
        match self.number()? {
            0 => Some(None),
            number => u8::try_from(number - 1).ok().map(Some),
        }
    }

    fn channel(&mut self) -> Option<Channel> {
        if self.form == NUMBERED {
            let id = self.signed()?;
            return self.names.channel(id);
        }
        let number = self.number()?;
        if self.form == NAMED && number == 0 {
            let channel = self.channel_in_words()?;
            self.told.channels.push(Some(channel));
            return Some(channel);
        }
        let number = number.checked_sub((self.form == NAMED).into())?;
        *self.told.channels.get(usize::try_from(number).ok()?)?
    }

    fn channel_in_words(&mut self) -> Option<Channel> {
        let (quantity, unit, direction) = (self.text()?, self.text()?, self.text()?);
        let (aspect, kind) = (self.text()?, self.text()?);
        let words = ChannelWords {
            quantity: &quantity,
            unit: &unit,
            direction: &direction,
            aspect: &aspect,
            kind: &kind,
        };
        codes::channel_of(
            &words,
            i8::try_from(self.signed()?).ok()?,
            u32::try_from(self.number()?).ok()?,
            u16::try_from(self.number()?).ok()?,
        )
    }

    fn reading(&mut self, received_at: i64) -> Option<StoredReading> {
        let channel = self.channel()?;
        let source = usize::try_from(self.number()?).ok()?;
        let at = self.signed()?;
        Some(StoredReading {
            channel,
            at: Timestamp::from_second(received_at.checked_add(at)?).ok()?,
            source: *Source::ALL.get(source)?,
            value: self.signed()?,
            resolution: i8::try_from(self.signed()?).ok()?,
            flags: Flags(u32::try_from(self.number()?).ok()?),
            stamp: self.stamp()?,
        })
    }

    /// A sighting of an earlier release.
    fn stranger(&mut self) -> Option<Sighting> {
        let address = Address::from_link_octets(self.array()?);
        let received_at = self.instant()?;
        let radio = self.text()?;
        let is_measured = self.number()? != 0;
        let rssi_dbm = i16::try_from(self.signed()?).ok()?;
        Some(Sighting {
            address,
            received_at,
            rssi_dbm: is_measured.then_some(rssi_dbm),
            radio,
        })
    }

    /// What is there only sometimes.
    fn when<T>(&mut self, there: bool, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match there {
            true => read(self).map(Some),
            false => Some(None),
        }
    }

    /// A number, and so many of them.
    fn several<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.number()?).map(|_| read(self)).collect()
    }

    fn stamp(&mut self) -> Option<Option<Stamp>> {
        match self.signed()? {
            0 => Some(None),
            number => codes::stamp(number).map(Some),
        }
    }

    fn instant(&mut self) -> Option<Timestamp> {
        self.at = self.at.checked_add(self.signed()?)?;
        Timestamp::from_second(self.at).ok()
    }

    /// A text that others name as well.
    fn text(&mut self) -> Option<Arc<str>> {
        let number = self.number()?;
        if self.form != CHAPTERS && number == 0 {
            let text: Arc<str> = std::str::from_utf8(self.octet_string()?).ok()?.into();
            self.told.texts.push(Some(Arc::clone(&text)));
            return Some(text);
        }
        let number = number.checked_sub((self.form != CHAPTERS).into())?;
        self.told.texts.get(usize::try_from(number).ok()?)?.clone()
    }

    /// A text that may be another each time.
    fn own_text(&mut self) -> Option<Arc<str>> {
        if self.form != CHAPTERS {
            return self.text();
        }
        Some(std::str::from_utf8(self.octet_string()?).ok()?.into())
    }

    fn octet_string(&mut self) -> Option<&'a [u8]> {
        octets::several(&mut self.octets)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        octets::array(&mut self.octets)
    }

    fn signed(&mut self) -> Option<i64> {
        octets::signed(&mut self.octets)
    }

    fn number(&mut self) -> Option<u64> {
        octets::number(&mut self.octets)
    }
}

/// Gives something a number of a chapter.
fn name<T: Clone>(names: &mut Vec<Option<T>>, number: u64, name: T) -> Option<()> {
    let number = usize::try_from(number).ok().filter(|number| *number < NAMES)?;
    names.resize(names.len().max(number + 1), None);
    *names.get_mut(number)? = Some(name);
    Some(())
}

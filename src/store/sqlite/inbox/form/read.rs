//! Reading a batch back: bounded, and nothing of what makes no sense.

use std::io::Read;
use std::sync::Arc;

use decoders::reading::Stamp;
use flate2::read::DeflateDecoder;
use jiff::Timestamp;
use wmbus::{Address, DeviceType, IdentificationNumber, Manufacturer, Version};

use super::{
    ASSUMED, COUNTER, DEVICE_TIME, EVIDENCE, FormError, LARGEST, NAMED, NUMBERED, OPENED, RSSI, STRANGER,
    TELEGRAM,
};
use crate::registry::MeterAddress;
use crate::store::sqlite::codes::{self, ChannelWords};
use crate::store::{Channel, Facts, Flags, Ingest, MeterId, Sighting, Source, StoredReading, Telegram, Word};

/// Whom and what a batch speaks of, as the store knows it now.
pub(in super::super) trait Names {
    /// The meter with this address; `None` when it is not registered.
    fn meter(&mut self, address: &MeterAddress) -> Option<MeterId>;
    /// The channel of this number.
    fn channel(&self, id: i64) -> Option<Channel>;
}

/// The items of a packed batch; nothing of meters that are not registered.
pub(in super::super) fn items(packed: &[u8], names: &mut dyn Names) -> Result<Vec<Ingest>, FormError> {
    let (form, packed) = packed.split_first().ok_or(FormError::Packed)?;
    if ![NUMBERED, NAMED].contains(form) {
        return Err(FormError::Form(*form));
    }
    let octets = unpacked(packed)?;
    let mut reader = Reader {
        octets: &octets,
        form: *form,
        texts: Vec::new(),
        channels: Vec::new(),
        at: 0,
        names,
    };
    let mut items = Vec::new();
    let mut number = 0;
    while !reader.octets.is_empty() {
        let item = match reader.number() {
            Some(TELEGRAM) => reader.telegram().map(|telegram| telegram.map(Ingest::Telegram)),
            Some(STRANGER) => reader.stranger().map(|stranger| Some(Ingest::Stranger(stranger))),
            _ => None,
        };
        items.extend(item.ok_or(FormError::Item(number))?);
        number += 1;
    }
    Ok(items)
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

/// What is left of a batch; nothing of what makes no sense.
struct Reader<'a> {
    octets: &'a [u8],
    form: u8,
    texts: Vec<Arc<str>>,
    channels: Vec<Channel>,
    at: i64,
    names: &'a mut dyn Names,
}

impl<'a> Reader<'a> {
    /// A telegram; nothing inside when its meter is not registered.
    fn telegram(&mut self) -> Option<Option<Telegram>> {
        let bits = self.number()?;
        let has = |bit: u64| bits & bit != 0;
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
        let rssi_dbm = self.when(has(RSSI), |reader| i16::try_from(reader.signed()?).ok())?;
        let outcome = Word::Shared(self.text()?);
        let evidence = self.when(has(EVIDENCE), |reader| Some(reader.text()?.to_string()))?;
        let device_time = self.when(has(DEVICE_TIME), Self::stamp)?.flatten();
        let counter = self.when(has(COUNTER), |reader| u32::try_from(reader.number()?).ok())?;
        let status = codes::status(std::str::from_utf8(self.octet_string()?).ok()?);
        let more =
            self.several(|reader| Some((Word::Shared(reader.text()?), Word::Shared(reader.text()?))))?;
        let readings = self.several(Self::reading)?;
        Some(meter.map(|meter| Telegram {
            meter,
            received_at,
            assumed: has(ASSUMED),
            digest,
            octets,
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
        }))
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
        if number > 0 {
            let place = usize::try_from(number - 1).ok()?;
            return self.channels.get(place).copied();
        }
        let (quantity, unit, direction) = (self.text()?, self.text()?, self.text()?);
        let (aspect, kind) = (self.text()?, self.text()?);
        let words = ChannelWords {
            quantity: &quantity,
            unit: &unit,
            direction: &direction,
            aspect: &aspect,
            kind: &kind,
        };
        let channel = codes::channel_of(
            &words,
            i8::try_from(self.signed()?).ok()?,
            u32::try_from(self.number()?).ok()?,
            u16::try_from(self.number()?).ok()?,
        )?;
        self.channels.push(channel);
        Some(channel)
    }

    fn reading(&mut self) -> Option<StoredReading> {
        let channel = self.channel()?;
        let source = usize::try_from(self.number()?).ok()?;
        let at = self.signed()?;
        Some(StoredReading {
            channel,
            at: Timestamp::from_second(self.at.checked_add(at)?).ok()?,
            source: *Source::ALL.get(source)?,
            value: self.signed()?,
            resolution: i8::try_from(self.signed()?).ok()?,
            flags: Flags(u32::try_from(self.number()?).ok()?),
            stamp: self.stamp()?,
        })
    }

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

    fn text(&mut self) -> Option<Arc<str>> {
        let number = self.number()?;
        if number > 0 {
            let place = usize::try_from(number - 1).ok()?;
            return self.texts.get(place).cloned();
        }
        let text: Arc<str> = std::str::from_utf8(self.octet_string()?).ok()?.into();
        self.texts.push(Arc::clone(&text));
        Some(text)
    }

    fn octet_string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (taken, left) = self.octets.split_at_checked(length)?;
        self.octets = left;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, left) = self.octets.split_first_chunk()?;
        self.octets = left;
        Some(*taken)
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for place in 0..10 {
            let (octet, left) = self.octets.split_first()?;
            self.octets = left;
            let bits = u64::from(octet & 0x7F);
            // Of the tenth octet one bit has room.
            if place == 9 && bits > 1 {
                return None;
            }
            number |= bits << (7 * place);
            if octet & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

//! Packing a batch.

use decoders::reading::Stamp;
use jiff::Timestamp;
use wmbus::bare::Bare;

use super::chapter::{Chapter, Place};
use super::{
    AGAIN, ASSUMED, BARE, BASE, CHANNEL, CHAPTERS, COUNTER, DEVICE_TIME, DIFFERS, EVIDENCE, OPENED, STRANGER,
    STRENGTH, TELEGRAM, TEXT, mark,
};
use crate::hash::Set;
use crate::registry::MeterAddress;
use crate::store::sqlite::codes;
use crate::store::sqlite::octets::{put_difference, put_number, put_several, put_signed};
use crate::store::{Channel, Facts, Redecoded, Sighting, StoredReading, Telegram};

/// A batch as it grows.
pub(in super::super) struct Form<'c> {
    octets: Vec<u8>,
    chapter: &'c mut Chapter,
    /// Brings octets of the file back.
    read: &'c mut dyn FnMut(Place, usize) -> Option<Vec<u8>>,
    at: i64,
    told: Told,
}

/// The numbers of what this batch has named already.
#[derive(Default)]
struct Told {
    texts: Set<u32>,
    channels: Set<u32>,
}

impl<'c> Form<'c> {
    /// The next batch of a chapter.
    pub(in super::super) fn new(
        chapter: &'c mut Chapter,
        read: &'c mut dyn FnMut(Place, usize) -> Option<Vec<u8>>,
    ) -> Self {
        let mut octets = vec![CHAPTERS];
        put_number(&mut octets, chapter.number.into());
        put_number(&mut octets, chapter.bases_told.into());
        Self {
            octets,
            chapter,
            read,
            at: 0,
            told: Told::default(),
        }
    }

    /// Adds a telegram of the meter with this address, with these of its readings, `bare` when it can be made again out of that;
    /// `None` when there is no word for what one of them is.
    pub(in super::super) fn telegram(
        &mut self,
        whose: MeterAddress,
        telegram: &Telegram,
        bare: Option<&Bare>,
        readings: &[&StoredReading],
    ) -> Option<()> {
        let said = self.said(whose, telegram, bare, readings)?;
        let mut kind = TELEGRAM;
        for (bit, is) in [(STRENGTH, telegram.rssi_dbm.is_some()), (BARE, bare.is_some())] {
            kind |= if is { bit } else { 0 };
        }
        let meter = telegram.meter.0;
        let base = match bare {
            Some(_) => self.chapter.base(meter, said.len(), self.read),
            // A seal repeats nothing.
            None => None,
        };
        let wanted = bare.is_some() && base.is_none() && self.chapter.wants(meter, said.len());
        let mut item = Vec::with_capacity(said.len() + 24);
        put_number(
            &mut item,
            kind | match (&base, wanted) {
                (Some(_), _) => DIFFERS,
                (None, true) => BASE,
                (None, false) => 0,
            },
        );
        self.instant(&mut item, telegram.received_at);
        if let Some(rssi_dbm) = telegram.rssi_dbm {
            put_signed(&mut item, rssi_dbm.into());
        }
        match bare {
            Some(_) => item.extend(mark(telegram.digest).to_be_bytes()),
            None => item.extend(telegram.digest.to_be_bytes()),
        }
        match base {
            Some((number, before)) => {
                put_number(&mut item, number.into());
                put_difference(&mut item, &before, &said);
            }
            None => item.extend(&said),
        }
        put_several(&mut self.octets, &item);
        if wanted {
            // The last of the item.
            let at = self.octets.len() - said.len();
            self.chapter.add_base(meter, said, at);
        }
        Some(())
    }

    /// Adds what became of a telegram of the meter with this address.
    pub(in super::super) fn again(&mut self, whose: MeterAddress, again: &Redecoded) {
        let outcome = self.text(&again.outcome);
        let mut item = Vec::with_capacity(64);
        put_number(&mut item, TELEGRAM | AGAIN);
        self.instant(&mut item, again.key.received_at);
        item.extend(again.key.digest.to_be_bytes());
        put_address(&mut item, whose);
        put_number(&mut item, outcome);
        put_number(&mut item, again.evidence.is_some().into());
        item.extend(again.evidence.iter().flat_map(|evidence| evidence.bytes()));
        put_several(&mut self.octets, &item);
    }

    /// Adds a sighting.
    pub(in super::super) fn stranger(&mut self, sighting: &Sighting) {
        let radio = self.text(&sighting.radio);
        let mut item = Vec::with_capacity(24);
        let is_measured = sighting.rssi_dbm.is_some();
        put_number(&mut item, STRANGER | if is_measured { STRENGTH } else { 0 });
        self.instant(&mut item, sighting.received_at);
        if let Some(rssi_dbm) = sighting.rssi_dbm {
            put_signed(&mut item, rssi_dbm.into());
        }
        item.extend(sighting.address.link_octets());
        put_number(&mut item, radio);
        put_several(&mut self.octets, &item);
    }

    /// The whole.
    pub(in super::super) fn packed(self) -> Vec<u8> {
        self.chapter.end_form();
        self.octets
    }

    /// What a telegram says, but for what is another each time.
    fn said(
        &mut self,
        whose: MeterAddress,
        telegram: &Telegram,
        bare: Option<&Bare>,
        readings: &[&StoredReading],
    ) -> Option<Vec<u8>> {
        let Facts {
            opened,
            device_time,
            counter,
            status,
            more,
        } = &telegram.facts;
        let mut bits = 0;
        for (bit, is) in [
            (ASSUMED, telegram.assumed),
            (EVIDENCE, telegram.evidence.is_some()),
            (OPENED, *opened),
            (DEVICE_TIME, device_time.is_some()),
            (COUNTER, counter.is_some()),
        ] {
            bits |= if is { bit } else { 0 };
        }
        let mut said = Vec::with_capacity(256);
        put_number(&mut said, bits);
        put_address(&mut said, whose);
        match bare {
            Some(bare) => {
                said.push(bare.way);
                put_several(&mut said, &bare.octets);
            }
            None => put_several(&mut said, &telegram.octets),
        }
        put_number(&mut said, self.text(&telegram.radio));
        put_number(&mut said, self.text(&telegram.outcome));
        if let Some(evidence) = &telegram.evidence {
            put_several(&mut said, evidence.as_bytes());
        }
        if device_time.is_some() {
            put_stamp(&mut said, *device_time);
        }
        if let Some(counter) = counter {
            put_number(&mut said, (*counter).into());
        }
        // Few, and mostly none.
        put_several(&mut said, codes::status_text(status).as_bytes());
        put_number(&mut said, more.len() as u64);
        for (name, value) in more {
            put_number(&mut said, self.text(name));
            put_several(&mut said, value.as_bytes());
        }
        let at = telegram.received_at.as_second();
        put_number(&mut said, readings.len() as u64);
        for reading in readings {
            put_number(&mut said, self.channel(&reading.channel)?);
            put_number(&mut said, reading.source as u64);
            put_signed(&mut said, reading.at.as_second().wrapping_sub(at));
            put_signed(&mut said, reading.value);
            put_signed(&mut said, reading.resolution.into());
            put_number(&mut said, reading.flags.0.into());
            put_stamp(&mut said, reading.stamp);
        }
        Some(said)
    }

    fn instant(&mut self, item: &mut Vec<u8>, at: Timestamp) {
        let at = at.as_second();
        put_signed(item, at.wrapping_sub(self.at));
        self.at = at;
    }

    /// The number of a channel, which is named before it is first spoken of.
    fn channel(&mut self, channel: &Channel) -> Option<u64> {
        let number = self.chapter.channel(channel);
        if !self.told.channels.insert(number) {
            return Some(number.into());
        }
        let words = codes::channel_words(channel)?;
        let mut item = Vec::with_capacity(24);
        put_number(&mut item, CHANNEL);
        put_number(&mut item, number.into());
        for word in [
            words.quantity,
            words.unit,
            words.direction,
            words.aspect,
            words.kind,
        ] {
            let number = self.text(word);
            put_number(&mut item, number);
        }
        put_signed(&mut item, channel.exponent.into());
        put_number(&mut item, channel.tariff.into());
        put_number(&mut item, channel.subunit.into());
        put_several(&mut self.octets, &item);
        Some(number.into())
    }

    /// The number of a text, which is named before it is first spoken of.
    fn text(&mut self, text: &str) -> u64 {
        let number = self.chapter.text(text);
        if self.told.texts.insert(number) {
            let mut item = Vec::with_capacity(text.len() + 3);
            put_number(&mut item, TEXT);
            put_number(&mut item, number.into());
            item.extend(text.as_bytes());
            put_several(&mut self.octets, &item);
        }
        number.into()
    }
}

/// As the link layer has it; 0 for any version or device type.
fn put_address(said: &mut Vec<u8>, address: MeterAddress) {
    said.extend(address.manufacturer.octets());
    said.extend(address.identification_number.octets());
    put_number(
        said,
        address.version.map_or(0, |version| u64::from(version.0) + 1),
    );
    put_number(said, address.device_type.map_or(0, |kind| u64::from(kind.0) + 1));
}

/// A stamp, or 0 for none and for one that the tables could not give back either.
fn put_stamp(said: &mut Vec<u8>, stamp: Option<Stamp>) {
    let number = stamp.map_or(0, codes::stamp_number);
    put_signed(said, if codes::stamp(number).is_some() { number } else { 0 });
}

//! Headers that some makers bend: mended before a security mode is judged or a key chosen.
//!
//! Diehl and its brands send PRIOS and "real data" with version and device type in front of the number, and reuse
//! standard CI-fields for scrambled data; Sappel's address is a serial. Apator puts a block in front of the real CI-field.

use wmbus::{
    Address, Content, DeviceType, Error, ErrorKind, Frame, IdentificationNumber, Key, Layer, Manufacturer,
    Message, Version,
};

use crate::scrambled::prios::{self, DEFAULT_KEYS, SCRAMBLED_AT};
use crate::scrambled::rfm_tx1;

/// What kind of telegram a bent header hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bent {
    /// As the standard has it.
    No,
    /// Records behind the shift register.
    RealData,
    /// PRIOS; the address is swapped, or Sappel's.
    Prios { sappel: bool },
    /// The first record is covered (B Meters RFM-TX1).
    Covered,
    /// A kind nobody has published.
    Unpublished,
}

/// The address of the metering point, mended.
pub(crate) fn identify(frame: &Frame<'_>) -> Address {
    match bent(frame) {
        Bent::No | Bent::Covered | Bent::Unpublished => frame.meter(),
        Bent::RealData | Bent::Prios { sappel: false } => swapped(frame.link().sender),
        Bent::Prios { sappel: true } => Address {
            version: Version(0),
            device_type: DeviceType::WATER,
            ..frame.link().sender
        },
    }
}

/// The address as it goes on the air, for a mended one: the inverse of [`identify`]. Sappel's stays as it is.
pub(crate) fn swapped_back(address: Address) -> Address {
    if address.manufacturer.without_flag() == SAP {
        return address;
    }
    let [m0, m1, a0, a1, a2, a3, version, device_type] = address.link_octets();
    Address::from_link_octets([m0, m1, version, device_type, a0, a1, a2, a3])
}

/// Opens a telegram: scrambled ones here, all others as the standard says.
pub(crate) fn open<'a>(frame: &Frame<'a>, keys: &[Key]) -> Result<Message<'a>, Error> {
    match bent(frame) {
        Bent::No if APATOR.contains(&frame.link().sender.manufacturer.without_flag()) => {
            frame.open(keys).map(unwrap_prefix)
        }
        // As it comes: moving a message takes as long as reading a record.
        Bent::No => frame.open(keys),
        bent => open_bent(bent, frame, keys),
    }
}

fn open_bent<'a>(bent: Bent, frame: &Frame<'a>, keys: &[Key]) -> Result<Message<'a>, Error> {
    let scrambled = || {
        let own = keys
            .iter()
            .filter_map(|key| key.reveal().first_chunk::<8>().copied());
        DEFAULT_KEYS.into_iter().chain(own).collect::<Vec<_>>()
    };
    match bent {
        Bent::No => frame.open(keys),
        Bent::Unpublished => {
            let ci = frame.transport().map_or(0, |transport| transport.ci);
            Err(Error {
                layer: Layer::Transport,
                at: 10,
                kind: ErrorKind::UnsupportedCi { ci },
            })
        }
        Bent::Covered => {
            let mut payload = frame.body().to_vec();
            let access_number = frame.transport().and_then(|transport| transport.fields);
            rfm_tx1::uncover(
                access_number.map_or(0, |fields| fields.access_number),
                &mut payload,
            );
            if !rfm_tx1::is_clear(&payload) {
                return Err(wrong_key());
            }
            Ok(mended(frame, Content::Records, payload, frame.body_at()))
        }
        Bent::RealData => {
            let clear = prios::open_real_data(frame.octets(), &scrambled()).ok_or_else(wrong_key)?;
            Ok(mended(frame, Content::Records, clear, SCRAMBLED_AT))
        }
        Bent::Prios { .. } => {
            let clear = prios::open_prios(frame.octets(), &scrambled()).ok_or_else(wrong_key)?;
            let head = frame.octets().get(11..SCRAMBLED_AT).unwrap_or_default();
            Ok(mended(frame, prios::CONTENT, [head, &clear].concat(), 11))
        }
    }
}

fn bent(frame: &Frame<'_>) -> Bent {
    let fields = frame.transport().and_then(|transport| transport.fields);
    if fields.is_some_and(|fields| fields.configuration.0 == rfm_tx1::CONFIGURATION)
        && frame.link().sender.manufacturer.without_flag() == BMETERS
    {
        return Bent::Covered;
    }
    let manufacturer = frame.link().sender.manufacturer.without_flag();
    let control = frame.link().control.0;
    let Some(transport) = frame.transport().filter(|_| matches!(control, 0x44 | 0x46)) else {
        return Bent::No;
    };
    // Their scrambling counts from the CI-field directly behind the link layer.
    if !DIEHL.contains(&manufacturer) || frame.extended_link().is_some() || frame.authentication().is_some() {
        return Bent::No;
    }
    match transport.ci {
        0x71 => Bent::RealData,
        0x7A if transport.mode() >= 16 => Bent::RealData,
        0xA0..=0xA7 => Bent::Prios {
            sappel: manufacturer == SAP,
        },
        0xB0..=0xB3 => Bent::Unpublished,
        _ => Bent::No,
    }
}

/// True for a message of a PRIOS telegram.
pub(crate) fn is_prios(message: &Message<'_>) -> bool {
    message.content == prios::CONTENT
        && matches!(message.ci(), Some(0xA0..=0xA7))
        && DIEHL.contains(&message.link.sender.manufacturer.without_flag())
}

/// `B6 len …` in front of the real CI-field (Apator).
fn unwrap_prefix(mut message: Message<'_>) -> Message<'_> {
    if message.ci() != Some(0xB6) {
        return message;
    }
    let Some((length, rest)) = message.payload.split_first() else {
        return message;
    };
    let Some((ci, payload)) = rest.get(usize::from(*length)..).and_then(<[u8]>::split_first) else {
        return message;
    };
    let (ci, payload) = (*ci, payload.to_vec());
    let at = message.payload_at + 2 + usize::from(*length);
    if let Some(transport) = &mut message.transport {
        transport.ci = ci;
    }
    message.with_payload(Content::Manufacturer, payload, at)
}

/// A message of a bent telegram, with its address in order.
fn mended(frame: &Frame<'_>, content: Content, payload: Vec<u8>, payload_at: usize) -> Message<'static> {
    let meter = identify(frame);
    let mut message = Message::from_parts(frame, meter, content, payload, payload_at);
    // Sappel's holds the printed serial, which is read later.
    if meter.manufacturer.without_flag() != SAP {
        message.link.sender = meter;
    }
    message
}

/// Version and device type stand in front of the number.
fn swapped(address: Address) -> Address {
    let [m0, m1, version, device_type, a0, a1, a2, a3] = address.link_octets();
    Address {
        manufacturer: Manufacturer::from_octets([m0, m1]),
        identification_number: IdentificationNumber::from_octets([a0, a1, a2, a3]),
        version: Version(version),
        device_type: DeviceType(device_type),
    }
}

fn wrong_key() -> Error {
    Error {
        layer: Layer::Application,
        at: SCRAMBLED_AT,
        kind: ErrorKind::WrongKey,
    }
}

pub(crate) const SAP: Manufacturer = Manufacturer(0x4C30);
/// DME, EWT, HYD, SAP, SPL.
const DIEHL: [Manufacturer; 5] = [
    Manufacturer(0x11A5),
    Manufacturer(0x16F4),
    Manufacturer(0x2324),
    SAP,
    Manufacturer(0x4E0C),
];
/// BMT.
const BMETERS: Manufacturer = Manufacturer(0x09B4);
/// APA, APT.
const APATOR: [Manufacturer; 2] = [Manufacturer(0x0601), Manufacturer(0x0614)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_makers_are_who_they_should_be() {
        assert_eq!(
            DIEHL.map(|maker| maker.to_string()),
            ["DME", "EWT", "HYD", "SAP", "SPL"]
        );
        assert_eq!(APATOR.map(|maker| maker.to_string()), ["APA", "APT"]);
    }

    #[test]
    fn an_address_swapped_twice_is_itself() {
        let address = Address::from_link_octets([0xA5, 0x11, 1, 2, 3, 4, 5, 6]);
        assert_eq!(swapped(swapped_back(address)), address);
    }
}

//! What keys depend on besides themselves: whose message it is, which way it goes, its counter. One place for both ways.

use zeroize::Zeroizing;

use crate::address::Address;
use crate::dll::{self, Flow};
use crate::error::ErrorKind;
use crate::security::{Purpose, derive_octets};
use crate::tpl::Fields;
use crate::{afl, ell, tpl};

/// The address of the metering point, as far as headers tell.
///
/// From a meter: that of a long transport header, else the sender's. To a meter: that of a long transport header, else
/// the receiver's of the ELL, else the sender's for want of a better one.
pub(super) fn metering_point(
    link: &dll::Header,
    ell: Option<&ell::Header>,
    tpl: Option<&tpl::Header>,
) -> Address {
    let to_meter = link.control.flow() == Flow::ToMeter;
    let receiver = ell.and_then(|ell| ell.receiver).filter(|_| to_meter);
    tpl.and_then(|tpl| tpl.address)
        .or(receiver)
        .unwrap_or(link.sender)
}

/// How a message's keys come from the configured one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keying {
    derivation: Derivation,
    meter: Address,
    to_meter: bool,
}

#[derive(Clone, Copy, Debug)]
enum Derivation {
    /// The configured key itself.
    Persistent,
    /// Derivation A with this message counter.
    A(u32),
}

/// The message counter: the transport layer's if it has one, else the authentication layer's.
pub(super) fn counter(fields: Option<&Fields>, afl: Option<&afl::Header>) -> Option<u32> {
    fields
        .and_then(|fields| fields.extension.counter)
        .or_else(|| afl.and_then(|afl| afl.message_counter))
}

impl Keying {
    /// Fails with `UnsupportedKdf` or `CounterMissing`.
    pub(super) fn new(
        control: dll::Control,
        meter: Address,
        fields: Option<&Fields>,
        afl: Option<&afl::Header>,
    ) -> Result<Self, ErrorKind> {
        let counter = counter(fields, afl);
        // Modes 7 and 10 say it in CFE. For a MAC around another mode KI says it; without KI (unverified) a counter is
        // there to derive with.
        let selection = fields
            .filter(|fields| fields.extension.configuration.is_some())
            .map(|fields| fields.extension.key_derivation())
            .or_else(|| afl.and_then(afl::Header::key_derivation))
            .unwrap_or(if counter.is_some() { 1 } else { 0 });
        let derivation = match selection {
            0 => Derivation::Persistent,
            1 => Derivation::A(counter.ok_or(ErrorKind::CounterMissing)?),
            selection => return Err(ErrorKind::UnsupportedKdf { selection }),
        };
        let to_meter = control.flow() == Flow::ToMeter;
        Ok(Self {
            derivation,
            meter,
            to_meter,
        })
    }

    /// The key that encrypts.
    pub(super) fn encryption(&self, configured: &[u8; 16]) -> Zeroizing<[u8; 16]> {
        self.key(configured, Purpose::MeterEncryption, Purpose::PartnerEncryption)
    }

    /// The key of the MAC.
    pub(super) fn mac(&self, configured: &[u8; 16]) -> Zeroizing<[u8; 16]> {
        self.key(configured, Purpose::MeterMac, Purpose::PartnerMac)
    }

    fn key(&self, configured: &[u8; 16], meter: Purpose, partner: Purpose) -> Zeroizing<[u8; 16]> {
        let purpose = if self.to_meter { partner } else { meter };
        match self.derivation {
            Derivation::Persistent => Zeroizing::new(*configured),
            Derivation::A(counter) => {
                derive_octets(configured, purpose, counter, self.meter.identification_number)
            }
        }
    }
}

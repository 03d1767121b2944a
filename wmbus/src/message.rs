//! A telegram that has been opened: its application data in clear.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::address::Address;
use crate::apl::Records;
use crate::tpl::Content;
use crate::{afl, dll, ell, tpl};

/// What a meter says, in clear, with all headers it came with.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// C-field and sender.
    pub link: dll::Header,
    /// The extended link layer, if there is one.
    pub extended_link: Option<ell::Header>,
    /// The authentication and fragmentation layer, if there is one.
    pub authentication: Option<afl::Header>,
    /// The transport layer, if there is one.
    pub transport: Option<tpl::Header>,
    /// The address of the metering point.
    pub meter: Address,
    /// What the application data are.
    pub content: Content,
    /// The application data, without check octets.
    pub payload: Cow<'a, [u8]>,
    /// Offset of the application data in the stripped telegram.
    pub payload_at: usize,
    /// Which of the keys given opened it.
    pub key: Option<usize>,
    /// True when a MAC or a tag has been checked.
    pub authenticated: bool,
    /// What is worth knowing although nothing failed.
    pub notes: Vec<Note>,
}

/// Worth knowing, but no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Note {
    /// Sealed according to its headers, but in clear: somebody decrypted it upstream.
    OpenedUpstream,
    /// A key is known for a meter that sends in clear.
    KeyNotNeeded,
    /// The mode asks for a MAC, and there is none.
    MacMissing,
    /// There is a MAC, and it could not be checked.
    MacNotChecked,
    /// More encrypted octets announced than there are; the whole blocks that are there were read.
    EncryptedLengthOverrun,
}

impl Note {
    /// A sentence for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::OpenedUpstream => "already decrypted before it came here",
            Self::KeyNotNeeded => "a key is known, but the meter sends in clear",
            Self::MacMissing => "its security mode asks for a MAC, and there is none",
            Self::MacNotChecked => "its MAC covers the encrypted form and could not be checked",
            Self::EncryptedLengthOverrun => "announces more encrypted octets than it has",
        }
    }
}

impl Message<'_> {
    /// The CI-field of the transport layer.
    pub fn ci(&self) -> Option<u8> {
        self.transport.map(|transport| transport.ci)
    }

    /// The security mode of the transport layer.
    pub fn mode(&self) -> u8 {
        self.transport.map_or(0, |transport| transport.mode())
    }

    /// Access number of the message: the transport layer's, else the extended link layer's.
    pub fn access_number(&self) -> Option<u8> {
        let transport = self.transport.and_then(|transport| transport.fields);
        transport
            .map(|fields| fields.access_number)
            .or_else(|| self.extended_link.map(|ell| ell.access_number))
    }

    /// The status octet of a telegram from a meter.
    pub fn status(&self) -> Option<u8> {
        if self.link.control.flow() == dll::Flow::ToMeter {
            return None;
        }
        self.transport
            .and_then(|transport| transport.fields)
            .map(|fields| fields.status)
    }

    /// The message counter that protects against replay, of TPL or AFL.
    pub fn message_counter(&self) -> Option<u32> {
        let transport = self.transport.and_then(|transport| transport.fields);
        transport
            .and_then(|fields| fields.extension.counter)
            .or_else(|| self.authentication.and_then(|afl| afl.message_counter))
    }

    /// The items of the application data, when they are records.
    pub fn records(&self) -> Records<'_> {
        Records::new(&self.payload, self.payload_at)
    }

    /// The same message with other application data: for makers who scramble theirs, or put an octet in between.
    pub fn with_payload(self, content: Content, payload: Vec<u8>, payload_at: usize) -> Message<'static> {
        let Self {
            link,
            extended_link,
            authentication,
            transport,
            meter,
            key,
            authenticated,
            notes,
            ..
        } = self;
        Message {
            link,
            extended_link,
            authentication,
            transport,
            meter,
            content,
            payload: payload.into(),
            payload_at,
            key,
            authenticated,
            notes,
        }
    }

    /// The same message without ties to the telegram it came from.
    pub fn into_owned(self) -> Message<'static> {
        let (content, at) = (self.content, self.payload_at);
        let payload = self.payload.clone().into_owned();
        self.with_payload(content, payload, at)
    }
}

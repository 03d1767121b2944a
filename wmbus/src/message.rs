//! A telegram that has been opened: its application data in clear.

use alloc::borrow::Cow;

use crate::address::Address;
use crate::apl::Records;
use crate::ci::Content;
use crate::frame::{Frame, Plan};
use crate::notes::Notes;
use crate::security::Key;
use crate::tpl::Access;
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
    /// How many octets at the end of the payload came in clear behind encrypted ones.
    pub clear_octets: usize,
    /// Which of the keys given opened it.
    pub key: Option<usize>,
    /// True when a MAC or a tag has been checked.
    pub authenticated: bool,
    /// What is worth knowing although nothing failed.
    pub notes: Notes,
}

impl<'a> Message<'a> {
    /// A message that a decoder read by itself: for makers who scramble their data, bend standard headers or put octets
    /// in between. It has the headers of `frame`; nothing about it is proven.
    ///
    /// `payload_at` is the offset in the telegram that the first octet of the payload stands for.
    pub fn from_parts(
        frame: &Frame<'_>,
        meter: Address,
        content: Content,
        payload: impl Into<Cow<'a, [u8]>>,
        payload_at: usize,
    ) -> Self {
        Self {
            link: frame.link(),
            extended_link: frame.extended_link().copied(),
            authentication: frame.authentication().copied(),
            transport: frame.transport().copied(),
            meter,
            content,
            payload: payload.into(),
            payload_at,
            clear_octets: 0,
            key: None,
            authenticated: false,
            notes: frame.notes(),
        }
    }

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

    /// When the meter listens: what the extended link layer says, else modes 0 and 5 of the transport layer.
    pub fn access(&self) -> Option<Access> {
        let transport = self.transport.and_then(|transport| transport.fields);
        self.extended_link.map(|ell| ell.control.access()).or_else(|| {
            let configuration = transport?.configuration;
            matches!(configuration.mode(), 0 | 5).then(|| configuration.access())
        })
    }

    /// The code of an application error: 0 unspecified, 8 busy, 9 too many readouts…
    pub fn application_error(&self) -> Option<u8> {
        let first = self.payload.first().copied();
        first.filter(|_| self.content == Content::ApplicationError)
    }

    /// The octets that came in clear behind encrypted ones: records, or what a receiver left behind.
    pub fn clear_tail(&self) -> &[u8] {
        let at = self.payload.len().saturating_sub(self.clear_octets);
        self.payload.get(at..).unwrap_or_default()
    }

    /// The message as a plan to send it again, sealed with `key` as its headers say.
    ///
    /// Application data are as they were received: idle fillers at the end of encrypted ones stay.
    pub fn plan(&self, key: Option<Key>) -> Plan {
        let at = self.payload.len().saturating_sub(self.clear_octets);
        let (sealed, clear) = self.payload.split_at_checked(at).unwrap_or((&self.payload, &[]));
        Plan {
            link: self.link,
            extended_link: self.extended_link,
            authentication: self.authentication,
            transport: self.transport,
            payload: sealed.to_vec(),
            clear: clear.to_vec(),
            key,
            link_key: None,
        }
    }

    /// The items of the application data, when they are records.
    pub fn records(&self) -> Records<'_> {
        Records::new(&self.payload, self.payload_at)
    }

    /// The same message with other application data: for makers who scramble theirs, or put an octet in between.
    pub fn with_payload<'b>(
        self,
        content: Content,
        payload: impl Into<Cow<'b, [u8]>>,
        payload_at: usize,
    ) -> Message<'b> {
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
            clear_octets: 0,
            key,
            authenticated,
            notes,
        }
    }

    /// The same message without ties to the telegram it came from.
    pub fn into_owned(self) -> Message<'static> {
        let clear_octets = self.clear_octets;
        let (content, at) = (self.content, self.payload_at);
        let payload = self.payload.clone().into_owned();
        Message {
            clear_octets,
            ..self.with_payload(content, payload, at)
        }
    }
}

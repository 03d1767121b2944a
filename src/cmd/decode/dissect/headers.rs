//! The layers below the application, octet by octet.

use wmbus::ell::Delay;
use wmbus::tpl::Access;
use wmbus::{Address, Frame, FrameFormat, afl, dll, ell, tpl};

use super::page::{Ink, Page, hex};

/// How the telegram came, and the link layer.
pub(super) fn link(page: &mut Page, frame: &Frame<'_>) {
    let format = match frame.format() {
        FrameFormat::A => "frame format A",
        FrameFormat::B => "frame format B",
        FrameFormat::Stripped => "without link CRCs",
    };
    page.plain("telegram", &format!("{} octets, {format}", frame.octets().len()));
    if !frame.metadata().is_empty() {
        page.line("receiver's", &hex(frame.metadata()), Ink::Dim);
    }
    let dll::Header { control, sender } = frame.link();
    let octets = |from: usize, to: usize| hex(frame.octets().get(from..to).unwrap_or_default());
    let cut = [(0, 1), (1, 2), (2, 4), (4, 8), (8, 9), (9, 10)].map(|(from, to)| octets(from, to));
    page.explained(
        "link",
        &cut.join(" "),
        &format!("{}, {}", control.name(), meter(sender)),
    );
}

/// The layers between link and application, as far as they can be seen.
pub(super) fn upper(page: &mut Page, frame: &Frame<'_>) {
    let mut walk = Walk {
        octets: frame.octets(),
        at: LINK,
    };
    if let Some(header) = frame.extended_link() {
        let receiver = if header.receiver.is_some() { 8 } else { 0 };
        let session = if header.session.is_some() { 4 } else { 0 };
        let own = walk.take(3 + receiver + session);
        page.explained("ext. link", &own, &extended_link(header));
        // The CRC behind the session number is sealed with what follows it.
        if session > 0 && frame.body_at() >= walk.at + 2 {
            page.explained("", &walk.take(2), "CRC of what follows");
        }
    }
    if let Some(header) = frame.authentication() {
        let length = frame.octets().get(walk.at + 1).copied().map_or(0, usize::from);
        let own = walk.take(2 + length);
        page.explained("authentic.", &own, &authentication(header));
    }
    if let Some(header) = frame.transport() {
        let own = walk.take(frame.body_at().saturating_sub(walk.at));
        page.explained("transport", &own, &transport(header, frame.is_from_meter()));
    }
    if let Some(fault) = frame.fault() {
        page.note(&fault.to_string());
    }
}

/// A place in a telegram whose headers have been read: lengths are known, octets are there.
struct Walk<'a> {
    octets: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn take(&mut self, length: usize) -> String {
        let octets = self.octets.get(self.at..self.at + length).unwrap_or_default();
        self.at += length;
        hex(octets)
    }
}

/// `KAM 12345678 1B 16, cold water meter`.
pub(super) fn meter(address: Address) -> String {
    format!("{address}, {}", address.device_type.name().replace('_', " "))
}

fn extended_link(header: &ell::Header) -> String {
    let control = header.control;
    let mut text = format!(
        "access number {}, {}",
        header.access_number,
        access(control.access())
    );
    for (set, words) in [
        (control.synchronous(), ", at a predictable instant"),
        (control.repeated(), ", repeated"),
        (control.priority(), ", with priority"),
        (control.delay() == Delay::Fast, ", fast response"),
        (control.delay() == Delay::Extended, ", extended delay"),
    ] {
        if set {
            text.push_str(words);
        }
    }
    if let Some(receiver) = header.receiver {
        text.push_str(&format!(", for {}", meter(receiver)));
    }
    if let Some(session) = header.session {
        let sealed = match session.encryption() {
            0 => "in clear",
            1 => "AES-CTR",
            _ => "sealed in an unknown way",
        };
        let (minutes, number) = (session.minutes(), session.session());
        text.push_str(&format!(", {sealed}, minute {minutes}, session {number}"));
    }
    text
}

fn authentication(header: &afl::Header) -> String {
    let mut parts = Vec::new();
    if header.is_fragment() {
        let more = if header.more_fragments {
            "more follow"
        } else {
            "the last"
        };
        parts.push(format!("fragment {}, {more}", header.fragment));
    }
    if let Some(counter) = header.message_counter {
        parts.push(format!("message counter {counter}"));
    }
    if let Some(mac) = &header.mac {
        parts.push(format!("MAC of {} octets", mac.octets().len()));
    }
    if let Some(key) = header.key_information {
        parts.push(format!("key {:02X}, version {:02X}", key & 0xFF, key >> 8));
    }
    if let Some(length) = header.message_length {
        parts.push(format!("message of {length} octets"));
    }
    parts.join(", ")
}

fn transport(header: &tpl::Header, from_meter: bool) -> String {
    let mut parts = Vec::new();
    if let Some(address) = header.address {
        parts.push(meter(address));
    }
    let Some(fields) = header.fields else {
        parts.push("no header".into());
        return parts.join(", ");
    };
    parts.push(format!("access number {}", fields.access_number));
    if from_meter {
        parts.push(format!("status {:02X}{}", fields.status, status(fields.status)));
    }
    let configuration = fields.configuration;
    parts.push(match configuration.mode() {
        0 => "in clear".into(),
        mode @ (5 | 7) => {
            let blocks = configuration.blocks();
            format!("mode {mode}, {blocks} blocks")
        }
        mode => format!("mode {mode}"),
    });
    if matches!(configuration.mode(), 0 | 5) {
        if configuration.synchronous() {
            parts.push("at a predictable instant".into());
        }
        if configuration.repeated() {
            parts.push("repeated".into());
        }
    }
    if let Some(counter) = fields.extension.counter {
        parts.push(format!("message counter {counter}"));
    }
    if let Some(version) = fields.extension.key_version {
        parts.push(format!("key version {version}"));
    }
    parts.join(", ")
}

/// The bits that mean the same for every maker.
fn status(octet: u8) -> String {
    let mut words = Vec::new();
    match octet & 3 {
        1 => words.push("busy"),
        2 => words.push("application error"),
        3 => words.push("alarm"),
        _ => {}
    }
    for (bit, word) in [
        (0x04, "power low"),
        (0x08, "permanent error"),
        (0x10, "temporary error"),
        (0xE0, "maker's bits"),
    ] {
        if octet & bit != 0 {
            words.push(word);
        }
    }
    if words.is_empty() {
        return String::new();
    }
    format!(" ({})", words.join(", "))
}

const fn access(access: Access) -> &'static str {
    match access {
        Access::SendOnly => "sends only",
        Access::Later => "can be reached at other times",
        Access::AfterSending => "listens after sending",
        Access::Always => "listens always",
    }
}

/// Octets of the link header.
const LINK: usize = 10;

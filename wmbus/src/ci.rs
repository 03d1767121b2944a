//! CI, control information: the octet that begins each layer above the link layer, all its values in one table
//! (EN 13757-7, CI-field; OMS Vol. 2).

/// What a CI-field announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Announces {
    /// An extended link layer of one of the four fixed shapes.
    ExtendedLink,
    /// The extended link layer of variable shape, which is not read here.
    VariableExtendedLink,
    /// A network layer, which is not read here.
    Network,
    /// The authentication and fragmentation layer.
    Authentication,
    /// The transport layer, with what it carries.
    Transport(HeaderSize, Content),
    /// Nothing: the value is reserved.
    Reserved,
}

/// How long the transport header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderSize {
    /// No header: application data follow the CI-field.
    None,
    /// Access number, status and configuration field.
    Short,
    /// The meter's address and the fields of a short header.
    Long,
}

/// What follows the transport header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Data records.
    Records,
    /// Values of a layout known from elsewhere.
    Compact,
    /// A layout without values.
    Format,
    /// The sixteen octets of two counters that the oldest wired meters send (never on the air).
    FixedStructure,
    /// What the maker likes.
    Manufacturer,
    /// One octet saying what went wrong.
    ApplicationError,
    /// One octet of alarm.
    Alarm,
    /// Nothing: the telegram ends after the header.
    Nothing,
    /// A command, a selection, network management: not for a reader of meters.
    Management,
    /// A session of TLS (security mode 13), which a listener can't read.
    Tls,
    /// Known, and not read here: DLMS, OBIS.
    Unsupported,
}

/// What a value of the CI-field announces.
pub const fn announces(ci: u8) -> Announces {
    use Announces::{Authentication, ExtendedLink, Network, Reserved, Transport, VariableExtendedLink};
    use Content::{
        Alarm, ApplicationError, Compact, Format, Management, Manufacturer, Nothing, Records, Tls,
        Unsupported,
    };
    use HeaderSize::{Long, None, Short};
    match ci {
        0x00..=0x1F => Transport(None, Unsupported),
        0x50 | 0x52 | 0x54 | 0x5C => Transport(None, Management),
        0x51 => Transport(None, Records),
        0x53 | 0x55 => Transport(Long, Management),
        0x5A => Transport(Short, Records),
        0x5B => Transport(Long, Records),
        0x5F => Transport(Long, Tls),
        0x60 | 0x64 => Transport(Long, Unsupported),
        0x61 | 0x65 => Transport(Short, Unsupported),
        0x66 => Transport(None, Management),
        0x67 => Transport(Short, Management),
        0x68 => Transport(Long, Management),
        0x69 => Transport(None, Format),
        0x6A => Transport(Short, Format),
        0x6B => Transport(Long, Format),
        0x6C | 0x6D => Transport(Long, Management),
        0x6E => Transport(Short, ApplicationError),
        0x6F => Transport(Long, ApplicationError),
        0x70 => Transport(None, ApplicationError),
        0x71 => Transport(None, Alarm),
        0x72 => Transport(Long, Records),
        0x73 => Transport(Long, Compact),
        0x74 => Transport(Short, Alarm),
        0x75 => Transport(Long, Alarm),
        0x78 => Transport(None, Records),
        0x79 => Transport(None, Compact),
        0x7A => Transport(Short, Records),
        0x7B => Transport(Short, Compact),
        0x7C | 0x7E => Transport(Long, Unsupported),
        0x7D | 0x7F => Transport(Short, Unsupported),
        0x80 => Transport(Long, Nothing),
        0x81 => Network,
        // Descriptions of 82 disagree about its header; nobody needs what it holds.
        0x82 | 0x83 => Transport(None, Management),
        0x84 | 0x85 => Transport(Long, Nothing),
        0x86 => VariableExtendedLink,
        0x87 => Transport(Long, Management),
        0x88 => Transport(Short, Management),
        0x89 => Transport(None, Management),
        0x8A => Transport(Short, Nothing),
        0x8B => Transport(Long, Nothing),
        0x8C..=0x8F => ExtendedLink,
        0x90 => Authentication,
        0x9E => Transport(Short, Tls),
        0x9F => Transport(Long, Tls),
        0xA0..=0xB7 => Transport(None, Manufacturer),
        0xB8..=0xBF => Transport(None, Management),
        0xC0 | 0xC2 | 0xC3 | 0xC5 => Transport(Long, Management),
        0xC1 | 0xC4 => Transport(Short, Management),
        0x20..=0x4F | 0x56..=0x59 | 0x5D | 0x5E | 0x62 | 0x63 | 0x76 | 0x77 => Reserved,
        0x91..=0x9D | 0xC6..=0xFF => Reserved,
    }
}

/// What follows the transport header of this CI-field; `None` when it announces no transport layer.
pub const fn content(ci: u8) -> Option<Content> {
    match announces(ci) {
        Announces::Transport(_, content) => Some(content),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_content_that_a_meter_sends_comes_with_each_header() {
        for content in [
            Content::Records,
            Content::Compact,
            Content::Format,
            Content::Alarm,
        ] {
            for size in [HeaderSize::None, HeaderSize::Short, HeaderSize::Long] {
                let known = (0..=u8::MAX).any(|ci| announces(ci) == Announces::Transport(size, content));
                assert!(known, "{content:?} behind {size:?}");
            }
        }
    }

    #[test]
    fn layers_are_told_apart() {
        assert_eq!(announces(0x8D), Announces::ExtendedLink);
        assert_eq!(announces(0x90), Announces::Authentication);
        assert_eq!(announces(0x20), Announces::Reserved);
        assert_eq!(content(0x7A), Some(Content::Records));
        assert_eq!(content(0x8C), None);
        assert_eq!(content(0xC6), None);
    }
}

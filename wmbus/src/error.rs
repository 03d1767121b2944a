//! What was wrong, in which layer, at which octet.

use core::fmt;

/// A layer of the wireless M-Bus stack, in the order of a telegram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Chips and line code.
    Physical,
    /// Data link layer: frame formats, CRCs, L-, C-, M- and A-field.
    Link,
    /// Extended link layer.
    ExtendedLink,
    /// Network layer.
    Network,
    /// Authentication and fragmentation layer.
    Authentication,
    /// Transport layer and its security.
    Transport,
    /// Application layer: data records, compact frames.
    Application,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Physical => "phy",
            Self::Link => "dll",
            Self::ExtendedLink => "ell",
            Self::Network => "nwl",
            Self::Authentication => "afl",
            Self::Transport => "tpl",
            Self::Application => "apl",
        })
    }
}

/// Why a telegram, or the rest of it, could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The layer that gave up.
    pub layer: Layer,
    /// Offset of the octet it gave up at, counted from the L-field of the stripped telegram.
    pub at: usize,
    /// What was wrong.
    pub kind: ErrorKind,
}

/// What was wrong. Each has a stable [code](ErrorKind::code) that CLI, API and metrics share.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No synchronisation word in the chips.
    UnknownSync,
    /// Six chips that are no symbol of the 3-of-6 code.
    ThreeOfSix {
        /// Index of the symbol.
        symbol: usize,
    },
    /// Two equal chips where Manchester code wants two different ones.
    Manchester {
        /// Index of the data bit.
        bit: usize,
    },
    /// Fewer octets than any telegram has.
    TooShort {
        /// Octets present.
        have: usize,
        /// Octets needed.
        need: usize,
    },
    /// An L-field that the frame format does not allow.
    InvalidLength {
        /// The L-field.
        length: u8,
    },
    /// More or fewer octets than the L-field says.
    LengthMismatch {
        /// Octets that the L-field asks for.
        expected: usize,
        /// Octets present.
        have: usize,
    },
    /// The CRC of a block is wrong: damaged on the air.
    BlockCrc {
        /// Index of the block, from 0.
        block: usize,
        /// The CRC received.
        got: u16,
        /// The CRC of the octets received.
        want: u16,
    },
    /// A frame of another system.
    NotWireless {
        /// Which system.
        system: ForeignSystem,
    },
    /// A reserved CI-field.
    UnknownCi {
        /// The CI-field.
        ci: u8,
    },
    /// A known CI-field whose content is not read here (DLMS, OBIS, TLS …).
    UnsupportedCi {
        /// The CI-field.
        ci: u8,
    },
    /// A layer that is not read here (network layer, ELL V).
    UnsupportedLayer {
        /// Its CI-field.
        ci: u8,
    },
    /// A layer repeated or out of order.
    LayerOrder {
        /// Its CI-field.
        ci: u8,
    },
    /// The telegram ends inside a header, a field or a record.
    Truncated {
        /// Octets needed.
        need: usize,
        /// Octets present.
        have: usize,
    },
    /// Reserved encryption bits in the session number.
    EllReservedSecurity {
        /// The three bits.
        value: u8,
    },
    /// Sealed, and no key was given.
    KeyMissing {
        /// Security mode of the transport layer; `None` when the extended link layer is sealed.
        mode: Option<u8>,
    },
    /// The check value is wrong after decryption with every key given.
    WrongKey,
    /// The CRC over a payload that is not encrypted is wrong.
    PayloadCrc {
        /// The CRC received.
        got: u16,
        /// The CRC of the octets received.
        want: u16,
    },
    /// Sizes or flags of the authentication and fragmentation layer contradict each other.
    AflInconsistent {
        /// What contradicts what.
        reason: &'static str,
    },
    /// A fragment of a longer message: not an error of the telegram, but nothing to read yet.
    FragmentPending {
        /// Its fragment number.
        fragment: u8,
    },
    /// A fragment is missing in between.
    FragmentGap {
        /// The fragment number expected.
        expected: u8,
        /// The fragment number received.
        got: u8,
    },
    /// The rest of a fragmented message did not come in time.
    FragmentTimeout,
    /// The MAC or the authentication tag is wrong.
    MacMismatch,
    /// A key must be derived, and there is no message counter to derive it with.
    CounterMissing,
    /// A key derivation that is reserved.
    UnsupportedKdf {
        /// Its number.
        selection: u8,
    },
    /// A security mode that is not read here.
    UnsupportedSecurityMode {
        /// Its number.
        mode: u8,
    },
    /// More encrypted octets announced than there are.
    EncryptedLengthOverrun {
        /// Octets announced.
        need: usize,
        /// Octets present.
        have: usize,
    },
    /// A compact frame whose layout has not been heard yet.
    UnknownCompactFormat {
        /// Its format signature.
        signature: u16,
    },
    /// A format frame whose signature is not that of its headers.
    FormatSignatureMismatch {
        /// The signature received.
        got: u16,
        /// The signature of the headers received.
        want: u16,
    },
    /// A compact frame that does not give the full frame it was made from.
    FullFrameCrc {
        /// The CRC received.
        got: u16,
        /// The CRC of the full frame rebuilt.
        want: u16,
    },
    /// A value that the encoder cannot put into the field asked for.
    Unencodable {
        /// Which value does not fit where.
        reason: &'static str,
    },
}

/// Whose frame it is when it is not wireless M-Bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignSystem {
    /// A long frame of the wired M-Bus (`68 L L 68`).
    WiredMBus,
    /// KNX over radio, which shares mode S and frame format A.
    KnxRf,
}

impl ErrorKind {
    /// The stable code, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownSync => "unknown_sync",
            Self::ThreeOfSix { .. } => "three_of_six",
            Self::Manchester { .. } => "manchester",
            Self::TooShort { .. } => "too_short",
            Self::InvalidLength { .. } => "invalid_length",
            Self::LengthMismatch { .. } => "length_mismatch",
            Self::BlockCrc { .. } => "block_crc",
            Self::NotWireless { .. } => "not_wireless",
            Self::UnknownCi { .. } => "unknown_ci",
            Self::UnsupportedCi { .. } => "unsupported_ci",
            Self::UnsupportedLayer { .. } => "unsupported_layer",
            Self::LayerOrder { .. } => "layer_order",
            Self::Truncated { .. } => "truncated",
            Self::EllReservedSecurity { .. } => "ell_reserved_security",
            Self::KeyMissing { .. } => "key_missing",
            Self::WrongKey => "wrong_key",
            Self::PayloadCrc { .. } => "payload_crc",
            Self::AflInconsistent { .. } => "afl_inconsistent",
            Self::FragmentPending { .. } => "fragment_pending",
            Self::FragmentGap { .. } => "fragment_gap",
            Self::FragmentTimeout => "fragment_timeout",
            Self::MacMismatch => "mac_mismatch",
            Self::CounterMissing => "counter_missing",
            Self::UnsupportedKdf { .. } => "unsupported_kdf",
            Self::UnsupportedSecurityMode { .. } => "unsupported_security_mode",
            Self::EncryptedLengthOverrun { .. } => "encrypted_length_overrun",
            Self::UnknownCompactFormat { .. } => "unknown_compact_format",
            Self::FormatSignatureMismatch { .. } => "format_signature_mismatch",
            Self::FullFrameCrc { .. } => "full_frame_crc",
            Self::Unencodable { .. } => "unencodable",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSync => write!(f, "no synchronisation word found"),
            Self::ThreeOfSix { symbol } => write!(f, "symbol {symbol} is not 3-of-6 code"),
            Self::Manchester { bit } => write!(f, "bit {bit} is not Manchester code"),
            Self::TooShort { have, need } => {
                write!(f, "{have} octets, and a telegram has at least {need}")
            }
            Self::InvalidLength { length } => write!(f, "L-field {length:02X} is impossible"),
            Self::LengthMismatch { expected, have } => {
                write!(f, "the L-field asks for {expected} octets, and there are {have}")
            }
            Self::BlockCrc { block, got, want } => {
                write!(
                    f,
                    "CRC of block {block} is {got:04X} where its octets give {want:04X}: damaged on the air"
                )
            }
            Self::NotWireless {
                system: ForeignSystem::WiredMBus,
            } => {
                write!(f, "a frame of the wired M-Bus, not a radio telegram")
            }
            Self::NotWireless {
                system: ForeignSystem::KnxRf,
            } => write!(f, "a KNX-RF frame, not a meter's"),
            Self::UnknownCi { ci } => write!(f, "CI {ci:02X} is reserved"),
            Self::UnsupportedCi { ci } => write!(f, "what CI {ci:02X} announces is not read here"),
            Self::UnsupportedLayer { ci } => write!(f, "the layer of CI {ci:02X} is not read here"),
            Self::LayerOrder { ci } => write!(f, "the layer of CI {ci:02X} is repeated or out of order"),
            Self::Truncated { need, have } => write!(f, "{need} octets needed, {have} left"),
            Self::EllReservedSecurity { value } => {
                write!(f, "encryption {value} of the session number is reserved")
            }
            Self::KeyMissing { mode: Some(mode) } => write!(f, "security mode {mode}, but no key"),
            Self::KeyMissing { mode: None } => write!(f, "encrypted by AES-CTR, but no key"),
            Self::WrongKey => write!(
                f,
                "decryption gives no valid check value: wrong key, or damaged where nobody checked the CRC"
            ),
            Self::PayloadCrc { got, want } => {
                write!(
                    f,
                    "payload CRC is {got:04X} where the octets give {want:04X}: damaged"
                )
            }
            Self::AflInconsistent { reason } => f.write_str(reason),
            Self::FragmentPending { fragment } => write!(f, "fragment {fragment} of a longer message"),
            Self::FragmentGap { expected, got } => {
                write!(f, "fragment {got} came where {expected} was due")
            }
            Self::FragmentTimeout => write!(f, "the rest of a fragmented message did not come"),
            Self::MacMismatch => write!(f, "the MAC is wrong: forged, damaged, or the wrong key"),
            Self::CounterMissing => write!(f, "a key must be derived, but there is no message counter"),
            Self::UnsupportedKdf { selection } => write!(f, "key derivation {selection} is reserved"),
            Self::UnsupportedSecurityMode { mode } => write!(f, "security mode {mode} is not read here"),
            Self::EncryptedLengthOverrun { need, have } => {
                write!(f, "{need} encrypted octets announced, {have} left")
            }
            Self::UnknownCompactFormat { signature } => {
                write!(
                    f,
                    "compact frame with layout {signature:04X}, which no full frame has shown yet"
                )
            }
            Self::FormatSignatureMismatch { got, want } => {
                write!(
                    f,
                    "format signature is {got:04X} where the headers give {want:04X}"
                )
            }
            Self::FullFrameCrc { got, want } => {
                write!(
                    f,
                    "full-frame CRC is {got:04X} where the frame rebuilt gives {want:04X}"
                )
            }
            Self::Unencodable { reason } => f.write_str(reason),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {}: {}", self.layer, self.at, self.kind)
    }
}

impl core::error::Error for Error {}

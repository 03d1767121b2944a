//! CF, configuration field: the security mode, and what each mode adds (EN 13757-7; OMS Vol. 2).

use alloc::vec::Vec;

use crate::cursor::Cursor;
use crate::error::Error;

/// CF, configuration field. Bits 12–8 are the security mode; the others depend on it.
///
/// ```text
/// mode 0    B A S mmmmm  0000 cc R H        B, A: when the meter can be reached; S: sent at a predictable instant
/// mode 5    B A S mmmmm  NNNN cc R H        N: encrypted blocks of 16; R, H: repeated; c: content of the message
/// mode 7    c c Z mmmmm  NNNN P iii         Z: a message counter follows; i: content index; P: padding
/// mode 10   c c Z mmmmm  nnnnnnnn           n: encrypted octets, FF for all
/// mode 2, 3 ? ? ? mmmmm  nnnnnnnn           n: encrypted octets
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Configuration(pub u16);

/// Fields between CF and the application data, in modes 7 and 10.
///
/// ```text
/// mode 7    CFE        [counter ×4]  [key version]        CFE: 0 V kk iiii: V key version follows, k key derivation,
/// mode 10   CFE CFE    [key version] [counter ×4]              i key id; second octet: size of the tag
/// ```
///
/// No telegram with both counter and key version is known: their order is a best guess.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extension {
    /// CFE: one octet in mode 7, two in mode 10.
    pub configuration: Option<u16>,
    /// Message counter of the transport layer.
    pub counter: Option<u32>,
    /// Key version.
    pub key_version: Option<u8>,
}

impl Configuration {
    /// The security mode, 0 to 31. 16 and above are reserved; Diehl uses them.
    pub const fn mode(self) -> u8 {
        (self.0 >> 8 & 0x1F) as u8
    }

    /// Encrypted blocks of 16 octets, in modes 5 and 7.
    pub const fn blocks(self) -> usize {
        (self.0 >> 4 & 0x0F) as usize
    }

    /// Encrypted octets, in modes 2, 3 and 10 (there FF means all).
    pub const fn octets(self) -> u8 {
        (self.0 & 0xFF) as u8
    }

    /// Z: a message counter stands in the extension, in modes 7 and 10.
    pub const fn has_counter(self) -> bool {
        self.0 & COUNTER_FOLLOWS != 0
    }

    /// B and A, when the meter can be reached, in modes 0 and 5. With an extended link layer its word counts.
    pub const fn access(self) -> Access {
        Access::from_bits(self.0 & 0x8000 != 0, self.0 & 0x4000 != 0)
    }

    /// S: sent at a predictable instant, in modes 0 and 5.
    pub const fn synchronous(self) -> bool {
        self.0 & 0x2000 != 0
    }

    /// H: this copy has been repeated, in modes 0 and 5.
    pub const fn repeated(self) -> bool {
        self.0 & 0x0001 != 0
    }

    /// Content of the message: 0 standard data, 2 static data, others reserved.
    pub const fn message_content(self) -> u8 {
        match self.mode() {
            7 | 10 => (self.0 >> 14) as u8,
            _ => (self.0 >> 2 & 3) as u8,
        }
    }

    /// Content index of mode 7: tells a meter's kinds of telegram apart without decrypting them.
    pub const fn content_index(self) -> u8 {
        (self.0 & 7) as u8
    }

    /// The same with this many encrypted blocks (at most 15).
    pub const fn with_blocks(self, blocks: u8) -> Self {
        Self(self.0 & 0xFF0F | (blocks as u16 & 0x0F) << 4)
    }

    /// The same with this many encrypted octets.
    pub const fn with_octets(self, octets: u8) -> Self {
        Self(self.0 & 0xFF00 | octets as u16)
    }
}

/// When a meter listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Never: it only sends.
    SendOnly,
    /// At other times, but not after this telegram.
    Later,
    /// Shortly after this telegram.
    AfterSending,
    /// Always, at least until its next telegram.
    Always,
}

impl Access {
    /// From bits B and A.
    pub const fn from_bits(bidirectional: bool, accessible: bool) -> Self {
        match (bidirectional, accessible) {
            (false, false) => Self::SendOnly,
            (false, true) => Self::Later,
            (true, false) => Self::AfterSending,
            (true, true) => Self::Always,
        }
    }
}

impl Extension {
    pub(super) fn parse(configuration: Configuration, cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let field = match configuration.mode() {
            7 => u16::from(cursor.u8()?),
            10 => cursor.u16_le()?,
            _ => return Ok(Self::default()),
        };
        let mut extension = Self {
            configuration: Some(field),
            ..Self::default()
        };
        let counter =
            |cursor: &mut Cursor<'_>| configuration.has_counter().then(|| cursor.u32_le()).transpose();
        // With both present their order is unverified; each mode follows the one description there is.
        if configuration.mode() == 7 {
            extension.counter = counter(cursor)?;
        }
        if field & KEY_VERSION_FOLLOWS != 0 {
            extension.key_version = Some(cursor.u8()?);
        }
        if configuration.mode() == 10 {
            extension.counter = counter(cursor)?;
        }
        Ok(extension)
    }

    pub(super) fn encode(&self, configuration: Configuration, octets: &mut Vec<u8>) {
        let [low, high] = self.configuration.unwrap_or(0).to_le_bytes();
        let counter = || self.counter.map(u32::to_le_bytes).into_iter().flatten();
        match configuration.mode() {
            7 => {
                octets.push(low);
                octets.extend(counter());
                octets.extend(self.key_version);
            }
            10 => {
                octets.extend([low, high]);
                octets.extend(self.key_version);
                octets.extend(counter());
            }
            _ => {}
        }
    }

    /// Configuration field and extension with the flags that announce what the extension holds.
    pub(super) fn with_flags(mut self, mut configuration: Configuration) -> (Configuration, Self) {
        if matches!(configuration.mode(), 7 | 10) {
            let flag = |present: bool, mask: u16| if present { mask } else { 0 };
            let counter = flag(self.counter.is_some(), COUNTER_FOLLOWS);
            configuration.0 = configuration.0 & !COUNTER_FOLLOWS | counter;
            let key_version = flag(self.key_version.is_some(), KEY_VERSION_FOLLOWS);
            let field = self.configuration.unwrap_or(0);
            self.configuration = Some(field & !KEY_VERSION_FOLLOWS | key_version);
        }
        (configuration, self)
    }

    /// Key derivation: 0 the persistent key itself, 1 derivation A, 2 and 3 reserved.
    pub fn key_derivation(&self) -> u8 {
        (self.configuration.unwrap_or(0) >> 4 & 3) as u8
    }

    /// Octets of the authentication tag of mode 10.
    pub fn tag_size(&self) -> usize {
        4 + 4 * usize::from(self.configuration.unwrap_or(0) >> 8 & 3)
    }
}

const COUNTER_FOLLOWS: u16 = 0x2000;
const KEY_VERSION_FOLLOWS: u16 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diehl_modes_are_not_taken_for_mode_five() {
        assert_eq!(Configuration(0x7545).mode(), 21);
        assert_eq!(Configuration(0x2590).blocks(), 9);
        assert_eq!(Configuration(0x2500).with_blocks(9), Configuration(0x2590));
    }

    #[test]
    fn other_bits_of_the_configuration_field() {
        let mode_5 = Configuration(0x8529);
        assert_eq!(mode_5.access(), Access::AfterSending);
        assert_eq!((mode_5.message_content(), mode_5.repeated()), (2, true));
        assert!(Configuration(0x2000).synchronous());
        let mode_7 = Configuration(0x8725);
        assert_eq!((mode_7.message_content(), mode_7.content_index()), (2, 5));
        assert_eq!(Configuration(0x0A00).with_octets(0xFF), Configuration(0x0AFF));
    }
}

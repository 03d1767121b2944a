//! What is worth knowing about a telegram although nothing failed.

use core::fmt;

/// Worth knowing, but no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Note {
    /// Octets followed the telegram that are no part of it: RSSI, quality, another telegram.
    MetadataRemoved,
    /// L still counted link CRCs that somebody had removed.
    LengthCorrected,
    /// A C-field that the standard does not know.
    UnknownControl,
    /// The sender's address is unique in the local installation only (bit 15 of the M-field).
    LocalAddress,
    /// Sealed according to its headers, but in clear: somebody decrypted it upstream, or wants to make believe so.
    OpenedUpstream,
    /// None of the meter's own keys opened it, but one that its maker ships to everybody.
    MakersKey,
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
    const ALL: [Self; 10] = [
        Self::MetadataRemoved,
        Self::LengthCorrected,
        Self::UnknownControl,
        Self::LocalAddress,
        Self::OpenedUpstream,
        Self::MakersKey,
        Self::KeyNotNeeded,
        Self::MacMissing,
        Self::MacNotChecked,
        Self::EncryptedLengthOverrun,
    ];

    /// The stable code, for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::MetadataRemoved => "metadata_removed",
            Self::LengthCorrected => "length_corrected",
            Self::UnknownControl => "unknown_control",
            Self::LocalAddress => "local_address",
            Self::OpenedUpstream => "opened_upstream",
            Self::MakersKey => "makers_key",
            Self::KeyNotNeeded => "key_not_needed",
            Self::MacMissing => "mac_missing",
            Self::MacNotChecked => "mac_not_checked",
            Self::EncryptedLengthOverrun => "encrypted_length_overrun",
        }
    }

    /// A sentence for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::MetadataRemoved => "octets behind the telegram were left out",
            Self::LengthCorrected => "its L-field still counted CRCs that had been removed",
            Self::UnknownControl => "its C-field is none of the standard",
            Self::LocalAddress => "its address is unique in the local installation only",
            Self::OpenedUpstream => "already decrypted before it came here",
            Self::MakersKey => "opened with a key that its maker ships to everybody",
            Self::KeyNotNeeded => "a key is known, but the meter sends in clear",
            Self::MacMissing => "its security mode asks for a MAC, and there is none",
            Self::MacNotChecked => "its MAC could not be checked",
            Self::EncryptedLengthOverrun => "announces more encrypted octets than it has",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A set of notes; a telegram without any costs nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Notes(u16);

impl Notes {
    /// No notes.
    pub const NONE: Self = Self(0);

    /// Adds a note.
    pub const fn insert(&mut self, note: Note) {
        self.0 |= note.bit();
    }

    /// True when the note was made.
    pub const fn contains(self, note: Note) -> bool {
        self.0 & note.bit() != 0
    }

    /// True when there is nothing to say.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The notes of both.
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// The notes, in the order of the layers.
    pub fn iter(self) -> impl Iterator<Item = Note> {
        // Most telegrams have none, and then there is nothing to look through.
        let all: &[Note] = if self.is_empty() { &[] } else { &Note::ALL };
        all.iter().copied().filter(move |note| self.contains(*note))
    }
}

impl<const N: usize> From<[Note; N]> for Notes {
    fn from(notes: [Note; N]) -> Self {
        let mut set = Self::NONE;
        for note in notes {
            set.insert(note);
        }
        set
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_set_keeps_what_was_put_in() {
        let mut notes = Notes::NONE;
        assert!(notes.is_empty());
        notes.insert(Note::MacMissing);
        notes.insert(Note::MetadataRemoved);
        notes.insert(Note::MacMissing);
        assert_eq!(
            notes.iter().collect::<Vec<_>>(),
            [Note::MetadataRemoved, Note::MacMissing]
        );
        assert!(!notes.contains(Note::OpenedUpstream));
        assert_eq!(notes, Notes::from([Note::MacMissing, Note::MetadataRemoved]));
    }

    #[test]
    fn every_note_has_its_own_bit_and_code() {
        let all: Notes = Note::ALL.into();
        assert_eq!(all.iter().count(), Note::ALL.len());
        let mut codes: Vec<_> = Note::ALL.iter().map(|note| note.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Note::ALL.len());
    }
}

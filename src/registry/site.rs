//! Site: a building or a group of buildings, found by its code or its address.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;

use super::SiteId;

/// A building or a group of buildings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its short name in this registry.
    pub id: SiteId,
    /// What residents are given to find it by.
    pub code: SiteCode,
    /// What people call it; may be empty.
    pub name: String,
    /// Postal address; may be empty.
    pub address: String,
    /// IANA name; days and months of its dwellings begin in this zone.
    pub time_zone: String,
}

impl Site {
    /// The zone of sites that do not say theirs.
    pub const DEFAULT_TIME_ZONE: &'static str = "Europe/Paris";

    /// The zone; UTC when its name is not known to this release (the import refuses such names).
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }
}

/// Two letters and three digits: `AB123`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteCode([u8; 5]);

impl SiteCode {
    /// The five characters.
    pub fn as_str(&self) -> &str {
        // All five are ASCII, see `from_str`.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for SiteCode {
    type Err = InvalidSiteCode;

    /// In either case; blanks, dashes and dots are left out.
    fn from_str(text: &str) -> Result<Self, InvalidSiteCode> {
        let mut characters = text
            .chars()
            .filter(|character| !matches!(character, ' ' | '-' | '.'));
        let mut code = [0; 5];
        for (index, place) in code.iter_mut().enumerate() {
            let character = characters.next().ok_or(InvalidSiteCode)?;
            let fits = if index < 2 {
                character.is_ascii_alphabetic()
            } else {
                character.is_ascii_digit()
            };
            if !fits {
                return Err(InvalidSiteCode);
            }
            *place = u8::try_from(character.to_ascii_uppercase()).map_err(|_| InvalidSiteCode)?;
        }
        if characters.next().is_some() {
            return Err(InvalidSiteCode);
        }
        Ok(Self(code))
    }
}

impl fmt::Display for SiteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SiteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Text that is no site code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a site code is two letters and three digits, such as AB123")]
pub struct InvalidSiteCode;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_match_however_they_are_typed() {
        for text in ["AB123", "ab123", "ab 123", "AB-123", "a.b.1.2.3"] {
            assert_eq!(text.parse::<SiteCode>().unwrap().to_string(), "AB123");
        }
        for text in ["", "A1234", "ABC12", "AB12", "AB1234", "ÉB123", "AB12٣"] {
            assert_eq!(text.parse::<SiteCode>(), Err(InvalidSiteCode), "{text}");
        }
    }
}

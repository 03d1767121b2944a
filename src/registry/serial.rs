//! Printed serials: what stands on a housing, what residents make of it, and which meters they may mean.

use std::fmt;

use wmbus::{Address, IdentificationNumber, Manufacturer};

/// Turns a printed serial into the address that its maker computes from it, where a maker does. Makers' knowledge
/// lives in `decoders`; whoever wires the two hands the function in.
pub type AddressOfSerial = fn(&str) -> Option<Address>;

/// The form in which serials are compared: capital letters and digits only, without `S/N`, without what follows a
/// slash, `O` and `I` read as digits where they stand among digits at the end, without leading zeros.
///
/// Empty for a text that holds neither letter nor digit.
pub fn search_form(text: &str) -> String {
    let upper = text.trim().to_uppercase();
    let mut rest = upper.as_str();
    for prefix in ["S/N", "SN:", "N°", "NO.", "NR.", "NO:", "N/S", "#"] {
        if let Some(behind) = rest.strip_prefix(prefix) {
            rest = behind.trim_start_matches([' ', ':', '.']);
            break;
        }
    }
    let rest = rest
        .split('/')
        .find(|part| !part.trim().is_empty())
        .unwrap_or_default();
    let characters: Vec<char> = rest.chars().filter(char::is_ascii_alphanumeric).collect();
    let ending = characters
        .iter()
        .rev()
        .take_while(|character| matches!(character, '0'..='9' | 'O' | 'I'))
        .count();
    let number_begins = characters.len() - ending;
    let mends = characters.iter().skip(number_begins).any(char::is_ascii_digit);
    let form: String = characters
        .iter()
        .enumerate()
        .map(|(index, character)| match character {
            'O' if mends && index >= number_begins => '0',
            'I' if mends && index >= number_begins => '1',
            other => *other,
        })
        .collect();
    match form.trim_start_matches('0') {
        "" if !form.is_empty() => "0".to_owned(),
        stripped => stripped.to_owned(),
    }
}

/// The digits of a serial without leading zeros, when there are enough of them to mean something (five).
pub fn digits(text: &str) -> Option<String> {
    let digits: String = search_form(text).chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    (digits.len() >= 5).then(|| digits.to_owned())
}

/// Maker and number of a 14-character serial: medium, three letters, two characters, eight digits (DIN 43863-5).
///
/// `9ABC1240123456` is ABC 40123456. `None` for any other form.
pub fn fourteen(text: &str) -> Option<(Manufacturer, IdentificationNumber)> {
    let characters: String = text
        .to_uppercase()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let medium = characters.get(..1)?;
    let number = characters.get(6..)?;
    let middle = characters.get(4..6)?;
    let well_formed = characters.len() == 14
        && medium.bytes().all(|octet| octet.is_ascii_alphanumeric())
        && middle.bytes().all(|octet| octet.is_ascii_hexdigit())
        && number.bytes().all(|octet| octet.is_ascii_digit());
    if !well_formed {
        return None;
    }
    Some((characters.get(1..4)?.parse().ok()?, number.parse().ok()?))
}

/// What to look for when someone types a serial: the surest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Each thing to look for, with the rule that led to it.
    pub probes: Vec<(Rule, Probe)>,
}

/// One thing to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A meter with this printed serial, in its search form.
    Printed(String),
    /// A meter whose printed serial has these digits.
    Digits(String),
    /// A meter of this maker with this number.
    Made(Manufacturer, IdentificationNumber),
    /// A meter with this number, whoever made it.
    Number(IdentificationNumber),
    /// A meter that says it was fabricated under this number.
    Fabrication(String),
}

/// How a meter was found. Said to whoever asks, since some rules prove less than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The printed serial of the registry.
    PrintedSerial,
    /// The 14-character form names maker and number.
    FourteenCharacters,
    /// The maker computes the address from the serial.
    ComputedAddress,
    /// The number is the meter's own on the air.
    IdentificationNumber,
    /// The digits of the printed serial, whatever letters stand among them.
    PrintedDigits,
    /// The last eight digits of a longer number.
    LastEight,
    /// The fabrication number that the meter sends.
    FabricationNumber,
    /// The decimal number written in hexadecimal (Apator).
    DecimalAsHexadecimal,
    /// Typed without the check digit that ends the printed serial, or with one that the number on the air has not.
    CheckDigit,
}

impl Rule {
    /// The name, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrintedSerial => "printed_serial",
            Self::FourteenCharacters => "fourteen_characters",
            Self::ComputedAddress => "computed_address",
            Self::IdentificationNumber => "identification_number",
            Self::PrintedDigits => "printed_digits",
            Self::LastEight => "last_eight",
            Self::FabricationNumber => "fabrication_number",
            Self::DecimalAsHexadecimal => "decimal_as_hexadecimal",
            Self::CheckDigit => "check_digit",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Search {
    /// What a typed text may mean. Empty for a text without letters and digits, or a very long one.
    pub fn new(typed: &str, computed: Option<AddressOfSerial>) -> Self {
        let form = search_form(typed);
        let mut probes = Vec::new();
        if form.is_empty() || typed.len() > LONGEST {
            return Self { probes };
        }
        probes.push((Rule::PrintedSerial, Probe::Printed(form.clone())));
        if let Some((manufacturer, number)) = fourteen(typed) {
            probes.push((Rule::FourteenCharacters, Probe::Made(manufacturer, number)));
        }
        if let Some(address) = computed.and_then(|computed| computed(&form)) {
            let probe = Probe::Made(address.manufacturer.without_flag(), address.identification_number);
            probes.push((Rule::ComputedAddress, probe));
        }
        let plain = form.bytes().all(|octet| octet.is_ascii_digit());
        if form.len() <= 8
            && let Ok(number) = form.parse()
        {
            probes.push((Rule::IdentificationNumber, Probe::Number(number)));
        }
        if let Some(digits) = digits(typed) {
            probes.push((Rule::PrintedDigits, Probe::Digits(digits)));
        }
        if plain {
            if let Some(number) = form.len().checked_sub(8).filter(|before| *before > 0)
                && let Some(Ok(number)) = form.get(number..).map(str::parse)
            {
                probes.push((Rule::LastEight, Probe::Number(number)));
            }
            probes.push((Rule::FabricationNumber, Probe::Fabrication(form.clone())));
            if let (Ok(decimal), Ok(apator)) = (form.parse(), "APT".parse()) {
                let probe = Probe::Made(apator, IdentificationNumber(decimal));
                probes.push((Rule::DecimalAsHexadecimal, probe));
            }
        }
        // The least sure: any digit may be the one that is missing.
        let ending = form.bytes().rev().take_while(u8::is_ascii_digit).count();
        if ending >= FEWEST_DIGITS {
            let whole = ('0'..='9').map(|digit| Probe::Printed(format!("{form}{digit}")));
            probes.extend(whole.map(|probe| (Rule::CheckDigit, probe)));
        }
        if plain
            && form.len() == 9
            && let Some(Ok(number)) = form.get(..8).map(str::parse)
        {
            probes.push((Rule::CheckDigit, Probe::Number(number)));
        }
        Self { probes }
    }
}

/// A number with fewer digits is too short to be all but a check digit.
const FEWEST_DIGITS: usize = 6;

/// No serial is longer; whatever is typed beyond is no serial.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_match_however_they_are_typed() {
        for (typed, form) in [
            ("D21VB704233", "D21VB704233"),
            ("d21 vb 704233", "D21VB704233"),
            ("D21-VB-704233", "D21VB704233"),
            ("D21VB70423O/2021", "D21VB704230"),
            ("S/N 00123456", "123456"),
            ("no. 0012.3456", "123456"),
            ("N° 123456", "123456"),
            ("12I45O78", "12145078"),
            ("OIL", "OIL"),
            ("0000", "0"),
            ("/12345678", "12345678"),
            (" .- ", ""),
        ] {
            assert_eq!(search_form(typed), form, "{typed}");
            assert_eq!(search_form(&search_form(typed)), form, "{typed}, twice");
        }
        assert_eq!(digits("D21VB704233").as_deref(), Some("21704233"));
        assert_eq!(digits("AB12"), None);
    }

    #[test]
    fn fourteen_characters_name_maker_and_number() {
        let (manufacturer, number) = fourteen("9ABC 12 4012 3456").unwrap();
        assert_eq!(manufacturer.to_string(), "ABC");
        assert_eq!(number.to_string(), "40123456");
        assert_eq!(fourteen("EXYZ0C11223344").unwrap().0.to_string(), "XYZ");
        for text in [
            "9ABC124012345",
            "9A1C1240123456",
            "9ABC1240123A56",
            "9ABÉ1240123456",
            "",
        ] {
            assert_eq!(fourteen(text), None, "{text}");
        }
    }

    #[test]
    fn the_surest_reading_of_a_number_comes_first() {
        let rules = |typed: &str| -> Vec<_> {
            let mut names: Vec<_> = Search::new(typed, None)
                .probes
                .iter()
                .map(|(rule, _)| rule.name())
                .collect();
            names.dedup();
            names
        };
        assert_eq!(
            rules("0012345"),
            [
                "printed_serial",
                "identification_number",
                "printed_digits",
                "fabrication_number",
                "decimal_as_hexadecimal"
            ]
        );
        assert_eq!(rules("145842").last(), Some(&"check_digit"));
        assert_eq!(
            rules("2019 12345678"),
            [
                "printed_serial",
                "printed_digits",
                "last_eight",
                "fabrication_number",
                "check_digit"
            ]
        );
        assert_eq!(rules("9ABC1240123456").get(1), Some(&"fourteen_characters"));
        assert_eq!(
            rules("D21VB704233"),
            ["printed_serial", "printed_digits", "check_digit"]
        );
        // 12345678 on the air, 12345678-5 on the housing.
        let probes = Search::new("12345678-5", None).probes;
        assert!(probes.contains(&(Rule::CheckDigit, Probe::Number("12345678".parse().unwrap()))));
        let probes = Search::new("c19ua 14584", None).probes;
        assert!(
            !probes.iter().any(|(rule, _)| *rule == Rule::CheckDigit),
            "five digits are too few"
        );
        let probes = Search::new("00 123 45", None).probes;
        assert!(!probes.iter().any(|(rule, _)| *rule == Rule::CheckDigit));
        assert!(rules("?").is_empty());
        assert!(rules(&"1".repeat(65)).is_empty());
        // Apator prints 1234567 and sends 0012D687.
        let probes = Search::new("1234567", None).probes;
        let wanted = Probe::Made("APT".parse().unwrap(), "0012D687".parse().unwrap());
        assert!(probes.contains(&(Rule::DecimalAsHexadecimal, wanted)));
    }

    #[test]
    fn a_maker_may_compute_the_address() {
        let computed: AddressOfSerial = |serial| {
            (serial == "K20TB000123")
                .then(|| Address::from_link_octets([0x30, 0x4C, 0x7B, 0x2D, 0x31, 0x01, 0x54, 0x2C]))
        };
        let probes = Search::new("k20tb000123", Some(computed)).probes;
        let wanted = Probe::Made("SAP".parse().unwrap(), "01312D7B".parse().unwrap());
        assert_eq!(probes.get(1), Some(&(Rule::ComputedAddress, wanted)));
    }
}

//! KEM: the key file that Kamstrup sends with an order, as XML encrypted with a password.
//!
//! ```text
//! <EncryptedData … aes128-cbc> <CipherValue> base64 of AES-128-CBC </CipherValue>
//!     └─ password, filled up with zeros to 16 octets: key and initialisation vector
//! <MetersInOrder> <Meter> <MeterNo> <SerialNo> <VendorId> <DEK> …
//! ```
//!
//! Often it comes packed in a ZIP archive. The format is not published; this is what files in the field look like. Files whose vector stands before the
//! ciphertext, as XML Encryption wants it, are read too, and so is XML that somebody has decrypted already.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Reader;
use quick_xml::events::Event;
use wmbus::security::aes_cbc_open;
use zeroize::Zeroizing;

use super::zip::{self, ZipError};
use super::{Column, Fault, Row};

/// Why a file gives no rows at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KemError {
    /// A ZIP archive that can't be unpacked here.
    #[error(
        "is a ZIP archive that can't be unpacked here, since {0}: unpack it, and import the .kem file inside"
    )]
    Zip(#[from] ZipError),
    /// Not XML, or none of this kind.
    #[error("is no KEM file: it has neither encrypted data nor meters in it")]
    NotKem,
    /// The ciphertext is no base64, or no whole blocks.
    #[error("is damaged: its encrypted part is not whole. Fetch the file again")]
    Damaged,
    /// Encrypted, and no password was given.
    #[error(
        "is encrypted: write its password (with most orders the customer number) into a file, and name that with --password-file"
    )]
    PasswordMissing,
    /// A password of more than 16 octets can't be one.
    #[error("can't be opened with this password: it has more than 16 characters")]
    PasswordTooLong,
    /// The password does not open it.
    #[error("can't be opened with this password")]
    WrongPassword,
}

/// Whether octets look like a KEM file, packed or not, and not like a list.
pub fn is_kem(octets: &[u8]) -> bool {
    octets.starts_with(zip::START) || is_xml(octets)
}

fn is_xml(octets: &[u8]) -> bool {
    let start = octets.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(octets);
    start.trim_ascii_start().starts_with(b"<")
}

/// The meters of a file: each a row with maker, number and key; line numbers are those of the XML in clear.
pub(super) fn rows(
    file: &str,
    octets: &[u8],
    password: Option<&[u8]>,
) -> Result<(Vec<Row>, Vec<Fault>), KemError> {
    if octets.starts_with(zip::START) {
        let files = zip::files(octets)?;
        let xml = files.iter().find(|file| is_xml(file)).ok_or(KemError::NotKem)?;
        return rows(file, xml, password);
    }
    let Some(sealed) = cipher_value(octets) else {
        return meters(file, octets).ok_or(KemError::NotKem);
    };
    let sealed = Zeroizing::new(
        STANDARD
            .decode(sealed.as_slice())
            .map_err(|_| KemError::Damaged)?,
    );
    if sealed.is_empty() || sealed.len() % BLOCK != 0 {
        return Err(KemError::Damaged);
    }
    let password = password.ok_or(KemError::PasswordMissing)?;
    let mut key = Zeroizing::new([0; BLOCK]);
    key.get_mut(..password.len())
        .ok_or(KemError::PasswordTooLong)?
        .copy_from_slice(password);
    let mut clear = sealed.clone();
    aes_cbc_open(&key, &key, &mut clear);
    if let Some(found) = meters(file, &clear) {
        return Ok(found);
    }
    // The vector first, then the ciphertext.
    let Some((vector, rest)) = sealed.split_first_chunk::<BLOCK>() else {
        return Err(KemError::WrongPassword);
    };
    let mut clear = Zeroizing::new(rest.to_vec());
    aes_cbc_open(&key, vector, &mut clear);
    meters(file, &clear).ok_or(KemError::WrongPassword)
}

/// The base64 text of the encrypted part.
fn cipher_value(octets: &[u8]) -> Option<Vec<u8>> {
    let mut inside = false;
    let mut text = Vec::new();
    walk(octets, |step| match step {
        Step::Opens("CipherValue", _) => inside = true,
        Step::Closes("CipherValue") => inside = false,
        Step::Text(part) if inside => text.extend(part.bytes().filter(|octet| !octet.is_ascii_whitespace())),
        _ => {}
    });
    Some(text).filter(|text| !text.is_empty())
}

/// The meters in clear XML; `None` when it holds none.
fn meters(file: &str, octets: &[u8]) -> Option<(Vec<Row>, Vec<Fault>)> {
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    let mut meter: Option<Row> = None;
    let mut field: Option<Column> = None;
    walk(octets, |step| match step {
        Step::Opens("Meter", line) => {
            meter = Some(Row {
                line,
                cells: Vec::new(),
            });
        }
        Step::Opens(name, _) => field = column(name),
        Step::Text(text) => {
            if let (Some(row), Some(column)) = (&mut meter, field)
                && !text.trim().is_empty()
                && row.get(column).is_none()
            {
                row.cells.push((column, Zeroizing::new(text.trim().to_owned())));
            }
        }
        Step::Closes("Meter") => {
            if let Some(mut row) = meter.take() {
                // The maker leaves out its own name.
                if row.get(Column::Manufacturer).is_none() {
                    row.cells
                        .push((Column::Manufacturer, Zeroizing::new("KAM".to_owned())));
                }
                match row.get(Column::Key) {
                    Some(_) => rows.push(row),
                    None => faults.push(Fault::new(
                        file,
                        row.line,
                        None,
                        "this meter has no DEK, so no key",
                    )),
                }
            }
        }
        Step::Closes(_) => field = None,
    });
    (!rows.is_empty() || !faults.is_empty()).then_some((rows, faults))
}

/// What an element says.
fn column(name: &str) -> Option<Column> {
    Some(match name {
        "SerialNo" => Column::Id,
        "MeterNo" => Column::PrintedSerial,
        "VendorId" => Column::Manufacturer,
        "DEK" => Column::Key,
        _ => return None,
    })
}

enum Step<'a> {
    Opens(&'a str, u64),
    Text(&'a str),
    Closes(&'a str),
}

/// Goes through XML as far as it is any; what comes behind (padding) does not count.
fn walk(octets: &[u8], mut step: impl FnMut(Step<'_>)) {
    let text = octets.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let mut reader = Reader::from_str(text);
    let mut line_at = (1, 0);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                let at = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
                let passed = octets.get(line_at.1..at).unwrap_or_default();
                line_at = (
                    line_at.0 + passed.iter().filter(|octet| **octet == b'\n').count() as u64,
                    at,
                );
                step(Step::Opens(tag.local_name().as_ref(), line_at.0));
            }
            Ok(Event::Text(text)) => step(Step::Text(&text)),
            Ok(Event::End(tag)) => step(Step::Closes(tag.local_name().as_ref())),
            Ok(Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Octets of a block, and of the key.
const BLOCK: usize = 16;

#[cfg(test)]
mod tests {
    use wmbus::security::aes_cbc_seal;

    use super::*;

    const CLEAR: &str = "<?xml version=\"1.0\"?>\n<MetersInOrder orderid=\"1\">\n<Meter>\n<MeterNo>123</MeterNo>\n\
        <SerialNo>76543210</SerialNo>\n<DEK>0F0E0D0C0B0A09080706050403020100</DEK>\n</Meter>\n<Meter><SerialNo>76543211</SerialNo>\
        </Meter>\n</MetersInOrder>\n";

    fn sealed(password: &str, vector_first: bool) -> String {
        let mut key = [0; BLOCK];
        key[..password.len()].copy_from_slice(password.as_bytes());
        let mut body = CLEAR.as_bytes().to_vec();
        let padding = BLOCK - body.len() % BLOCK;
        body.extend(std::iter::repeat_n(u8::try_from(padding).unwrap(), padding));
        let vector = if vector_first { [9; BLOCK] } else { key };
        aes_cbc_seal(&key, &vector, &mut body);
        let octets = if vector_first {
            [&vector[..], &body].concat()
        } else {
            body
        };
        format!(
            "<EncryptedData xmlns=\"x\"><CipherData><CipherValue>\n{}\n</CipherValue></CipherData></EncryptedData>",
            STANDARD.encode(octets)
        )
    }

    #[test]
    fn meters_and_their_keys_are_found_in_every_form() {
        for (octets, password) in [
            (CLEAR.to_owned(), None),
            (sealed("123456", false), Some("123456")),
            (sealed("123456", true), Some("123456")),
        ] {
            let (rows, faults) = rows("a.kem", octets.as_bytes(), password.map(str::as_bytes)).unwrap();
            assert_eq!(rows.len(), 1);
            assert_eq!(rows[0].line, 3);
            assert_eq!(rows[0].get(Column::Id), Some("76543210"));
            assert_eq!(rows[0].get(Column::Manufacturer), Some("KAM"));
            assert_eq!(rows[0].get(Column::Key).map(str::len), Some(32));
            assert_eq!(faults[0].to_string(), "a.kem:8: this meter has no DEK, so no key");
        }
    }

    #[test]
    fn a_packed_file_is_unpacked() {
        let kem = sealed("123456", false);
        let packed = zip::tests::packed(&[("readme.txt", b"hello"), ("order.kem", kem.as_bytes())]);
        assert!(is_kem(&packed));
        assert_eq!(rows("a.kem", &packed, Some(b"123456")).unwrap().0.len(), 1);
        let other = zip::tests::packed(&[("readme.txt", b"hello")]);
        assert_eq!(rows("a.kem", &other, None).unwrap_err(), KemError::NotKem);
        // An archive in an archive goes no deeper.
        let twice = zip::tests::packed(&[("a.zip", &packed)]);
        assert_eq!(rows("a.kem", &twice, None).unwrap_err(), KemError::NotKem);
    }

    #[test]
    fn what_gives_nothing_says_why() {
        let error = |octets: &[u8], password: Option<&str>| {
            rows("a.kem", octets, password.map(str::as_bytes)).unwrap_err()
        };
        let file = sealed("123456", false);
        assert_eq!(error(file.as_bytes(), None), KemError::PasswordMissing);
        assert_eq!(error(file.as_bytes(), Some("123457")), KemError::WrongPassword);
        assert_eq!(
            error(file.as_bytes(), Some("12345678901234567")),
            KemError::PasswordTooLong
        );
        assert_eq!(
            error(b"PK\x03\x04rest", Some("1")),
            KemError::Zip(ZipError::Damaged)
        );
        assert_eq!(error(b"<html></html>", None), KemError::NotKem);
        assert_eq!(error(b"", None), KemError::NotKem);
        let broken = file.replace("\n</CipherValue>", "A\n</CipherValue>");
        assert_eq!(error(broken.as_bytes(), Some("123456")), KemError::Damaged);
    }

    #[test]
    fn an_xml_bomb_stays_as_small_as_it_is() {
        let mut bomb = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"0F0E0D0C\">".to_owned();
        for (this, before) in ["b", "c", "d", "e", "f", "g", "h"]
            .iter()
            .zip(["a", "b", "c", "d", "e", "f", "g"])
        {
            bomb.push_str(&format!(
                "<!ENTITY {this} \"{}\">",
                format!("&{before};").repeat(20)
            ));
        }
        bomb.push_str("<!ENTITY file SYSTEM \"file:///etc/passwd\">]>");
        let meter = "<MetersInOrder><Meter><SerialNo>&file;76543210&h;</SerialNo><DEK>0F0E0D0C&h;</DEK></Meter></MetersInOrder>";
        let (found, _) = rows("a.kem", format!("{bomb}{meter}").as_bytes(), None).unwrap();
        assert_eq!(found[0].get(Column::Id), Some("76543210"));
        assert_eq!(found[0].get(Column::Key), Some("0F0E0D0C"));
        // Elements in elements go as deep as they like: nobody walks down by calling themselves.
        let deep = format!("{}{meter}", "<a>".repeat(200_000));
        assert_eq!(rows("a.kem", deep.as_bytes(), None).unwrap().0.len(), 1);
    }

    #[test]
    fn no_octets_make_it_panic() {
        proptest::proptest!(|(octets: Vec<u8>, before in 0..4_usize)| {
            let starts: [&[u8]; 4] = [b"<", b"<Meter><DEK>", b"<CipherValue>", b""];
            let octets = [starts[before], &octets].concat();
            let _ = rows("a", &octets, Some(b"1"));
        });
    }
}

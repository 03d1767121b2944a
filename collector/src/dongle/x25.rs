//! CRC-16/X-25, the checksum of IMST's host interfaces.

/// Polynomial 1021 reflected, start FFFF, final exclusive or FFFF; sent with its low octet first.
pub(super) fn crc(octets: &[u8]) -> u16 {
    let mut crc = 0xFFFF_u16;
    for octet in octets {
        crc ^= u16::from(*octet);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x8408
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

/// The octets in front of a CRC that fits them.
pub(super) fn checked(octets: &[u8]) -> Option<&[u8]> {
    let (data, sent) = octets.split_last_chunk::<2>()?;
    (crc(data) == u16::from_le_bytes(*sent)).then_some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(crc(b"123456789"), 0x906E);
        assert_eq!(checked(b"123456789\x6E\x90"), Some(&b"123456789"[..]));
        assert_eq!(checked(b"123456789\x90\x6E"), None);
        assert_eq!(checked(b"1"), None);
    }
}

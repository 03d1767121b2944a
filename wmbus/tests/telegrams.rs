//! Telegrams of a maker that does not exist, sealed by another implementation of the standard's ciphers: whoever has no
//! specification beside the project still tests every mode against octets that this crate did not make.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::hex;
use wmbus::{ErrorKind, Frame, FrameFormat, Key, Note, Seal, phy};

/// A telegram and what is in it. Empty text: none.
struct Example {
    name: &'static str,
    telegram: &'static str,
    key: &'static str,
    /// With the idle fillers of the last block, without check octets.
    payload: &'static str,
    /// The part of the payload that was sent in clear behind encrypted octets.
    clear: &'static str,
    authenticated: bool,
}

impl Example {
    fn key(&self) -> Option<Key> {
        (!self.key.is_empty()).then(|| self.key.parse().unwrap())
    }
}

#[test]
fn each_is_opened_by_its_key_and_sent_again_as_it_was() {
    for example in EXAMPLES {
        let name = example.name;
        let telegram = hex(example.telegram);
        let frame = Frame::parse(&telegram).unwrap();
        let keys: Vec<Key> = example.key().into_iter().collect();
        let message = frame
            .open(&keys)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(message.payload[..], hex(example.payload), "{name}");
        assert_eq!(message.clear_tail(), hex(example.clear), "{name}");
        assert_eq!(message.authenticated, example.authenticated, "{name}");
        assert_eq!(message.key.is_some(), example.key().is_some(), "{name}");
        if message
            .transport
            .unwrap()
            .fields
            .is_some_and(|fields| fields.configuration.mode() != 0)
        {
            let at = telegram.len() - message.payload.len();
            assert!(message.payload_at <= at, "{name}");
        } else {
            assert_eq!(
                telegram[message.payload_at..].len(),
                message.payload.len(),
                "{name}"
            );
        }
        assert_eq!(message.plan(example.key()).encode().unwrap(), telegram, "{name}");
        // The link layer's format makes no difference to what is inside.
        for format in [FrameFormat::A, FrameFormat::B] {
            let framed = phy::frame(&telegram, format).unwrap();
            let frame = Frame::parse(&framed).unwrap();
            assert_eq!(
                (frame.format(), frame.octets()),
                (format, &telegram[..]),
                "{name}"
            );
        }
    }
}

#[test]
fn the_meter_is_found_in_whatever_layer_names_it() {
    for example in EXAMPLES {
        let telegram = hex(example.telegram);
        let frame = Frame::parse(&telegram).unwrap();
        if frame.seal() == Some(Seal::ExtendedLink) {
            let (inner, _) = frame.open_link(&[example.key().unwrap()]).unwrap();
            assert_eq!(inner.meter().to_string(), METER, "{}", example.name);
        }
        assert_eq!(frame.meter().to_string(), METER, "{}", example.name);
    }
}

#[test]
fn no_key_and_a_wrong_key_are_told_apart() {
    for example in EXAMPLES {
        let Some(key) = example.key() else { continue };
        let telegram = hex(example.telegram);
        let frame = Frame::parse(&telegram).unwrap();
        let mut octets = key.reveal().to_vec();
        octets[0] ^= 2;
        let wrong = Key::from_octets(&octets).unwrap();
        if frame.seal().is_none() {
            // In clear with a MAC: readable without a key, refused with a wrong one.
            assert!(frame.open(&[]).unwrap().notes.contains(Note::MacNotChecked));
            assert_eq!(frame.open(&[wrong]).unwrap_err().kind, ErrorKind::MacMismatch);
            continue;
        }
        let kind = frame.open(&[]).unwrap_err().kind;
        assert!(
            matches!(kind, ErrorKind::KeyMissing { .. }),
            "{}: {kind}",
            example.name
        );
        let kind = frame.open(std::slice::from_ref(&wrong)).unwrap_err().kind;
        let expected = if example.authenticated {
            ErrorKind::MacMismatch
        } else {
            ErrorKind::WrongKey
        };
        assert_eq!(kind, expected, "{}", example.name);
        // Among several the right one is found, and named.
        let message = frame
            .open(&[wrong, Key::des([1; 8]), Key::aes([0; 16]), key])
            .unwrap();
        assert_eq!(message.key, Some(3), "{}", example.name);
        assert_eq!(message.payload[..], hex(example.payload), "{}", example.name);
    }
}

#[test]
fn a_changed_octet_is_noticed_where_something_proves_it() {
    for example in EXAMPLES.iter().filter(|example| example.authenticated) {
        let telegram = hex(example.telegram);
        let key = example.key().unwrap();
        let at = telegram.len() - 1;
        for bit in 0..8 {
            let mut changed = telegram.clone();
            changed[at] ^= 1 << bit;
            let frame = Frame::parse(&changed).unwrap();
            let error = frame.open(std::slice::from_ref(&key)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::MacMismatch, "{}", example.name);
        }
    }
}

#[test]
fn crcs_of_both_formats() {
    for (stripped, format, framed) in [
        (EXAMPLES[0].telegram, FrameFormat::A, SHORT_A),
        (EXAMPLES[0].telegram, FrameFormat::B, SHORT_B),
        (LONG, FrameFormat::A, LONG_A),
        (LONG, FrameFormat::B, LONG_B),
    ] {
        let (stripped, framed) = (hex(stripped), hex(framed));
        assert_eq!(phy::frame(&stripped, format).unwrap(), framed);
        assert_eq!(Frame::parse(&framed).unwrap().octets(), stripped);
    }
}

/// RLV 20260711, version 2A, cold water; the adapter in front of it is RLV 20000099 02 37.
const METER: &str = "RLV 20260711 2A 16";

const SHORT_A: &str =
    "24449649110726202A1618C37A050000200C1387561200046D11095B10CB374C1300400900426C5F357E36";
const SHORT_B: &str = "26449649110726202A167A050000200C1387561200046D11095B374C1300400900426C5F3540B2";
const LONG: &str = "92449649110726202A1678303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F";
const LONG_A: &str = "92449649110726202A16F9AE78303132333435363738393A3B3C3D3E6FA53F404142434445464748494A4B4C4D4EA5F44F505152535455565758595A5B5C5D5EB5065F606162636465666768696A6B6C6D6EB5A26F707172737475767778797A7B7C7D7EBD897F808182838485868788898A8B8C8D8EA7648F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2FC0BB2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F63D72F2F2F2F2F2F2F2F2FBF7B";
const LONG_B: &str = "96449649110726202A1678303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F5BFA2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F2F1413";

const EXAMPLES: [Example; 17] = [
    Example {
        name: "mode 0, short header",
        telegram: "24449649110726202A167A050000200C1387561200046D11095B374C1300400900426C5F35",
        key: "",
        payload: "0C1387561200046D11095B374C1300400900426C5F35",
        clear: "",
        authenticated: false,
    },
    Example {
        name: "mode 0, no header",
        telegram: "20449649110726202A16780C1387561200046D11095B374C1300400900426C5F35",
        key: "",
        payload: "0C1387561200046D11095B374C1300400900426C5F35",
        clear: "",
        authenticated: false,
    },
    Example {
        name: "mode 0, long header behind an adapter",
        telegram: "2C089649990000200237721107262096492A16050400000C1387561200046D11095B374C1300400900426C5F35",
        key: "",
        payload: "0C1387561200046D11095B374C1300400900426C5F35",
        clear: "",
        authenticated: false,
    },
    Example {
        name: "mode 5, short header",
        telegram: "2E449649110726202A167A5C002085046F27FCDE77028803F694A0A3D3795E0F62BDBA81EF37918CCB1DFFBB980E9C",
        key: "9F3C6A1E58D4720BB1E64C0597A8D23F",
        payload: "0C1387561200046D11095B374C1300400900426C5F352F2F2F2F2F2F2F2F",
        clear: "",
        authenticated: false,
    },
    Example {
        name: "mode 5, long header, records in clear behind",
        telegram: "3D449649990000200237721107262096492A165D002005ADC4835C564613B262081B09B00C027E35B743344D9427D53CC3A24B551621B70CFD1011072620",
        key: "9F3C6A1E58D4720BB1E64C0597A8D23F",
        payload: "0C1387561200046D11095B374C1300400900426C5F352F2F2F2F2F2F2F2F0CFD1011072620",
        clear: "0CFD1011072620",
        authenticated: false,
    },
    Example {
        name: "mode 7, MAC of 8",
        telegram: "43449649110726202A168C2011900F002C254D0100009FCFAFBF5FFCD3277A11002007101EC968BEC2A4B662BF086B35401ED80161818D66B076A22F270CDCC9B8CAB852",
        key: "9F3C6A1E58D4720BB1E64C0597A8D23F",
        payload: "0C1387561200046D11095B374C1300400900426C5F352F2F2F2F2F2F2F2F",
        clear: "",
        authenticated: true,
    },
    Example {
        name: "mode 7, long header, MAC of 4, KI and ML",
        telegram: "534496499900002002378E80129649010000700131900F003E7410014D01000028A1F40D2E00721107262096492A1612002007101EC968BEC2A4B662BF086B35401ED80161818D66B076A22F270CDCC9B8CAB852",
        key: "9F3C6A1E58D4720BB1E64C0597A8D23F",
        payload: "0C1387561200046D11095B374C1300400900426C5F352F2F2F2F2F2F2F2F",
        clear: "",
        authenticated: true,
    },
    Example {
        name: "mode 7, to the meter",
        telegram: "535396490100007001318E80139649110726202A169017002C274D010000677E5EC3C032722505559E9844C0810C5A1300200710B01EDFA702F85348BD716045F0FC4EB82B1491C3FA7286CDA6C72C8D2C0C1634",
        key: "9F3C6A1E58D4720BB1E64C0597A8D23F",
        payload: "0C1387561200046D11095B374C1300400900426C5F352F2F2F2F2F2F2F2F",
        clear: "",
        authenticated: true,
    },
    Example {
        name: "mode 7, counter in the transport layer, no MAC",
        telegram: "33449649110726202A167A21002027104D0100001EC968BEC2A4B662BF086B35401ED80161818D66B076A22F270CDCC9B8CAB852",
        key: "9F3C6A1E58D4720BB1E64C0597A8D23F",
        payload: "0C1387561200046D11095B374C1300400900426C5F352F2F2F2F2F2F2F2F",
        clear: "",
        authenticated: false,
    },
    Example {
        name: "mode 0, MAC",
        telegram: "38449649110726202A168C2022900F002C254D01000029CE4FC52378B4C57A220000000C1387561200046D11095B374C1300400900426C5F35",
        key: "9F3C6A1E58D4720BB1E64C0597A8D23F",
        payload: "0C1387561200046D11095B374C1300400900426C5F35",
        clear: "",
        authenticated: true,
    },
    Example {
        name: "mode 10, short header",
        telegram: "32449649110726202A167A3000FF2A10014D0100004476697ED21FE80DC2EAF10BB0EE3CD96904DC0BAB2A6A351AC08CAADEB0",
        key: "9F3C6A1E58D4720BB1E64C0597A8D23F",
        payload: "0C1387561200046D11095B374C1300400900426C5F35",
        clear: "",
        authenticated: true,
    },
    Example {
        name: "mode 10, long header, tag of 12",
        telegram: "3E449649990000200237721107262096492A163100FF2A10024D0100004476697ED21FE80DC2EAF10BB0EE3CD96904DC0BAB2A1057D1A82E3D285717772624",
        key: "9F3C6A1E58D4720BB1E64C0597A8D23F",
        payload: "0C1387561200046D11095B374C1300400900426C5F35",
        clear: "",
        authenticated: true,
    },
    Example {
        name: "mode 2",
        telegram: "26449649110726202A167A4000180275B244FAFAE87D05B6B0040240C7CD2C6F98213865588D06",
        key: "9F3C6A1E58D4720B",
        payload: "0C1387561200046D11095B374C1300400900426C5F35",
        clear: "",
        authenticated: false,
    },
    Example {
        name: "ELL with AES-CTR",
        telegram: "29449649110726202A168D3050C5B3A221FDD76ADB95F6A8165E9C0C9D0DC474CBD269588C41977A2D88",
        key: "9F3C6A1E58D4720BB1E64C0597A8D23F",
        payload: "0C1387561200046D11095B374C1300400900426C5F35",
        clear: "",
        authenticated: false,
    },
    Example {
        name: "ELL with receiver and AES-CTR around mode 5",
        telegram: "3F449649110726202A168F80519649010000700131C5B3A2215925F6A997731EBC6DF1C99D5A98C0A0756ACFE18A94B89D9425F1FBF66E1A4456394D6FCBA5AA",
        key: "9F3C6A1E58D4720BB1E64C0597A8D23F",
        payload: "0C1387561200046D11095B374C1300400900426C5F352F2F2F2F2F2F2F2F",
        clear: "",
        authenticated: false,
    },
    Example {
        name: "ELL with payload CRC, not encrypted",
        telegram: "29449649110726202A168D2052C5B3A201FF72780C1387561200046D11095B374C1300400900426C5F35",
        key: "",
        payload: "0C1387561200046D11095B374C1300400900426C5F35",
        clear: "",
        authenticated: false,
    },
    Example {
        name: "header only",
        telegram: "0E479649110726202A168A53040000",
        key: "",
        payload: "",
        clear: "",
        authenticated: false,
    },
];

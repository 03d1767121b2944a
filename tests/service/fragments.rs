//! Fragments of one message share its fate: read, sealed, or never completed. Nobody is left waiting in the archive.

use std::path::Path;

use wmbus::{Address, Key, Plan, afl, dll, ell, tpl};

use crate::harness::{Folder, import, json, replay};

const KEY: &str = "11223344556677889900AABBCCDDEEFF";

/// A message of three telegrams of the meter `XYZ` 00123456 with an index, in mode 7 with a MAC.
fn fragments(counter: u32, litres: u32) -> Vec<String> {
    let [low, high] = "XYZ".parse::<wmbus::Manufacturer>().unwrap().0.to_le_bytes();
    let sender = Address::from_link_octets([low, high, 0x56, 0x34, 0x12, 0x00, 0x01, 0x07]);
    let link = dll::Header {
        control: dll::Control::SND_NR,
        sender,
    };
    let mut fields = tpl::Fields::sealed(9, 0, 7);
    fields.extension.configuration = Some(0x10);
    // The index, and as many temperatures as make it long.
    let mut payload = vec![0x04, 0x13];
    payload.extend(litres.to_le_bytes());
    payload.extend([0x02, 0x5A, 0x20, 0x00].repeat(20));
    let plan = Plan {
        extended_link: Some(ell::Header {
            control: ell::CommunicationControl(0x80),
            access_number: 1,
            receiver: Some(Address::from_link_octets([low, high, 9, 9, 9, 9, 1, 0x31])),
            session: None,
        }),
        authentication: Some(afl::Header {
            message_control: Some(0x25),
            message_counter: Some(counter),
            ..afl::Header::default()
        }),
        key: Some(KEY.parse::<Key>().unwrap()),
        ..Plan::new(link, tpl::Header::short(0x7A, fields), payload)
    };
    let telegrams = plan.encode_fragments(&[40]).unwrap();
    assert_eq!(telegrams.len(), 3);
    let hex = |octets: &Vec<u8>| octets.iter().map(|octet| format!("{octet:02X}")).collect();
    telegrams.iter().map(hex).collect()
}

/// Outcome and evidence of each telegram that is kept, in order.
fn archive(db: &Path) -> Vec<(String, String)> {
    let connection = rusqlite::Connection::open(db).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT code, ifnull(evidence, '') FROM telegram JOIN outcome ON outcome.id = outcome
             ORDER BY received_at",
        )
        .unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

fn outcomes(db: &Path) -> Vec<String> {
    archive(db).into_iter().map(|(outcome, _)| outcome).collect()
}

#[test]
fn fragments_share_the_fate_of_their_message() {
    let folder = Folder::new();
    let bare = folder.write("r.csv", "manufacturer,id,version,type\nXYZ,00123456,01,07\n");
    let keyed = folder.write(
        "k.csv",
        &format!("manufacturer,id,version,type,key\nXYZ,00123456,01,07,{KEY}\n"),
    );
    // A whole message, one that is never continued, and a whole one again.
    let (first, lost, last) = (fragments(1, 1000), fragments(2, 2000), fragments(3, 3000));
    let lines = [
        ("10:00:00", &first[0]),
        ("10:00:02", &first[1]),
        ("10:00:04", &first[2]),
        ("10:05:00", &lost[0]),
        ("10:05:02", &lost[1]),
        ("10:10:00", &last[0]),
        ("10:10:02", &last[1]),
        ("10:10:04", &last[2]),
    ];
    let lines = lines.map(|(time, hex)| format!("2026-01-15T{time}Z {hex}"));
    let capture = folder.write("capture.txt", &lines.join("\n"));
    let replay = |db: &Path| replay(db, &capture);
    let redecode = |db: &Path| json(&["redecode", "--json", "--db", db.to_str().unwrap()]);

    let db = import(&folder, &bare);
    replay(&db);
    assert_eq!(
        outcomes(&db),
        [
            "no_key",
            "no_key",
            "no_key",
            "fragment_missing",
            "fragment_missing",
            "no_key",
            "no_key",
            "no_key"
        ]
    );
    for (_, evidence) in &archive(&db)[3..5] {
        assert!(evidence.starts_with("fragment_timeout: "), "{evidence}");
    }
    let before = archive(&db);
    replay(&db);
    assert_eq!(redecode(&db)["changed"].as_array().unwrap().len(), 0);
    assert_eq!(archive(&db), before);

    // The key comes: what was whole is read.
    import(&folder, &keyed);
    let report = redecode(&db);
    let wanted = [
        "no_value",
        "no_value",
        "read",
        "fragment_missing",
        "fragment_missing",
        "no_value",
        "no_value",
        "read",
    ];
    assert_eq!(outcomes(&db), wanted, "{report}");
    assert_eq!(report["telegrams"], 8);
    let late = archive(&db);
    assert!(late[0].1.contains("2026-01-15T10:00:04Z"), "{late:?}");
    let report = redecode(&db);
    assert_eq!(report["changed"].as_array().unwrap().len(), 0, "{report}");
    assert_eq!(report["kept"].as_array().unwrap().len(), 0, "{report}");

    // As if it had been there from the beginning.
    let other = Folder::new();
    let at_once = import(&other, &keyed);
    replay(&at_once);
    assert_eq!(archive(&at_once), late);
    replay(&at_once);
    assert_eq!(archive(&at_once), late);
}

//! The command line: what it says when all is well, and when nothing is.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::harness::{Folder, import, releve, run, simulate};
use crate::redecode::telegram;

fn failure(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[test]
fn every_command_explains_itself_with_an_example() {
    for command in [
        "decode", "registry", "redecode", "replay", "run", "simulate", "demo", "token", "generate",
    ] {
        let output = run(&[command, "--help"]);
        assert!(output.status.success(), "{command}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("Example") || text.contains("Commands:"),
            "{command}: {text}"
        );
    }
}

/// One JSON object a line, in order, whatever the lines hold.
#[test]
fn decode_answers_each_line_with_one_line() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "1", "--lost-per-mille", "0"]);
    let capture = fs::read_to_string(capture).unwrap();
    let telegram = capture.lines().nth(1).unwrap().split_whitespace().nth(4).unwrap();
    let key = fs::read_to_string(registry).unwrap();
    assert!(key.contains("kind"));
    let mut child = releve(&["decode", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = [telegram, "12", "not hex at all", &telegram[..30], telegram];
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.join("\n").as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "not everything could be read");
    let answers: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), lines.len());
    assert_eq!(answers[0], answers[4]);
    assert!(
        answers[0]["readings"]
            .as_array()
            .is_some_and(|readings| !readings.is_empty()),
        "{}",
        answers[0]
    );
    for (answer, code) in answers[1..4]
        .iter()
        .zip(["too_short", "not_hex", "length_mismatch"])
    {
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().len() > 10);
    }
}

/// A stream that goes on: each answer comes without waiting for the next line, however many came before.
#[test]
fn decode_answers_while_more_is_to_come() {
    const TELEGRAM: &str = "1644AE4C7856341268077A2A0000000413393000002F2F";
    let mut child = releve(&["decode", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for count in [1, 3, 1000, 1] {
        let mut lines = format!("{TELEGRAM}\n").repeat(count);
        // Neither a comment nor the half of a line is waited for.
        lines.push_str("nothing\n# a remark\n\n  ");
        input.write_all(lines.as_bytes()).unwrap();
        for _ in 0..count {
            let answer: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
            assert_eq!(answer["readings"][0]["value"], 12.345);
        }
        let answer: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer["error"]["code"], "not_hex");
    }
    drop(input);
    assert!(answers.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

/// However many read a stream, each line is read under what the lines before it have shown, and answered in its place.
#[test]
fn decode_reads_each_line_under_what_came_before_it() {
    // A layout of its own for each number: a temperature of another storage number.
    let full = |number: u16| {
        let dife = |shift: u16| u8::try_from(number >> shift & 0x0F).unwrap();
        [
            0x82,
            0x80 | dife(0),
            0x80 | dife(4),
            dife(8) | 0x10,
            0x5A,
            dife(0),
            0x01,
        ]
    };
    let mut lines = Vec::new();
    for number in 1..=900 {
        let compact = wmbus::apl::compact::compact(&full(number)).unwrap();
        lines.push(telegram(0x56, 0x79, &compact));
        lines.push(telegram(0x56, 0x78, &full(number)));
        lines.push(telegram(0x57, 0x79, &compact));
    }
    let mut child = releve(&["decode", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || input.write_all(lines.join("\n").as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    assert_eq!(output.status.code(), Some(1), "not everything could be read");
    let answers: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 2700);
    for (number, answers) in answers.chunks(3).enumerate() {
        let [before, shown, after] = answers else { panic!() };
        assert!(before["error"].is_object(), "{number}: {before}");
        assert!(shown["error"].is_null(), "{number}: {shown}");
        assert_eq!(after["readings"], shown["readings"], "{number}");
        assert_eq!(
            [&shown["meter"]["id"], &after["meter"]["id"]],
            ["00123456", "00123457"]
        );
    }
}

#[test]
fn a_typo_in_the_configuration_names_line_and_nearest_key() {
    let folder = Folder::new();
    let config = folder.write("releve.toml", "[store]\npath = \"x.db\"\ncomit_seconds = 1\n");
    let text = failure(&["run", "--config", config.to_str().unwrap()]);
    assert!(
        text.contains("releve.toml:3") && text.contains("commit_seconds"),
        "{text}"
    );
    let text = failure(&["run", "--config", "/nowhere.toml"]);
    assert!(text.contains("/nowhere.toml"), "{text}");
}

#[test]
fn stores_that_are_not_ours_are_left_as_they_are() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "1"]);
    let capture = capture.to_str().unwrap();
    let text = folder.write("text.db", "just some text, and more than a hundred octets of it, so that nobody takes it for an empty file of ours");
    let before = fs::read(&text).unwrap();
    let said = failure(&["replay", "--db", text.to_str().unwrap(), capture]);
    assert!(said.contains("text.db"), "{said}");
    assert_eq!(fs::read(&text).unwrap(), before);

    let newer = import(&folder, &registry);
    let connection = rusqlite::Connection::open(&newer).unwrap();
    connection.pragma_update(None, "user_version", 9999).unwrap();
    connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(connection);
    let before = fs::read(&newer).unwrap();
    let said = failure(&["replay", "--db", newer.to_str().unwrap(), capture]);
    assert!(said.contains("9999"), "{said}");
    assert_eq!(fs::read(&newer).unwrap(), before);

    let said = failure(&["replay", "--db", "/nowhere/at/all/releve.db", capture]);
    assert!(said.contains("/nowhere/at/all"), "{said}");
}

#[test]
fn a_locked_store_is_a_clear_error_with_nothing_written() {
    let folder = Folder::new();
    let [capture, registry, _] = simulate(&folder, &["--days", "1"]);
    let db = import(&folder, &registry);
    let connection = rusqlite::Connection::open(&db).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let said = failure(&["replay", "--db", db.to_str().unwrap(), capture.to_str().unwrap()]);
    assert!(said.contains("another process"), "{said}");
    let count: i64 = connection
        .query_row("SELECT count(*) FROM reading", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 0);
}

#[test]
fn a_store_is_nobody_else_s_to_read() {
    let folder = Folder::new();
    let [_, registry, _] = simulate(&folder, &["--days", "1"]);
    let db = import(&folder, &registry);
    assert_eq!(fs::metadata(db).unwrap().permissions().mode() & 0o777, 0o600);
}

/// One bad line: nothing is imported, or all the rest, as asked; the line and the remedy are named, the key is not.
#[test]
fn a_registry_with_one_bad_line_imports_nothing_or_the_rest_as_asked() {
    let folder = Folder::new();
    let [_, registry, _] = simulate(&folder, &["--days", "1"]);
    let mut lines: Vec<String> = fs::read_to_string(registry)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let heading = lines[0].clone();
    let secret = "00112233445566778899AABBCCDDEE";
    lines[7] = format!(
        "RL001,Les Tilleuls,12 rue,Europe/Paris,103,LOC-0003,70,Cuisine,hot_water,KAM,1234567,1B,06,1234567,{secret},,2025-10-01"
    );
    let list = folder.write("bad.csv", &lines.join("\n"));
    let db = folder.path("bad.db");
    let arguments = [
        "registry",
        "import",
        list.to_str().unwrap(),
        "--db",
        db.to_str().unwrap(),
        "--json",
    ];
    let count = || {
        let connection = rusqlite::Connection::open(&db).unwrap();
        connection
            .query_row("SELECT count(*) FROM meter", [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("bad.csv") && said.contains('8') && said.contains("30"),
        "{said}"
    );
    assert!(!said.contains(secret), "{said}");
    assert_eq!(count(), 0);
    let output = run(&[&arguments[..], &["--keep-going"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(count(), i64::try_from(lines.len() - 2).unwrap());
    // A heading that nobody knows names the nearest.
    let list = folder.write(
        "typo.csv",
        &format!(
            "{}\n{}",
            heading.replace("printed_serial", "printed_serail"),
            lines[1]
        ),
    );
    let output = run(&[
        "registry",
        "import",
        list.to_str().unwrap(),
        "--db",
        db.to_str().unwrap(),
    ]);
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("printed_serail") && said.contains("printed_serial"),
        "{said}"
    );
}

/// A rehearsal says what would change; afterwards the history says what did, and who did it.
#[test]
fn a_registry_import_is_rehearsed_and_remembered() {
    let folder = Folder::new();
    let db = folder.path("releve.db");
    let db = db.to_str().unwrap();
    let list = |surface: &str| {
        folder.write(
            "list.csv",
            &format!("site,lot,surface_m2\nAB123,A-007,{surface}\n"),
        )
    };
    let import = |path: &std::path::Path, more: &[&str]| {
        let mut arguments = vec!["registry", "import", path.to_str().unwrap(), "--db", db];
        arguments.extend(more);
        let output = releve(&arguments)
            .env("USER", "yvette")
            .env_remove("SUDO_USER")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    import(&list("54.3"), &[]);
    let rehearsed = import(&list("61"), &["--dry-run"]);
    assert!(
        rehearsed.contains("~ dwelling AB123 lot A-007; surface_m2: 54.30 → 61.00"),
        "{rehearsed}"
    );
    import(&list("61"), &[]);
    let history = run(&["registry", "history", "--db", db]);
    let history = String::from_utf8(history.stdout).unwrap();
    let lines: Vec<_> = history.lines().collect();
    assert_eq!(lines.len(), 3, "{history}");
    assert!(
        lines[0].ends_with("  command line (yvette)  ~ dwelling AB123 lot A-007; surface_m2: 54.30 → 61.00"),
        "{history}"
    );
    let line = run(&["registry", "history", "--db", db, "--json", "--limit", "1"]);
    let line: Value = serde_json::from_slice(&line.stdout).unwrap();
    assert_eq!(line["fields"][0]["after"], "61.00");
}

/// A transmission of two telegrams is one object: the newer values, and the older telegram beside them.
#[test]
fn decode_shows_all_telegrams_of_a_transmission() {
    let folder = Folder::new();
    let [capture, _, _] = simulate(
        &folder,
        &["--days", "2", "--lost-per-mille", "0", "--dwellings", "1"],
    );
    let capture = fs::read_to_string(capture).unwrap();
    // Two telegrams of one meter in clear, the second later.
    let telegrams: Vec<&str> = capture
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(4))
        .collect();
    let decode = |text: &str| -> Value {
        let output = run(&["decode", "--json", text]);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let clear = telegrams
        .iter()
        .find(|telegram| decode(telegram)["readings"].is_array())
        .unwrap();
    let meter = &clear[4..16];
    let of_meter: Vec<&&str> = telegrams
        .iter()
        .filter(|telegram| telegram.get(4..16) == Some(meter))
        .collect();
    let (older, newer) = (of_meter.first().unwrap(), of_meter.last().unwrap());
    assert_ne!(older, newer);
    let both = decode(&format!("{older}{newer}"));
    assert_eq!(both["readings"], decode(newer)["readings"]);
    assert_eq!(both["also"].as_array().unwrap().len(), 1);
    assert_eq!(both["also"][0]["readings"], decode(older)["readings"]);
}

/// A meter may call itself what it likes.
#[test]
fn a_text_in_a_telegram_commands_no_terminal() {
    // A volume, and a fabrication number that clears the screen: ESC [ 2 J.
    let telegram = "1B44595F7856341201077A2A0400000413181E00000D78044A325B1B";
    let page = run(&["decode", telegram]);
    let said = String::from_utf8(page.stdout).unwrap();
    assert!(page.status.success(), "{said}");
    assert!(said.contains("[2J"), "{said}");
    assert!(
        !said.contains(|letter: char| letter.is_control() && letter != '\n'),
        "{said:?}"
    );
    let line = run(&["decode", "--json", telegram]);
    let said = String::from_utf8(line.stdout).unwrap();
    assert!(!said.contains('\u{1b}'), "{said:?}");
    // Nor does a line of a capture, or a name on the command line.
    let folder = Folder::new();
    let capture = folder.write("evil.txt", "\u{1b}]0;owned\u{7}\u{9b}31m no telegram\r\n");
    let db = folder.path("store.db");
    for output in [
        run(&["replay", "--db", db.to_str().unwrap(), capture.to_str().unwrap()]),
        run(&["readings", "\u{1b}[2J", "--db", db.to_str().unwrap()]),
        run(&["backup", "\u{1b}[2J/x", "--db", db.to_str().unwrap()]),
    ] {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(!said.is_empty());
        assert!(
            !said.contains(|letter: char| letter.is_control() && letter != '\n'),
            "{said:?}"
        );
    }
}

#[test]
fn a_configuration_that_others_can_write_is_told_of() {
    let folder = Folder::new();
    let password = folder.write("password", "secret\n");
    let config = folder.write(
        "releve.toml",
        &format!(
            "[store]\npath = \"/nowhere/releve.db\"\n[[receiver]]\nname = \"b\"\nmqtt = \"localhost\"\nuser = \"u\"\npassword_file = {password:?}\n"
        ),
    );
    let says = |mode: u32| {
        for path in [&config, &password] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        String::from_utf8(run(&["run", "--config", config.to_str().unwrap()]).stderr).unwrap()
    };
    let said = says(0o666);
    assert!(
        said.contains("event=config.writable") && said.contains("chmod 640"),
        "{said}"
    );
    assert!(
        said.contains("event=config.readable") && said.contains("chmod 600"),
        "{said}"
    );
    let said = says(0o600);
    assert!(!said.contains("event="), "{said}");
    assert!(said.contains("the folder is not there"), "{said}");
}

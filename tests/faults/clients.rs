//! API clients that stall, and ones that send for ever.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::harness::{Daemon, Folder, import, simulate};

#[test]
fn clients_that_stall_or_never_end_hold_up_nobody() {
    let folder = Folder::new();
    let [_, registry, _] = simulate(&folder, &["--days", "2"]);
    let db = import(&folder, &registry);
    let daemon = Daemon::start(&folder, &db, "");
    let address = daemon.address("");
    let address = address.strip_prefix("http://").unwrap();
    let begin = |text: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let head = format!(
        "POST /v1/occupancies HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n",
        daemon.token()
    );
    // Half a head, a head without its body, an answer that nobody reads: all are left waiting.
    let stalled: Vec<TcpStream> = (0..60)
        .map(|number| match number % 3 {
            0 => begin("GET /healthz HT"),
            1 => begin(&format!("{head}content-length: 100\r\n\r\n{{")),
            _ => begin("GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"),
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(daemon.get("/healthz").0, 200);
        assert_eq!(daemon.get("/readyz").0, 200);
    }
    // A body without an end is cut off by an answer, not gathered.
    let mut endless = begin(&format!("{head}transfer-encoding: chunked\r\n\r\n"));
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let sent = (0..100_000)
        .take_while(|_| endless.write_all(chunk.as_bytes()).is_ok())
        .count();
    assert!(sent < 100_000, "400 MB were taken");
    let mut answer = Vec::new();
    let _ = endless.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 413"),
        "{answer}"
    );
    // A head without an end as well.
    let mut endless = begin("GET /healthz HTTP/1.1\r\n");
    let sent = (0..100_000)
        .take_while(|_| {
            endless
                .write_all(b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n")
                .is_ok()
        })
        .count();
    assert!(sent < 100_000, "4 MB of head were taken");
    assert!(daemon.resident_kilobytes() < 100_000);
    assert_eq!(daemon.get("/healthz").0, 200);
    drop(stalled);
    daemon.stop();
}

#[test]
fn clients_that_never_take_their_answers_give_their_places_back() {
    let folder = Folder::new();
    let [_, registry, _] = simulate(&folder, &["--days", "2"]);
    let db = import(&folder, &registry);
    let mut receiver = String::from("patience_seconds = 2\n");
    receiver.push_str("[[receiver]]\nname = \"none\"\nfile = \"/dev/null\"\n");
    let daemon = Daemon::start(&folder, &db, &receiver);
    let address = daemon.address("");
    let address = address.strip_prefix("http://").unwrap();
    // More answers than any buffer takes.
    let many = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    let mut held = Vec::new();
    for _ in 0..PLACES + 40 {
        let Ok(mut stream) = TcpStream::connect(address) else {
            break;
        };
        let _ = stream.write_all(many.as_bytes());
        held.push(stream);
    }
    // All places were taken, and nobody let go of any: without an end to patience this would wait for ten minutes.
    assert!(held.len() >= PLACES);
    assert_eq!(daemon.get("/healthz").0, 200);
    assert!(daemon.resident_kilobytes() < 300_000);
    drop(held);
    daemon.stop();
}

/// Connections at once.
const PLACES: usize = 512;

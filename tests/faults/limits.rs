//! What is larger, longer or more ambiguous than anything that is asked for is refused, from outside.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::harness::{Daemon, Folder, import, simulate};

struct Asked<'a> {
    daemon: &'a Daemon,
}

impl Asked<'_> {
    /// Sends a text as it is, and gives all that comes back until the connection is closed.
    fn raw(&self, text: &str) -> String {
        let address = self.daemon.address("");
        let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
        // Who is refused early may find the connection closed while it is still sending.
        let _ = stream.write_all(text.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Status lines of what comes back.
    fn statuses(&self, text: &str) -> Vec<u16> {
        self.raw(text)
            .split("HTTP/1.1 ")
            .skip(1)
            .map(|answer| answer.split(' ').next().unwrap().parse().unwrap())
            .collect()
    }

    fn head(&self, line: &str) -> String {
        let token = self.daemon.token();
        format!("{line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n")
    }
}

/// Connections that are left open are closed soon.
const IMPATIENT: &str = "patience_seconds = 2\n[[receiver]]\nname = \"none\"\nfile = \"/dev/null\"\n";

/// Nothing, or a refusal: never an answer.
fn refused(statuses: &[u16]) -> bool {
    statuses.iter().all(|status| (400..500).contains(status))
}

#[test]
fn what_is_too_long_or_too_much_is_refused() {
    let folder = Folder::new();
    let [_, registry, _] = simulate(&folder, &["--days", "2"]);
    let db = import(&folder, &registry);
    let daemon = Daemon::start(&folder, &db, IMPATIENT);
    let asked = Asked { daemon: &daemon };
    let close = "connection: close\r\n\r\n";
    assert_eq!(
        asked.statuses(&format!("{}{close}", asked.head("GET /v1/sites"))),
        [200]
    );

    // A path, a question, one header, many headers: the head has 16 kB.
    let long = "x".repeat(20_000);
    for line in [format!("GET /{long}"), format!("GET /v1/sites?address={long}")] {
        let statuses = asked.statuses(&format!("{}{close}", asked.head(&line)));
        assert!(refused(&statuses), "{statuses:?}");
    }
    let head = format!("{}x: {long}\r\n{close}", asked.head("GET /v1/sites"));
    assert!(refused(&asked.statuses(&head)));
    let head = format!("{}{}{close}", asked.head("GET /v1/sites"), "a: b\r\n".repeat(500));
    assert!(refused(&asked.statuses(&head)));

    // A page, a parameter, the name of a client, a cursor.
    for (path, status) in [
        ("/v1/meters?limit=1001", 400),
        ("/v1/meters?limit=99999999999999999999", 400),
        ("/v1/meters?limit=-1", 400),
        (&format!("/v1/meters?cursor={}", "0".repeat(4000)), 400),
        ("/v1/meters?limit=1000", 200),
    ] {
        assert_eq!(daemon.get(path).0, status, "{path}");
    }
    // Bodies: of JSON 16 kB, of lists 8 MB.
    let body = |path: &str, kind: &str, octets: usize| {
        let head = format!(
            "{}content-type: {kind}\r\ncontent-length: {octets}\r\n{close}",
            asked.head(&format!("POST {path}"))
        );
        asked.statuses(&format!("{head}{}", " ".repeat(octets)))
    };
    for (path, kind, octets, right) in [
        ("/v1/occupancies", "application/json", 16 * 1024, 422),
        ("/v1/occupancies", "application/json", 16 * 1024 + 1, 413),
        ("/v1/registry", "text/csv", (8 << 20) + 1, 413),
    ] {
        let statuses = body(path, kind, octets);
        // Whoever sends more than is read may see the connection closed before the answer.
        assert!(
            statuses == [right] || right == 413 && statuses.is_empty(),
            "{path}: {statuses:?}"
        );
    }
    assert!(daemon.resident_kilobytes() < 150_000);
    daemon.stop();
}

#[test]
fn where_a_request_ends_is_never_a_matter_of_opinion() {
    let folder = Folder::new();
    let [_, registry, _] = simulate(&folder, &["--days", "2"]);
    let db = import(&folder, &registry);
    let daemon = Daemon::start(&folder, &db, IMPATIENT);
    let asked = Asked { daemon: &daemon };
    let hidden = "GET /v1/meters HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let post = asked.head("POST /v1/occupancies");
    // Two lengths; a length and chunks; chunks by another name; a length with a sign; a header that goes on in the next line;
    // a blank before the colon.
    for head in [
        "content-length: 5\r\ncontent-length: 0\r\n",
        "content-length: 5, 0\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: xchunked\r\n",
        "content-length: +5\r\n",
        "content-length: 0x5\r\n",
        "content-length\t: 5\r\n",
        "x: y\r\n content-length: 5\r\n",
        "x: y\0z\r\n",
    ] {
        let statuses = asked.statuses(&format!(
            "{post}content-type: application/json\r\n{head}\r\n{hidden}"
        ));
        // One refusal, and what stands behind it is not taken for a request.
        assert!(
            refused(&statuses) && statuses.len() <= 1,
            "{head:?}: {statuses:?}"
        );
    }
    // With both, chunks count, and the connection is not used again.
    let both = format!(
        "{post}content-type: application/json\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
    );
    let statuses = asked.statuses(&both);
    assert!(refused(&statuses), "{statuses:?}");
    // A chunk whose length is none.
    for chunk in ["-1", "fffffffffffffffff", "1 ", "0x1", ""] {
        let text = format!(
            "{post}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{chunk}\r\n{{\r\n0\r\n\r\n{hidden}"
        );
        let statuses = asked.statuses(&text);
        assert!(refused(&statuses), "{chunk:?}: {statuses:?}");
    }
    // A path stays what it is: there are no files behind it.
    for path in [
        "/../../etc/passwd",
        "/v1/../healthz",
        "/%2e%2e/healthz",
        "//healthz",
        "/healthz/..",
        "/v1/meters/..%2f..%2f",
    ] {
        let statuses = asked.statuses(&format!(
            "{}connection: close\r\n\r\n",
            asked.head(&format!("GET {path}"))
        ));
        assert_eq!(statuses, [404], "{path}");
    }
    assert_eq!(daemon.get("/healthz").0, 200);
    daemon.stop();
}

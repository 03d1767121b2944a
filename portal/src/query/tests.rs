//! The client over real sockets, against a service that answers what a test tells it to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers every connection with the same octets, and keeps what it was asked.
struct Script {
    address: Address,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Script {
    async fn new(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap().to_string());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, log) = (answer.clone(), Arc::clone(&log));
                tokio::spawn(async move {
                    let mut question = vec![0; 65_536];
                    let length = stream.read(&mut question).await.unwrap_or(0);
                    log.lock()
                        .unwrap()
                        .push(String::from_utf8_lossy(&question[..length]).into_owned());
                    let _ = stream.write_all(&answer).await;
                });
            }
        });
        Self { address, asked }
    }

    async fn json(status: u16, body: &str) -> Self {
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        Self::new(format!("{head}{body}").into_bytes()).await
    }

    fn query(&self) -> Query {
        query(self.address.clone(), Duration::from_secs(20))
    }
}

fn query(address: Address, limit: Duration) -> Query {
    let token = Token::new("releve_00000000000000000000000000000000").unwrap();
    Query::new(Settings {
        address,
        token,
        limit,
    })
}

#[tokio::test]
async fn a_question_carries_token_client_and_escaped_names() {
    let script = Script::json(
        200,
        r#"{"items":[{"id":7,"site":"AB123","lot":"A 1","client_ref":null,"surface_m2":54.32,"found":{}}]}"#,
    )
    .await;
    let query = script.query().of_client("abc\r\nX-Evil: 1");
    let found = query
        .dwellings("AB/../123", DwellingBy::Serial("C19 & é"))
        .await
        .unwrap();
    assert_eq!(found[0].surface_m2.unwrap().to_string(), "54.32");
    let asked = script.asked.lock().unwrap()[0].clone();
    assert!(
        asked.starts_with("GET /v1/sites/AB%2F%2E%2E%2F123/dwellings?serial=C19+%26+%C3%A9 HTTP/1.1\r\n"),
        "{asked}"
    );
    let lower = asked.to_ascii_lowercase();
    assert!(lower.contains("authorization: bearer releve_0000"), "{asked}");
    assert!(lower.contains("releve-client: abcx-evil:1\r\n"), "{asked}");
    assert!(!format!("{query:?}").contains("0000"));
}

#[tokio::test]
async fn what_is_sent_has_the_names_of_the_contract() {
    let occupancy = r#"{"id":3,"dwelling":7,"role":"owner_occupier","from":"2026-03-01","until":null,"keeps_hourly":true}"#;
    let script = Script::json(201, occupancy).await;
    let new = MoveIn {
        dwelling: 7,
        role: Role::Owner,
        lives_there: true,
        move_in: jiff::civil::date(2026, 3, 1),
        certified: true,
        keeps_hourly: true,
    };
    let made = script.query().move_in(&new, "made-of-it").await.unwrap();
    assert_eq!((made.id, made.role, made.until), (3, Role::Owner, None));
    let change = Change {
        keeps_hourly: Some(false),
        until: None,
    };
    script.query().change_occupancy(3, &change).await.unwrap();
    let asked = script.asked.lock().unwrap().clone();
    assert!(asked[0].starts_with("POST /v1/occupancies HTTP/1.1"));
    assert!(
        asked[0]
            .to_lowercase()
            .contains("idempotency-key: \"made-of-it\""),
        "{}",
        asked[0]
    );
    assert!(!asked[1].to_lowercase().contains("idempotency-key"));
    assert!(
        asked[0].ends_with(
            r#"{"dwelling":7,"role":"owner","lives_there":true,"move_in":"2026-03-01","certified":true,"keeps_hourly":true}"#
        ),
        "{}",
        asked[0]
    );
    assert!(
        asked[1].starts_with("PATCH /v1/occupancies/3 HTTP/1.1")
            && asked[1].ends_with(r#"{"keeps_hourly":false}"#)
    );
}

#[tokio::test]
async fn problems_come_with_their_type_and_their_pause() {
    let body = r#"{"type":"urn:releve:problem:too-many-attempts","title":"x","status":429,"detail":"try again in 590 seconds"}"#;
    let answer = format!(
        "HTTP/1.1 429 X\r\nRetry-After: 590\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let script = Script::new(answer.into_bytes()).await;
    let Err(Failure::Problem(problem)) = script.query().site_by_code("AB123").await else {
        panic!("it was a problem");
    };
    assert_eq!(
        (problem.kind, problem.retry_after),
        (ProblemKind::TooManyAttempts, Some(590))
    );
}

#[tokio::test]
async fn down_slow_and_garbled_are_told_apart() {
    // Nobody listens on a port that was just given back.
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let down = query(Address::Tcp(free.to_string()), Duration::from_secs(20))
        .alive()
        .await
        .unwrap_err();
    assert_eq!(down.unavailable(), Some(Unavailable::Down), "{down}");

    // Accepts and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(silent.local_addr().unwrap().to_string());
    let slow = query(address, Duration::from_millis(50))
        .alive()
        .await
        .unwrap_err();
    assert_eq!(slow, Failure::Slow);

    for (octets, unavailable) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"items\":"[..],
            Unavailable::Down,
        ),
        (b"SSH-2.0-OpenSSH\r\n", Unavailable::Down),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html></>",
            Unavailable::Down,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"items\":[1]}",
            Unavailable::Down,
        ),
        (b"HTTP/1.1 504 X\r\nContent-Length: 0\r\n\r\n", Unavailable::Slow),
    ] {
        let script = Script::new(octets.to_vec()).await;
        let failure = script.query().site_by_code("AB123").await.unwrap_err();
        assert_eq!(failure.unavailable(), Some(unavailable), "{failure}");
        assert!(!failure.to_string().contains("html"), "{failure}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", LARGEST + 1).into_bytes();
    answer.resize(answer.len() + LARGEST + 1, b' ');
    let script = Script::new(answer).await;
    let failure = script.query().site_by_code("AB123").await.unwrap_err();
    assert!(
        matches!(&failure, Failure::Garbled(what) if what.contains("larger")),
        "{failure}"
    );
}

#[tokio::test]
async fn a_unix_socket_answers_as_well() {
    let path = std::env::temp_dir().join(format!("releve-portal-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut question = [0; 4096];
        let _ = stream.read(&mut question).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"items\":[]}")
            .await;
    });
    let query = query(Address::Unix(path.clone()), Duration::from_secs(20));
    assert_eq!(query.site_by_code("AB123").await, Ok(None));
    let _ = std::fs::remove_file(&path);
}

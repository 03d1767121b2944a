//! The program itself: help with examples, mistakes that say what to do, and an account made from the command line.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::fake::{Fake, TOKEN};
use crate::harness::PASSWORD;

fn portal(line: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_releve-portal"))
        .args(line)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that refuses the line does not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("releve-portal-cli-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("token"), TOKEN).unwrap();
    folder
}

#[test]
fn every_command_has_help_with_an_example() {
    for line in [&["--help"][..], &["run", "--help"], &["seed", "--help"]] {
        let output = portal(line, "");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && text.contains("Example"),
            "{line:?}: {text}"
        );
    }
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let folder = folder("wrong");
    let path = folder.display().to_string();
    let token = folder.join("token").display().to_string();
    for (line, says) in [
        (
            vec!["run"],
            "say --config FILE, or both --token-file FILE and --folder FOLDER",
        ),
        (vec!["run", "--config", "/nonexistent.toml"], "/nonexistent.toml"),
        (
            vec![
                "run",
                "--token-file",
                &token,
                "--folder",
                &path,
                "--service",
                "https://a",
            ],
            "--service",
        ),
        (
            vec![
                "run",
                "--token-file",
                &token,
                "--folder",
                &path,
                "--public",
                "a.example",
            ],
            "public",
        ),
        (
            vec![
                "run",
                "--token-file",
                &token,
                "--folder",
                &path,
                "--listen",
                "nowhere",
            ],
            "listen \"nowhere\"",
        ),
    ] {
        let output = portal(&line, "");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && text.contains(says),
            "{line:?}: {text}"
        );
        assert!(!text.contains(TOKEN), "{text}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_from_the_command_line_and_the_pages_are_served() {
    let fake = Fake::start().await;
    fake.move_in(41, 7, "2026-01-01");
    let folder = folder("seed");
    let (path, token) = (
        folder.display().to_string(),
        folder.join("token").display().to_string(),
    );
    let service = format!("http://{}", fake.address);
    let place = [
        "--token-file",
        &token,
        "--folder",
        &path,
        "--service",
        &service,
        "--listen",
        "127.0.0.1:0",
    ];
    let seed = |email: &str, password: &str| {
        let mut line = vec![
            "seed",
            "--email",
            email,
            "--occupancy",
            "41",
            "--label",
            "Les Lilas, lot 12",
        ];
        line.extend(place);
        portal(&line, password)
    };
    let weak = seed("ada@example.org", "motdepasse1234\n");
    assert!(String::from_utf8(weak.stderr).unwrap().contains("tried first"));
    let made = seed("ada@example.org", &format!("{PASSWORD}\n"));
    let text = String::from_utf8(made.stdout).unwrap();
    assert_eq!(text, "ada@example.org sees occupancy 41 from 2026-01-01 on.\n");

    let mut line = vec!["run"];
    line.extend(place);
    let mut server = Command::new(env!("CARGO_BIN_EXE_releve-portal"))
        .args(&line)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap());
    let mut first = String::new();
    log.read_line(&mut first).unwrap();
    let address = first
        .split("listen=")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("Se connecter"),
        "{answer}"
    );
    server.kill().unwrap();
    server.wait().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}

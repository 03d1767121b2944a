//! Receivers on real files, pipes, programs and sockets.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use collector::capture::Origin;
use collector::receiver::{Broker, Clock, File, Growing, Stream};
use collector::{Event, Receiver};

const FIRST: &str = "0F440102785634120107744778001101";
const SECOND: &str = "0F440102785634120107744778001102";
const THIRD: &str = "0F440102785634120107744778001103";

/// Nothing here should take so long; a machine under load may.
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

/// An empty folder of its own.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn origin() -> Origin {
    Origin::new("test")
}

/// The last octet of the next telegram, which tells the samples apart.
#[track_caller]
fn telegram(receiver: &mut dyn Receiver) -> u8 {
    match receiver.next(LONG) {
        Event::Telegram(telegram) => *telegram.octets.last().unwrap(),
        event => panic!("{event:?}"),
    }
}

#[track_caller]
fn lost(receiver: &mut dyn Receiver) -> String {
    match receiver.next(LONG) {
        Event::Lost(reason) => reason,
        event => panic!("{event:?}"),
    }
}

fn append(path: &PathBuf, text: &str) {
    let mut file = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_file_is_read_once() {
    let path = folder("once").join("capture.txt");
    append(&path, &format!("# comment\n{FIRST}\nnoise\n{SECOND}"));
    let mut file = File::open(&path, origin()).unwrap();
    assert_eq!(telegram(&mut file), 1);
    assert!(matches!(file.next(LONG), Event::Rejected { line: 3, .. }));
    assert_eq!(telegram(&mut file), 2);
    assert_eq!(file.position(), fs::metadata(&path).unwrap().len());
    assert_eq!(file.next(LONG), Event::Ended);
    assert_eq!(file.next(LONG), Event::Ended);
    assert!(File::open(&path.with_extension("none"), origin()).is_err());
    let mut folder = File::open(path.parent().unwrap(), origin()).unwrap();
    lost(&mut folder);
    assert_eq!(folder.next(LONG), Event::Ended);
}

#[test]
fn a_file_that_grows_is_followed_through_rotation_and_truncation() {
    let path = folder("growing").join("capture.txt");
    let mut file = Growing::new(&path, origin());
    lost(&mut file);
    assert_eq!(file.next(Duration::ZERO), Event::Idle);
    append(&path, &format!("{FIRST}\n{SECOND}"));
    assert_eq!(telegram(&mut file), 1);
    // The second line has begun, and is not taken before its end.
    assert_eq!(file.next(SHORT), Event::Idle);
    append(&path, "\n");
    assert_eq!(telegram(&mut file), 2);
    // Rotation: what is written into the old file under its new name still counts.
    let old = path.with_extension("1");
    fs::rename(&path, &old).unwrap();
    append(&old, &format!("{THIRD}\n"));
    assert_eq!(telegram(&mut file), 3);
    append(&path, &format!("{FIRST}\n"));
    assert_eq!(telegram(&mut file), 1);
    append(&path, &format!("{SECOND}\n"));
    assert_eq!(telegram(&mut file), 2);
    // Truncation: from the start again.
    fs::write(&path, format!("{THIRD}\n")).unwrap();
    assert_eq!(telegram(&mut file), 3);
    assert_eq!(file.next(SHORT), Event::Idle);
}

#[test]
fn a_pipe_outlives_its_writers() {
    let path = folder("pipe").join("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let mut pipe = Stream::pipe(&path, origin(), Clock::Now).unwrap();
    assert_eq!(pipe.next(SHORT), Event::Idle);
    let before = jiff::Timestamp::now();
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .write_all(FIRST.as_bytes())
        .unwrap();
    let Event::Telegram(first) = pipe.next(LONG) else {
        panic!("no telegram")
    };
    assert!(first.received_at.unwrap() >= before);
    let text = format!("{SECOND}\n{THIRD}\n");
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    assert_eq!(telegram(&mut pipe), 2);
    assert_eq!(telegram(&mut pipe), 3);
    // Writers that come and go while nobody asks lose nothing.
    for text in [FIRST, SECOND, THIRD] {
        let mut writer = fs::OpenOptions::new().write(true).open(&path).unwrap();
        writer.write_all(format!("{text}\n").as_bytes()).unwrap();
    }
    for last in 1..=3 {
        assert_eq!(telegram(&mut pipe), last);
    }
    assert_eq!(pipe.next(SHORT), Event::Idle);
}

#[test]
fn what_is_no_pipe_is_said_to_be_none() {
    let folder = folder("no-pipe");
    let path = folder.join("file");
    append(&path, FIRST);
    let mut pipe = Stream::pipe(&path, origin(), Clock::Now).unwrap();
    assert!(lost(&mut pipe).contains("mkfifo"));
    let mut pipe = Stream::pipe(&folder.join("none"), origin(), Clock::Now).unwrap();
    assert!(lost(&mut pipe).contains("none"));
}

#[test]
fn a_command_is_started_again_when_it_ends() {
    let script = format!("echo {FIRST}; echo {SECOND}; exit 3");
    let arguments = ["-c".to_owned(), script];
    let mut command = Stream::command("sh", &arguments, origin(), Clock::Now).unwrap();
    assert_eq!(telegram(&mut command), 1);
    assert_eq!(telegram(&mut command), 2);
    let reason = lost(&mut command);
    assert!(
        reason.contains("exit status: 3") && reason.contains("next try in 1 s"),
        "{reason}"
    );
    assert_eq!(telegram(&mut command), 1);
    assert_eq!(telegram(&mut command), 2);
    let mut command = Stream::command("/nowhere/at/all", &[], origin(), Clock::Now).unwrap();
    assert!(lost(&mut command).contains("can't be started"));
}

#[test]
fn a_command_ends_with_its_receiver_pipeline_and_all() {
    let path = folder("command").join("numbers");
    let script = format!(
        "echo $$ > {0}; (echo $$; sleep 1000) | cat > /dev/null & echo {FIRST}; sleep 1000",
        path.display()
    );
    let arguments = ["-c".to_owned(), script];
    let mut command = Stream::command("sh", &arguments, origin(), Clock::Now).unwrap();
    assert_eq!(telegram(&mut command), 1);
    let group: u32 = fs::read_to_string(&path).unwrap().trim().parse().unwrap();
    assert!(is_running(group));
    drop(command);
    let begun = Instant::now();
    while is_running(group) {
        assert!(begun.elapsed() < LONG, "still running");
        thread::sleep(Duration::from_millis(20));
    }
}

/// True while some process of the group lives.
fn is_running(group: u32) -> bool {
    let processes = fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok())
        .any(|stat| {
            // After the name in parentheses: state, parent, group.
            let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
            let state = fields.next();
            state != Some("Z") && fields.nth(1) == Some(group.to_string().as_str())
        })
}

#[test]
fn servers_are_connected_to_again() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let mut stream = Stream::tcp(&address, origin(), Clock::Now).unwrap();
    for _ in 0..2 {
        let (mut connection, _) = server.accept().unwrap();
        connection
            .write_all(format!("{FIRST}\n{SECOND}").as_bytes())
            .unwrap();
        drop(connection);
        assert_eq!(telegram(&mut stream), 1);
        assert_eq!(telegram(&mut stream), 2);
        assert!(lost(&mut stream).contains(&address));
    }
    let path = folder("unix").join("socket");
    let server = UnixListener::bind(&path).unwrap();
    let mut stream = Stream::unix(&path, origin(), Clock::Now).unwrap();
    let (mut connection, _) = server.accept().unwrap();
    connection.write_all(format!("{THIRD}\n").as_bytes()).unwrap();
    assert_eq!(telegram(&mut stream), 3);
    // A connection that is silent is no loss.
    assert_eq!(stream.next(Duration::from_millis(1500)), Event::Idle);
    connection.write_all(format!("{FIRST}\n").as_bytes()).unwrap();
    assert_eq!(telegram(&mut stream), 1);
}

/// An address with a port that is free, as the system sees it a moment before.
fn free_address() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().to_string()
}

#[test]
fn datagrams_that_the_system_throws_away_are_counted() {
    const SENT: u64 = 5000;
    let address = free_address();
    let mut stream = Stream::udp(&address, origin(), Clock::Now).unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Nobody asks for what comes, and there is no room for so many.
    for _ in 0..SENT {
        sender.send_to(FIRST.as_bytes(), &address).unwrap();
    }
    let (mut taken, mut lost) = (0, 0);
    while taken + lost < SENT {
        match stream.next(Duration::from_secs(30)) {
            Event::Telegram(_) => taken += 1,
            Event::Overrun(more) => lost += more,
            other => panic!("{taken} taken, {lost} lost, and then {other:?}"),
        }
    }
    assert_eq!(taken + lost, SENT);
    assert!(lost > 0);
}

#[test]
fn every_datagram_ends_its_line() {
    let address = free_address();
    let mut stream = Stream::udp(&address, origin(), Clock::Now).unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in [FIRST.to_owned(), String::new(), format!("{SECOND}\n{THIRD}\r\n")] {
        sender.send_to(datagram.as_bytes(), &address).unwrap();
    }
    assert_eq!(telegram(&mut stream), 1);
    assert_eq!(telegram(&mut stream), 2);
    assert_eq!(telegram(&mut stream), 3);
    assert!(Stream::udp(&address, origin(), Clock::Now).is_err());
}

/// As much of a broker as a subscriber needs: it lets anybody in and hands out these messages, each with its retain flag.
fn broker(listener: &TcpListener, messages: &[(&str, bool)]) -> std::net::TcpStream {
    let (mut connection, _) = listener.accept().unwrap();
    let packet = |connection: &mut std::net::TcpStream| {
        let mut head = [0; 2];
        connection.read_exact(&mut head).unwrap();
        let mut body = vec![0; head[1].into()];
        connection.read_exact(&mut body).unwrap();
        (head[0] >> 4, body)
    };
    let (kind, _) = packet(&mut connection);
    assert_eq!(kind, 1, "CONNECT");
    connection.write_all(&[0x20, 2, 0, 0]).unwrap();
    let (kind, body) = packet(&mut connection);
    assert_eq!(kind, 8, "SUBSCRIBE");
    assert!(body.ends_with(b"wmbus/+/telegram\x00"));
    let [high, low, ..] = body[..] else {
        panic!("a subscription has a number")
    };
    connection.write_all(&[0x90, 3, high, low, 0]).unwrap();
    for (payload, retained) in messages {
        let topic = b"wmbus/attic/telegram";
        let length = u8::try_from(2 + topic.len() + payload.len()).unwrap();
        assert!(length < 128);
        connection
            .write_all(&[
                0x30 | u8::from(*retained),
                length,
                0,
                u8::try_from(topic.len()).unwrap(),
            ])
            .unwrap();
        connection.write_all(topic).unwrap();
        connection.write_all(payload.as_bytes()).unwrap();
    }
    connection
}

#[test]
fn a_broker_s_messages_are_telegrams_but_for_what_it_remembers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = Broker {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        topics: vec!["wmbus/+/telegram".to_owned()],
        login: Some(("releve".to_owned(), "secret".to_owned())),
        client: "test".to_owned(),
    };
    assert!(!format!("{settings:?}").contains("secret"));
    let mut stream = Stream::mqtt(settings, origin(), Clock::Now).unwrap();
    let connection = broker(
        &listener,
        &[
            (FIRST, true),
            (SECOND, false),
            ("{\"event\":\"hello\"}", false),
            (THIRD, false),
        ],
    );
    assert_eq!(telegram(&mut stream), 2);
    let rejected = (0..100)
        .map(|_| stream.next(Duration::from_millis(100)))
        .find(|event| *event != Event::Idle);
    assert!(matches!(rejected, Some(Event::Rejected { .. })), "{rejected:?}");
    assert_eq!(telegram(&mut stream), 3);
    // It goes, and comes back.
    drop(connection);
    lost(&mut stream);
    let _connection = broker(&listener, &[(FIRST, false)]);
    assert_eq!(telegram(&mut stream), 1);
}

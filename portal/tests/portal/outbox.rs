//! Mails outlive the program: one that waits when it is ended without warning leaves after the next start, once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::fake::{Fake, TOKEN};
use crate::harness::PASSWORD;

/// The program, and what it says.
struct Program {
    child: Child,
    log: BufReader<ChildStderr>,
    address: String,
}

impl Program {
    fn start(config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_releve-portal"))
            .args(["run", "--listen", "127.0.0.1:0", "--config"])
            .arg(config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let said = until(&mut log, "listen=");
        let (_, rest) = said.split_once("listen=").unwrap();
        let address = rest.split_whitespace().next().unwrap().to_owned();
        Self { child, log, address }
    }

    /// Asks, and gives the answer.
    fn ask(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{head}Host: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Forgets the password of an address.
    fn forget(&self, email: &str) {
        let page = self.ask("GET /forgotten HTTP/1.1\r\n", "");
        let between = |before: &str, after: &str| {
            let (_, rest) = page.split_once(before).unwrap();
            rest.split_once(after).unwrap().0.to_owned()
        };
        let (cookie, csrf) = (
            between("set-cookie: ", ";"),
            between(r#"name="csrf" value=""#, "\""),
        );
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("csrf", &csrf)
            .append_pair("email", email)
            .finish();
        let answer = self.ask(
            &format!(
                "POST /forgotten HTTP/1.1\r\nCookie: {cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            ),
            &body,
        );
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
    }

    /// Ends it as the service manager does; what it has said since.
    fn stop(mut self) -> String {
        let told = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(told.unwrap().success());
        let mut said = String::new();
        self.log.read_to_string(&mut said).unwrap();
        self.child.wait().unwrap();
        said
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until a line has that, and gives the line.
fn until(log: &mut impl BufRead, text: &str) -> String {
    let mut said = String::new();
    loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "never {text:?}: {said}");
        if line.contains(text) {
            return line;
        }
        said.push_str(&line);
    }
}

/// A mail server that takes everything, and gives each mail on.
fn server(listener: TcpListener) -> Receiver<String> {
    let (mails, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut mail = String::new();
            stream.write_all(b"220 played\r\n").unwrap();
            while let Some(Ok(line)) = lines.next() {
                let answer: &[u8] = match line.split(' ').next().unwrap() {
                    "DATA" => b"354 go on\r\n",
                    "." => {
                        if mails.send(std::mem::take(&mut mail)).is_err() {
                            return;
                        }
                        b"250 taken\r\n"
                    }
                    "EHLO" | "MAIL" | "RCPT" => b"250 fine\r\n",
                    "QUIT" => b"221 bye\r\n",
                    _ => b"",
                };
                mail.push_str(&line);
                mail.push('\n');
                if stream.write_all(answer).is_err() {
                    break;
                }
            }
        }
    });
    received
}

/// Whether the database has a link in clear.
fn has_link(folder: &Path) -> bool {
    let link = b"http://portal.example.org/password/";
    ["portal.db", "portal.db-wal"].iter().any(|name| {
        let octets = std::fs::read(folder.join(name)).unwrap_or_default();
        octets.windows(link.len()).any(|part| part == link)
    })
}

fn config(folder: &Path, service: &str, port: u16) -> PathBuf {
    let path = folder.join("config.toml");
    let (folder, token) = (folder.display(), folder.join("token"));
    std::fs::write(&token, TOKEN).unwrap();
    let text = format!(
        "public = \"http://portal.example.org\"\nstore = \"{folder}/portal.db\"\n\
         [service]\nurl = \"{service}\"\ntoken_file = \"{}\"\n\
         [mail]\nfrom = \"eau@example.org\"\n\
         [mail.smtp]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\n",
        token.display()
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_waits_when_the_program_is_killed_leaves_after_the_next_start_and_once() {
    let fake = Fake::start().await;
    fake.move_in(41, 7, "2026-01-01");
    let folder = std::env::temp_dir().join(format!("releve-portal-killed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // Nobody answers on this port yet.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let config = config(&folder, &format!("http://{}", fake.address), port);
    let mut seed = Command::new(env!("CARGO_BIN_EXE_releve-portal"))
        .args(["seed", "--email", "ada@example.org", "--occupancy", "41"])
        .args(["--label", "Les Lilas, lot 12", "--config"])
        .arg(&config)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    seed.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(seed.wait().unwrap().success());

    let mut first = Program::start(&config);
    first.forget("ada@example.org");
    let waits = until(&mut first.log, "event=\"mail.waits\"");
    assert!(!waits.contains("ada@"), "{waits}");
    first.child.kill().unwrap();
    drop(first);
    assert!(has_link(&folder));

    let mails = server(TcpListener::bind(("127.0.0.1", port)).unwrap());
    let second = Program::start(&config);
    let mail = tokio::task::spawn_blocking(move || (mails.recv().unwrap(), mails));
    let (mail, mails) = mail.await.unwrap();
    assert!(mail.contains("To: ada@example.org\n"), "{mail}");
    second.stop();

    // It has left, and no octet of the link is kept.
    assert!(!has_link(&folder));
    let third = Program::start(&config);
    let said = third.stop();
    assert!(!said.contains("mail.waiting"), "{said}");
    assert!(mails.try_recv().is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}

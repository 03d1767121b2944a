//! Mail: written here, sent in the background, so that no answer tells by its time whether one was sent.
//!
//! `letter` has the texts. A mail goes to the outbox folder as a file, or to a server (feature `smtp`), where it is tried
//! three times. A mail that can't leave is logged without its address; the resident can ask for another.

mod letter;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox, SinglePart};
use lettre::{Address, Message};
use tokio::task::JoinSet;

use crate::config::{ConfigError, Mail, Way};

pub(crate) use letter::Letter;

/// Where mails are handed in.
pub(crate) struct Post {
    from: Mailbox,
    road: Arc<Road>,
    /// What is on its way.
    carried: Mutex<JoinSet<()>>,
}

/// The way that mail takes.
enum Road {
    Outbox {
        folder: PathBuf,
        next: AtomicU64,
    },
    #[cfg(feature = "smtp")]
    Smtp(lettre::SmtpTransport),
}

impl Post {
    /// # Errors
    /// The sender is no address, the folder can't be made, or TLS can't be set up.
    pub(crate) fn open(mail: &Mail) -> Result<Self, ConfigError> {
        let from = mail
            .from
            .parse()
            .map_err(|error| ConfigError(format!("mail.from: {:?}: {error}", mail.from)))?;
        let road = match &mail.way {
            Way::Outbox(folder) => {
                let failed =
                    |error: io::Error| ConfigError(format!("mail.outbox: {}: {error}", folder.display()));
                fs::create_dir_all(folder).map_err(failed)?;
                let next = fs::read_dir(folder).map_err(failed)?.count();
                Road::Outbox {
                    folder: folder.clone(),
                    next: AtomicU64::new(u64::try_from(next).unwrap_or_default() + 1),
                }
            }
            #[cfg(feature = "smtp")]
            Way::Smtp(smtp) => Road::Smtp(transport(smtp)?),
        };
        Ok(Self {
            from,
            road: Arc::new(road),
            carried: Mutex::default(),
        })
    }

    /// Takes a mail along; returns at once.
    pub(crate) fn send(&self, letter: &Letter) {
        let message = match self.message(letter) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(error = %error, "a mail could not be written");
                return;
            }
        };
        let road = Arc::clone(&self.road);
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        while carried.try_join_next().is_some() {}
        carried.spawn(carry(road, message));
    }

    /// Waits until what is on its way has arrived or been given up.
    pub(crate) async fn settle(&self) {
        let carried = std::mem::take(&mut *self.carried.lock().unwrap_or_else(PoisonError::into_inner));
        carried.join_all().await;
    }

    fn message(&self, letter: &Letter) -> Result<Message, lettre::error::Error> {
        let to = Mailbox::new(None, letter.to.clone());
        let text = letter.text.replace('\n', "\r\n");
        let body = match *self.road {
            // A file is read by people: no signs for line ends and accents in it.
            Road::Outbox { .. } => {
                Body::dangerous_pre_encoded(text.into_bytes(), ContentTransferEncoding::EightBit)
            }
            #[cfg(feature = "smtp")]
            Road::Smtp(_) => Body::new(text),
        };
        let part = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body);
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(letter.subject.clone())
            .singlepart(part)
    }
}

/// An address that mail can be sent to, as typed; `None` when it can't be one.
pub(crate) fn address(typed: &str) -> Option<Address> {
    let typed = typed.trim();
    if typed.len() > 254 || typed.chars().any(char::is_control) {
        return None;
    }
    let address: Address = typed.parse().ok()?;
    // Nobody in a building has a mailbox on a host without a domain.
    address.domain().contains('.').then_some(address)
}

async fn carry(road: Arc<Road>, message: Message) {
    let message = Arc::new(message);
    for wait in WAITS {
        tokio::time::sleep(wait).await;
        let (road, message) = (Arc::clone(&road), Arc::clone(&message));
        let carried = tokio::task::spawn_blocking(move || road.carry(&message)).await;
        match carried {
            Ok(Ok(())) => return,
            Ok(Err(error)) => tracing::warn!(error = %error, "a mail did not leave"),
            Err(error) => tracing::warn!(error = %error, "a mail did not leave"),
        }
    }
    tracing::error!("a mail was given up; whoever waits for it can ask for another");
}

impl Road {
    fn carry(&self, message: &Message) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        match self {
            Self::Outbox { folder, next } => {
                let number = next.fetch_add(1, Ordering::Relaxed);
                Ok(file(folder, number, &message.formatted())?)
            }
            #[cfg(feature = "smtp")]
            Self::Smtp(transport) => {
                lettre::Transport::send(transport, message)?;
                Ok(())
            }
        }
    }
}

/// Files are numbered, whole when they have their name, and nobody else's to read.
fn file(folder: &Path, number: u64, octets: &[u8]) -> io::Result<()> {
    let draft = folder.join(format!(".{number:06}.part"));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&draft, folder.join(format!("{number:06}.eml")))
}

#[cfg(feature = "smtp")]
fn transport(smtp: &crate::config::Smtp) -> Result<lettre::SmtpTransport, ConfigError> {
    use crate::config::Tls;
    use lettre::SmtpTransport;
    use lettre::transport::smtp::authentication::Credentials;

    let builder = match smtp.tls {
        Tls::Starttls => SmtpTransport::starttls_relay(&smtp.host),
        Tls::Implicit => SmtpTransport::relay(&smtp.host),
        Tls::None => Ok(SmtpTransport::builder_dangerous(&smtp.host)),
    };
    let mut builder = builder
        .map_err(|error| ConfigError(format!("mail.smtp: {}: {error}", smtp.host)))?
        .timeout(Some(Duration::from_secs(20)));
    if let Some(port) = smtp.port {
        builder = builder.port(port);
    }
    if let Some((user, password)) = &smtp.login {
        builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
    }
    Ok(builder.build())
}

/// Before each try.
const WAITS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(30), Duration::from_secs(300)];

#[cfg(test)]
mod tests {
    use super::{Letter, Post, address};
    use crate::Language;
    use crate::config::{Mail, Way};

    #[test]
    fn an_address_is_one_of_a_mailbox_somewhere() {
        assert!(address(" ada.lovelace+eau@example.org ").is_some());
        assert!(address("zoé@exämple.org").is_some());
        let long = format!("{}@example.org", "a".repeat(250));
        for wrong in [
            "",
            "ada",
            "ada@",
            "@example.org",
            "ada@localhost",
            "ada@example.org, eve@example.org",
            "ada@example.org\nBcc: eve@example.org",
            "Ada <ada@example.org>",
            &long,
        ] {
            assert!(address(wrong).is_none(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn a_mail_is_a_file_that_people_can_read() {
        let folder = std::env::temp_dir().join(format!("releve-portal-outbox-{}", std::process::id()));
        let mail = Mail {
            from: "Espace résident <eau@example.org>".to_owned(),
            way: Way::Outbox(folder.clone()),
        };
        for number in 1..=2 {
            // Numbers go on after a restart.
            let post = Post::open(&mail).unwrap();
            let ada = address("ada@example.org").unwrap();
            post.send(&Letter::deleted(ada, Language::French));
            post.settle().await;
            let text = std::fs::read_to_string(folder.join(format!("{number:06}.eml"))).unwrap();
            assert!(text.contains("To: ada@example.org\r\n"), "{text}");
            assert!(text.contains("ses données sont supprimés"), "{text}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
        let wrong = Mail {
            from: "nobody".to_owned(),
            way: Way::Outbox(folder),
        };
        assert!(
            Post::open(&wrong)
                .err()
                .unwrap()
                .to_string()
                .contains("mail.from")
        );
    }

    #[cfg(feature = "smtp")]
    #[tokio::test]
    async fn a_mail_goes_through_a_server() {
        use std::io::{BufRead, BufReader, Write};

        use crate::config::{Smtp, Tls};

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut heard = Vec::new();
            stream.write_all(b"220 played\r\n").unwrap();
            while let Some(Ok(line)) = lines.next() {
                let answer: &[u8] = match line.split(' ').next().unwrap() {
                    "DATA" => b"354 go on\r\n",
                    "." | "EHLO" | "MAIL" | "RCPT" => b"250 fine\r\n",
                    "QUIT" => b"221 bye\r\n",
                    _ => b"",
                };
                heard.push(line);
                stream.write_all(answer).unwrap();
                if answer.starts_with(b"221") {
                    break;
                }
            }
            heard
        });
        let post = Post::open(&Mail {
            from: "eau@example.org".to_owned(),
            way: Way::Smtp(Smtp {
                host: "127.0.0.1".to_owned(),
                port: Some(port),
                tls: Tls::None,
                login: None,
            }),
        })
        .unwrap();
        let ada = address("ada@example.org").unwrap();
        post.send(&Letter::deleted(ada, Language::English));
        post.settle().await;
        drop(post);
        let heard = server.join().unwrap();
        let said = |line: &str| heard.iter().any(|heard| heard == line);
        assert!(
            heard
                .iter()
                .any(|line| line.starts_with("RCPT TO:<ada@example.org>")),
            "{heard:?}"
        );
        assert!(said("Subject: Your resident's account is deleted"), "{heard:?}");
        assert!(said("To: ada@example.org"), "{heard:?}");
    }
}

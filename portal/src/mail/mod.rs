//! Mail: written here, kept in the portal's database until it is handed over, sent in the background, so that no answer tells
//! by its time whether one was sent.
//!
//! `letter` has the texts, `road` the way: a file in the outbox folder, or a server (feature `smtp`). A mail that can't leave
//! is tried again after waits that grow, for a day or as long as its link works; then it is given up, and the resident can
//! ask for another. Logs have no addresses.

mod letter;
mod road;

use std::sync::{Arc, Mutex, PoisonError};

use lettre::Address;
use lettre::message::Mailbox;
use tokio::task::JoinSet;

use crate::accounts::{Accounts, AccountsError, Due, NewMail, WaitingMail};
use crate::app::Clock;
use crate::config::{ConfigError, Mail};
use road::{Hitch, Road};

pub(crate) use letter::Letter;

/// Where mails are handed in.
pub(crate) struct Post {
    office: Arc<Office>,
    /// What is on its way.
    carried: Mutex<JoinSet<()>>,
}

struct Office {
    from: Mailbox,
    road: Road,
    accounts: Arc<Accounts>,
    clock: Clock,
    /// One mail at a time is on the road, so that none is on it twice.
    turn: tokio::sync::Mutex<()>,
}

impl Post {
    /// # Errors
    /// The sender is no address, the folder can't be made, or TLS can't be set up.
    pub(crate) fn open(mail: &Mail, accounts: Arc<Accounts>, clock: Clock) -> Result<Self, ConfigError> {
        let from = mail
            .from
            .parse()
            .map_err(|error| ConfigError(format!("mail.from: {:?}: {error}", mail.from)))?;
        Ok(Self {
            office: Arc::new(Office {
                from,
                road: Road::open(&mail.way)?,
                accounts,
                clock,
                turn: tokio::sync::Mutex::default(),
            }),
            carried: Mutex::default(),
        })
    }

    /// Takes a mail along; returns at once.
    pub(crate) fn send(&self, letter: &Letter) {
        let mail = match letter.kept() {
            Ok(mail) => mail,
            Err(error) => {
                tracing::error!(event = "mail.lost", error = %error, "a mail could not be kept");
                return;
            }
        };
        let office = Arc::clone(&self.office);
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        while carried.try_join_next().is_some() {}
        carried.spawn(async move { office.take(mail).await });
    }

    /// Carries what is due.
    pub(crate) async fn carry(&self) {
        self.office.carry().await;
    }

    /// Carries all that waits, as after a start: what kept it may be over.
    pub(crate) async fn carry_all(&self) {
        let now = (self.office.clock)();
        match self.office.ask(move |accounts| accounts.all_mails_due(now)).await {
            Ok(0) => {}
            Ok(mails) => tracing::info!(event = "mail.waiting", mails, "mails of before wait to leave"),
            Err(error) => {
                tracing::error!(event = "mail.store", error = %error, "mails that wait can't be read")
            }
        }
        self.office.carry().await;
    }

    /// Waits until what was handed in is kept and has been tried once.
    pub(crate) async fn settle(&self) {
        let carried = std::mem::take(&mut *self.carried.lock().unwrap_or_else(PoisonError::into_inner));
        carried.join_all().await;
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

impl Office {
    async fn take(self: Arc<Self>, mail: NewMail) {
        let (kind, now) = (mail.kind, (self.clock)());
        match self.ask(move |accounts| accounts.keep_mail(&mail, now)).await {
            Ok(true) => self.carry().await,
            Ok(false) => tracing::error!(
                event = "mail.full",
                kind,
                "too many mails wait; one more was not taken"
            ),
            Err(error) => {
                tracing::error!(event = "mail.lost", kind, error = %error, "a mail could not be kept")
            }
        }
    }

    /// Carries what is due, one mail after the other, until nothing is or the road is closed.
    async fn carry(self: &Arc<Self>) {
        let _turn = self.turn.lock().await;
        loop {
            let now = (self.clock)();
            let Due { given_up, mail } = match self.ask(move |accounts| accounts.due_mail(now)).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::error!(event = "mail.store", error = %error, "mails that wait can't be read");
                    return;
                }
            };
            for kind in given_up {
                tracing::error!(
                    event = "mail.given_up",
                    kind,
                    "a mail was given up; whoever waits for it can ask for another"
                );
            }
            let Some(mail) = mail else { return };
            if self.hand_over(mail).await.is_err() {
                return;
            }
        }
    }

    /// Hands one mail over; fails when others would not get any further either.
    async fn hand_over(self: &Arc<Self>, mail: WaitingMail) -> Result<(), Closed> {
        let (id, kind, tries) = (mail.id, mail.kind.clone(), mail.tries);
        let office = Arc::clone(self);
        // In one piece, which a shutdown lets come to its end.
        let carried = tokio::task::spawn_blocking(move || {
            office.road.carry(&office.from, &mail)?;
            Ok(office.accounts.mail_left(id))
        });
        let (reason, outcome) = match carried.await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => {
                tracing::error!(event = "mail.store", error = %error, "a mail that has left can't be forgotten");
                return Err(Closed);
            }
            Ok(Err(Hitch::This(reason))) => (reason, Ok(())),
            Ok(Err(Hitch::Closed(reason))) => (reason, Err(Closed)),
            Err(error) => (error.to_string(), Err(Closed)),
        };
        tracing::warn!(
            event = "mail.waits",
            kind,
            tries,
            reason,
            "a mail did not leave; it is tried again"
        );
        outcome
    }

    /// Asks the database, away from the threads that answer.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Accounts) -> Result<T, AccountsError> + Send + 'static,
    ) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
        let accounts = Arc::clone(&self.accounts);
        Ok(tokio::task::spawn_blocking(move || question(&accounts)).await??)
    }
}

/// Nothing goes on that road for now.
struct Closed;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use jiff::{SignedDuration, Timestamp};

    use super::{Letter, Post, address};
    use crate::Language;
    use crate::accounts::Accounts;
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

    /// A post office whose clock is put forward by hand.
    struct Town {
        folder: PathBuf,
        later: Arc<AtomicI64>,
    }

    impl Town {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("releve-portal-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).unwrap();
            Self {
                folder,
                later: Arc::default(),
            }
        }

        fn open(&self, way: Way) -> Post {
            let mail = Mail {
                from: "Espace résident <eau@example.org>".to_owned(),
                way,
            };
            let accounts = Arc::new(Accounts::open(&self.folder.join("portal.db")).unwrap());
            let later = Arc::clone(&self.later);
            let begin: Timestamp = "2026-03-10T11:00:00Z".parse().unwrap();
            let clock = move || begin + SignedDuration::from_secs(later.load(Ordering::Relaxed));
            Post::open(&mail, accounts, Arc::new(clock)).unwrap()
        }

        fn pass(&self, time: SignedDuration) {
            self.later.fetch_add(time.as_secs(), Ordering::Relaxed);
        }

        fn outbox(&self) -> Way {
            Way::Outbox(self.folder.join("outbox"))
        }

        fn mails(&self) -> Vec<String> {
            let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.join("outbox"))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            files.sort();
            files
                .iter()
                .map(|file| std::fs::read_to_string(file).unwrap())
                .collect()
        }

        /// Whether an octet of it is left in the database.
        fn keeps(&self, text: &str) -> bool {
            let accounts = Accounts::open(&self.folder.join("portal.db")).unwrap();
            accounts.checkpoint().unwrap();
            let file = std::fs::read(self.folder.join("portal.db")).unwrap();
            file.windows(text.len()).any(|part| part == text.as_bytes())
        }
    }

    impl Drop for Town {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    fn ada() -> lettre::Address {
        address("ada@example.org").unwrap()
    }

    #[tokio::test]
    async fn a_mail_is_a_file_that_people_can_read_and_is_kept_nowhere_else() {
        let town = Town::new("outbox");
        for number in 1..=2 {
            // The order goes on after a restart.
            let post = town.open(town.outbox());
            post.send(&Letter::deleted(ada(), Language::French));
            post.settle().await;
            let mails = town.mails();
            assert_eq!(mails.len(), number);
            let text = mails.last().unwrap();
            assert!(text.contains("To: ada@example.org\r\n"), "{text}");
            assert!(text.contains("ses données sont supprimés"), "{text}");
            assert!(text.contains("Date: Tue, 10 Mar 2026 11:00:00"), "{text}");
        }
        assert!(!town.keeps("ada@example.org"));
        let wrong = Mail {
            from: "nobody".to_owned(),
            way: town.outbox(),
        };
        let accounts = Arc::new(Accounts::open(&town.folder.join("portal.db")).unwrap());
        let refused = Post::open(&wrong, accounts, Arc::new(Timestamp::now));
        assert!(refused.err().unwrap().to_string().contains("mail.from"));
    }

    #[tokio::test]
    async fn a_mail_that_was_written_just_before_the_end_is_not_written_again() {
        let town = Town::new("twice");
        let post = town.open(town.outbox());
        // Nothing can be written where a file lies in the way.
        std::fs::remove_dir(town.folder.join("outbox")).unwrap();
        std::fs::write(town.folder.join("outbox"), "").unwrap();
        post.send(&Letter::deleted(ada(), Language::English));
        post.settle().await;
        assert!(town.keeps("ada@example.org"));
        std::fs::remove_file(town.folder.join("outbox")).unwrap();
        // As the program left it that was ended between the file and the row.
        let copy = town.folder.join("copy.db");
        std::fs::copy(town.folder.join("portal.db"), &copy).unwrap();
        town.open(town.outbox()).carry_all().await;
        let first = town.mails();
        assert_eq!(first.len(), 1);
        assert!(!town.keeps("ada@example.org"));
        for part in ["portal.db-wal", "portal.db-shm"] {
            let _ = std::fs::remove_file(town.folder.join(part));
        }
        std::fs::rename(&copy, town.folder.join("portal.db")).unwrap();
        assert!(town.keeps("ada@example.org"));
        town.open(town.outbox()).carry_all().await;
        assert_eq!(town.mails(), first);
        assert!(!town.keeps("ada@example.org"));
    }

    #[tokio::test]
    async fn a_mail_is_tried_again_after_longer_and_longer_waits_and_given_up_when_its_link_has_ended() {
        let town = Town::new("waits");
        let post = town.open(town.outbox());
        std::fs::remove_dir(town.folder.join("outbox")).unwrap();
        std::fs::write(town.folder.join("outbox"), "").unwrap();
        let link = "http://portal.example.org/password/secret";
        post.send(&Letter::password(ada(), Language::English, link));
        post.send(&Letter::password_changed(
            ada(),
            Language::English,
            "http://portal.example.org/forgotten",
        ));
        post.settle().await;
        assert!(town.keeps("/password/secret"));
        // A link for a password works for ten minutes; what only tells something waits for a day.
        town.pass(SignedDuration::from_mins(10));
        post.carry().await;
        assert!(!town.keeps("/password/secret"));
        assert!(town.keeps("ada@example.org"));
        std::fs::remove_file(town.folder.join("outbox")).unwrap();
        // Its turn is not yet.
        town.pass(SignedDuration::from_secs(1));
        post.carry().await;
        assert!(!town.folder.join("outbox").exists());
        town.pass(SignedDuration::from_hours(4));
        post.carry().await;
        assert_eq!(town.mails().len(), 1);
        assert!(!town.keeps("ada@example.org"));

        // And nothing waits for longer than a day.
        std::fs::remove_dir_all(town.folder.join("outbox")).unwrap();
        std::fs::write(town.folder.join("outbox"), "").unwrap();
        post.send(&Letter::deleted(ada(), Language::English));
        post.settle().await;
        town.pass(SignedDuration::from_hours(24));
        post.carry().await;
        assert!(!town.keeps("ada@example.org"));
    }

    #[tokio::test]
    async fn of_several_links_that_wait_the_latest_alone_leaves() {
        let town = Town::new("latest");
        let post = town.open(town.outbox());
        std::fs::remove_dir(town.folder.join("outbox")).unwrap();
        std::fs::write(town.folder.join("outbox"), "").unwrap();
        for token in ["first", "second"] {
            let link = format!("http://portal.example.org/password/{token}");
            post.send(&Letter::password(ada(), Language::English, &link));
            post.settle().await;
        }
        std::fs::remove_file(town.folder.join("outbox")).unwrap();
        post.carry_all().await;
        let mails = town.mails();
        assert!(
            mails.len() == 1 && mails[0].contains("/password/second"),
            "{mails:?}"
        );
    }

    /// A server that answers the first mails with that, and takes the next one.
    #[cfg(feature = "smtp")]
    fn server(refusals: Vec<&'static [u8]>) -> (u16, std::thread::JoinHandle<Vec<String>>) {
        use std::io::{BufRead, BufReader, Write};

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let mut heard = Vec::new();
            for refusal in refusals.into_iter().map(Some).chain([None]) {
                let (mut stream, _) = listener.accept().unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                heard.clear();
                stream.write_all(b"220 played\r\n").unwrap();
                while let Some(Ok(line)) = lines.next() {
                    let answer: &[u8] = match (line.split(' ').next().unwrap(), refusal) {
                        ("RCPT", Some(refusal)) => refusal,
                        ("DATA", _) => b"354 go on\r\n",
                        ("." | "EHLO" | "MAIL" | "RCPT", _) => b"250 fine\r\n",
                        ("QUIT", _) => b"221 bye\r\n",
                        _ => b"",
                    };
                    heard.push(line);
                    if stream.write_all(answer).is_err() || answer.starts_with(b"221") {
                        break;
                    }
                }
            }
            heard
        });
        (port, server)
    }

    #[cfg(feature = "smtp")]
    #[tokio::test]
    async fn a_mail_goes_through_a_server_that_refuses_it_at_first() {
        use crate::config::{Smtp, Tls};

        let (port, server) = server(vec![
            b"451 later, ada@example.org\r\n",
            b"550 no ada@example.org here\r\n",
        ]);
        let town = Town::new("smtp");
        let post = town.open(Way::Smtp(Smtp {
            host: "127.0.0.1".to_owned(),
            port: Some(port),
            tls: Tls::None,
            login: None,
        }));
        post.send(&Letter::deleted(ada(), Language::English));
        post.settle().await;
        for wait in [SignedDuration::from_secs(30), SignedDuration::from_mins(2)] {
            assert!(town.keeps("ada@example.org"));
            town.pass(wait);
            post.carry().await;
        }
        assert!(!town.keeps("ada@example.org"));
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
        assert!(
            heard
                .iter()
                .any(|line| line.starts_with("Message-ID: <") && line.ends_with("@example.org>")),
            "{heard:?}"
        );
    }
}

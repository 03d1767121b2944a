//! The way that mail takes: into a folder, or to a server.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox, SinglePart};
use lettre::{Address, Message};

use crate::accounts::WaitingMail;
use crate::config::{ConfigError, Way};

pub(super) enum Road {
    Outbox(PathBuf),
    #[cfg(feature = "smtp")]
    Smtp(lettre::SmtpTransport),
}

/// Why a mail did not leave; a sentence without its address.
pub(super) enum Hitch {
    /// It alone.
    This(String),
    /// Others would not leave either.
    Closed(String),
}

impl Road {
    /// # Errors
    /// The folder can't be made, or TLS can't be set up.
    pub(super) fn open(way: &Way) -> Result<Self, ConfigError> {
        match way {
            Way::Outbox(folder) => {
                fs::create_dir_all(folder)
                    .map_err(|error| ConfigError(format!("mail.outbox: {}: {error}", folder.display())))?;
                Ok(Self::Outbox(folder.clone()))
            }
            #[cfg(feature = "smtp")]
            Way::Smtp(smtp) => Ok(Self::Smtp(transport(smtp)?)),
        }
    }

    /// Hands a mail over.
    pub(super) fn carry(&self, from: &Mailbox, mail: &WaitingMail) -> Result<(), Hitch> {
        let message = self
            .message(from, mail)
            .map_err(|error| Hitch::This(error.to_string()))?;
        match self {
            Self::Outbox(folder) => {
                file(folder, mail, &message.formatted()).map_err(|error| Hitch::Closed(error.to_string()))
            }
            #[cfg(feature = "smtp")]
            Self::Smtp(transport) => match lettre::Transport::send(transport, &message) {
                Ok(_) => Ok(()),
                Err(error) => Err(hitch(&error)),
            },
        }
    }

    fn message(
        &self,
        from: &Mailbox,
        mail: &WaitingMail,
    ) -> Result<Message, Box<dyn std::error::Error + Send + Sync>> {
        // An address that does not parse is quoted in the error.
        let to: Address = mail.email.parse().map_err(|_| "it has no address")?;
        let written = u64::try_from(mail.created.as_second()).unwrap_or_default();
        let text = mail.text.replace('\n', "\r\n");
        let body = match self {
            // A file is read by people: no signs for line ends and accents in it.
            Self::Outbox(_) => {
                Body::dangerous_pre_encoded(text.into_bytes(), ContentTransferEncoding::EightBit)
            }
            #[cfg(feature = "smtp")]
            Self::Smtp(_) => Body::new(text),
        };
        let part = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body);
        Ok(Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.clone())
            .message_id(Some(format!("<{}@{}>", mail.name, from.email.domain())))
            .date(UNIX_EPOCH + Duration::from_secs(written))
            .singlepart(part)?)
    }
}

/// A file is whole when it has its name, and nobody else's to read. Its name is the mail's own: one that was written just
/// before the program was ended is found and not written again.
fn file(folder: &Path, mail: &WaitingMail, octets: &[u8]) -> io::Result<()> {
    let mark: String = mail.name.chars().take(8).collect();
    let name = format!("{:06}-{mark}", mail.id);
    let path = folder.join(format!("{name}.eml"));
    if path.try_exists()? {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let draft = folder.join(format!(".{name}.part"));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

/// What went wrong, without what the server said: that may have the address in it.
#[cfg(feature = "smtp")]
fn hitch(error: &lettre::transport::smtp::Error) -> Hitch {
    match error.status() {
        Some(code) => Hitch::This(format!("the server answered {code}")),
        None if error.is_response() || error.is_client() => {
            Hitch::This("the server said something that can't be understood".to_owned())
        }
        None => Hitch::Closed(error.to_string()),
    }
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
        .timeout(Some(PATIENCE));
    if let Some(port) = smtp.port {
        builder = builder.port(port);
    }
    if let Some((user, password)) = &smtp.login {
        builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
    }
    Ok(builder.build())
}

/// How long a server may take to say something.
#[cfg(feature = "smtp")]
const PATIENCE: Duration = Duration::from_secs(20);

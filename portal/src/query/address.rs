//! Where the service listens: `http://host:port`, or a Unix socket as `unix:/path`.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tower::Service;

/// Where the service listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host and a port.
    Tcp(String),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// A text that is no address of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAddress {
    /// TLS is not spoken here.
    #[error(
        "https is not spoken here: the service stands beside the portal, or behind a tunnel; write http://host:port"
    )]
    Https,
    /// Neither form.
    #[error("no address of a query service: write http://host:port or unix:/run/releve/api.sock")]
    Form,
}

impl FromStr for Address {
    type Err = NotAddress;

    fn from_str(text: &str) -> Result<Self, NotAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err(NotAddress::Form)
            };
        }
        let uri: Uri = text.parse().map_err(|_| NotAddress::Form)?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(NotAddress::Https),
            _ => return Err(NotAddress::Form),
        }
        let authority = uri.authority().ok_or(NotAddress::Form)?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !bare || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(NotAddress::Form);
        }
        Ok(Self::Tcp(format!(
            "{}:{}",
            authority.host(),
            authority.port_u16().unwrap_or(80)
        )))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host) => write!(f, "http://{host}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Address {
    /// The origin of the questions' addresses; a Unix socket has none of its own.
    pub(super) fn origin(&self) -> String {
        match self {
            Self::Tcp(host) => format!("http://{host}"),
            Self::Unix(_) => "http://localhost".to_owned(),
        }
    }
}

/// Connects to the one address, whatever the question's says.
#[derive(Debug, Clone)]
pub(super) struct Connector(pub(super) Address);

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let address = self.0.clone();
        Box::pin(async move {
            let stream = match address {
                Address::Tcp(host) => {
                    let stream = TcpStream::connect(host).await?;
                    stream.set_nodelay(true)?;
                    Stream::Tcp(stream)
                }
                Address::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
            };
            Ok(TokioIo::new(stream))
        })
    }
}

/// A connection of either kind.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, into),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_forms_and_no_other() {
        assert_eq!(
            "http://127.0.0.1:8080".parse(),
            Ok(Address::Tcp("127.0.0.1:8080".to_owned()))
        );
        assert_eq!("http://cave/".parse(), Ok(Address::Tcp("cave:80".to_owned())));
        assert_eq!(
            "http://[::1]:8080".parse(),
            Ok(Address::Tcp("[::1]:8080".to_owned()))
        );
        assert_eq!(
            "unix:/run/releve.sock".parse(),
            Ok(Address::Unix(PathBuf::from("/run/releve.sock")))
        );
        assert_eq!("https://cave".parse::<Address>(), Err(NotAddress::Https));
        for wrong in [
            "",
            "cave:80",
            "http://",
            "unix:run",
            "http://a/b",
            "http://u:p@a",
            "ftp://a",
            "http://a/?q",
        ] {
            assert_eq!(wrong.parse::<Address>(), Err(NotAddress::Form), "{wrong}");
        }
    }
}

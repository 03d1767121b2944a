//! Sockets: TCP or Unix, bounded connections, heads and waits, and a shutdown that finishes what is in hand.

use std::fmt;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::{Context, router};
use crate::logging::Often;

/// Where the API listens.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    address: String,
    patience: Duration,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        // Removes the file when the listener goes.
        _file: SocketFile,
    },
}

impl Listener {
    /// Listens at `ADDRESS:PORT` or `unix:/path/of/socket`. A socket file that a dead process left is taken over; one
    /// that somebody still answers at is not. The file can be used by its owner and group.
    ///
    /// # Errors
    /// The address is malformed, in use, or not allowed; the sentence names it.
    pub async fn bind(address: &str) -> io::Result<Self> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("api.listen {address:?}: {error}"));
        match address.strip_prefix("unix:") {
            Some(path) => unix(Path::new(path)).await.map_err(named).map(|socket| Self {
                socket,
                address: address.to_owned(),
                patience: PATIENCE,
            }),
            None => {
                let listener = TcpListener::bind(address).await.map_err(named)?;
                let address = listener.local_addr().map_err(named)?.to_string();
                Ok(Self {
                    socket: Socket::Tcp(listener),
                    address,
                    patience: PATIENCE,
                })
            }
        }
    }

    /// With another time that a client has to take its answer and to ask for more; a minute by default.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Where it listens: with the port that the system chose, if it did.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.socket {
            Socket::Tcp(_) => write!(f, "http://{}", self.address),
            Socket::Unix { .. } => f.write_str(&self.address),
        }
    }
}

/// Answers until `shutdown` resolves; then takes no more connections, finishes the requests in hand, and returns.
pub async fn serve(listener: Listener, context: Context, shutdown: impl Future<Output = ()>) {
    let router = router(context);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (closing, told) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        // A place first: who comes when all are taken waits in the system's queue.
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = &mut shutdown => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = accept(&listener.socket) => accepted,
            () = &mut shutdown => break,
        };
        // Those that have ended need not be remembered.
        while connections.try_join_next().is_some() {}
        let (router, told, patience) = (router.clone(), told.clone(), listener.patience);
        match accepted {
            Ok(stream) => {
                connections.spawn(async move {
                    converse(stream, router, told, patience).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Mostly no file descriptors left: the next connection to end gives some back.
                if let Some(times) = UNACCEPTED.again() {
                    tracing::warn!(event = "api.unaccepted", %error, times, "a connection could not be accepted");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    // Nobody new from here on; a socket file goes with its listener.
    drop(listener);
    let _ = closing.send(());
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        tracing::warn!(
            event = "api.cut_off",
            "some requests did not end in time and were cut off"
        );
    }
}

/// Speaks HTTP/1.1 until the client is done or stalls, the service stops, or the connection is too old.
async fn converse(stream: Stream, router: Router, mut told: watch::Receiver<()>, patience: Duration) {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD.min(patience))
        .max_buf_size(HEAD_OCTETS);
    // How many requests are worked on; their answers may still be on their way.
    let (working, mut worked) = watch::channel(0_usize);
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        working.send_modify(|requests| *requests += 1);
        let (answer, working) = (service.call(request), working.clone());
        async move {
            let answer = answer.await;
            working.send_modify(|requests| *requests = requests.saturating_sub(1));
            answer
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut oldest = pin!(tokio::time::sleep(OLDEST));
    loop {
        let idle = *worked.borrow_and_update() == 0;
        tokio::select! {
            // What goes wrong here is the client's connection; nothing to be done about it.
            _ = connection.as_mut() => return,
            _ = told.changed() => break,
            () = &mut oldest => break,
            // It neither takes its answers nor asks for more: others may want the place.
            () = tokio::time::sleep(patience), if idle => break,
            Ok(()) = worked.changed() => {}
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(GRACE.min(patience), connection).await;
}

async fn accept(socket: &Socket) -> io::Result<Stream> {
    match socket {
        Socket::Tcp(listener) => {
            let (stream, _) = listener.accept().await?;
            // Answers are written at once; waiting for more to send only delays them.
            let _ = stream.set_nodelay(true);
            Ok(Box::new(stream))
        }
        Socket::Unix { listener, .. } => {
            let (stream, _) = listener.accept().await?;
            Ok(Box::new(stream))
        }
    }
}

/// A connection of either kind.
type Stream = Box<dyn Duplex>;

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

async fn unix(path: &Path) -> io::Result<Socket> {
    if let Ok(metadata) = std::fs::symlink_metadata(path) {
        if !metadata.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is a file of that name that is no socket: choose another path",
            ));
        }
        if tokio::net::UnixStream::connect(path).await.is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another process answers there: stop it, or choose another path",
            ));
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    let file = SocketFile(path.to_owned());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(Socket::Unix {
        listener,
        _file: file,
    })
}

/// Removed with the listener, so that clients see at once that nobody is there.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Connections that could not be accepted.
static UNACCEPTED: Often = Often::new();

/// Connections at once.
const CONNECTIONS: usize = 512;

/// A client has this long to send the head of its next request.
const HEAD: Duration = Duration::from_secs(30);

/// Nobody needs a longer head.
const HEAD_OCTETS: usize = 16 * 1024;

/// A client that takes no answer and asks nothing for so long is told to go.
const PATIENCE: Duration = Duration::from_secs(60);

/// After this a connection is told to go, so that none is held for ever.
const OLDEST: Duration = Duration::from_secs(600);

/// At shutdown, and for old connections, requests in hand have this long.
const GRACE: Duration = Duration::from_secs(10);

/// Before accepting again after a failure.
const PAUSE: Duration = Duration::from_millis(100);

//! Lines over sockets: from a server that is connected to, from gateways that send datagrams.

use std::fs::File;
use std::io::{self, Read};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::sockopt;

use super::stream::Source;

/// How long a server may take to accept us.
const CONNECT: Duration = Duration::from_secs(10);
/// Reads give up after this long, so that the thread can look whether anybody still listens.
pub(super) const LOOK_UP: Duration = Duration::from_secs(1);
/// A connection that was silent for so long is checked, three times, a sixth of it apart.
const SILENCE: Duration = Duration::from_secs(60);
/// The longest datagram there is.
const DATAGRAM: usize = 65_536;

/// A server that is connected to.
#[derive(Debug)]
pub(super) enum Peer {
    Tcp(String),
    Unix(PathBuf),
}

impl Peer {
    pub(super) fn tcp(address: &str) -> Self {
        Self::Tcp(address.to_owned())
    }

    pub(super) fn unix(path: &Path) -> Self {
        Self::Unix(path.to_owned())
    }

    fn name(&self) -> String {
        match self {
            Self::Tcp(address) => address.clone(),
            Self::Unix(path) => path.display().to_string(),
        }
    }

    fn connect(&self) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Tcp(address) => {
                let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
                for address in address.to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, CONNECT) {
                        Ok(stream) => {
                            stream.set_read_timeout(Some(LOOK_UP))?;
                            // A peer that lost its power says no goodbye.
                            sockopt::set_socket_keepalive(&stream, true)?;
                            sockopt::set_tcp_keepidle(&stream, SILENCE)?;
                            sockopt::set_tcp_keepintvl(&stream, SILENCE / 6)?;
                            sockopt::set_tcp_keepcnt(&stream, 3)?;
                            return Ok(Box::new(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(LOOK_UP))?;
                Ok(Box::new(stream))
            }
        }
    }
}

impl Source for Peer {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        self.connect().map_err(|error| {
            io::Error::new(error.kind(), format!("{} does not answer: {error}", self.name()))
        })
    }

    fn end(&mut self) -> String {
        format!("{} has closed the connection", self.name())
    }
}

/// Datagrams, each ended like a line.
#[derive(Debug)]
pub(super) struct Datagrams {
    socket: UdpSocket,
    /// So many were thrown away when somebody asked last.
    thrown_away: u64,
}

impl Datagrams {
    pub(super) fn bind(address: &str) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_read_timeout(Some(LOOK_UP))?;
        Ok(Self {
            socket,
            thrown_away: 0,
        })
    }
}

impl Source for Datagrams {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Datagram {
            socket: self.socket.try_clone()?,
            octets: Vec::with_capacity(DATAGRAM),
            position: 0,
        }))
    }

    fn end(&mut self) -> String {
        "the socket was closed".to_owned()
    }

    fn overrun(&mut self) -> u64 {
        let now = thrown_away(&self.socket).unwrap_or(self.thrown_away);
        let news = now.saturating_sub(self.thrown_away);
        self.thrown_away = now;
        news
    }
}

/// How many datagrams the system threw away, since they found no room behind those that wait; `None` where it does not say.
fn thrown_away(socket: &UdpSocket) -> Option<u64> {
    let inode = rustix::fs::fstat(socket).ok()?.st_ino;
    ["/proc/net/udp", "/proc/net/udp6"].into_iter().find_map(|table| {
        let mut text = String::new();
        File::open(table)
            .ok()?
            .take(TABLE)
            .read_to_string(&mut text)
            .ok()?;
        text.lines().find_map(|line| {
            let is_ours = line.split_whitespace().nth(9)?.parse() == Ok(inode);
            line.split_whitespace().nth(12).filter(|_| is_ours)?.parse().ok()
        })
    })
}

/// The table of sockets is read so far.
const TABLE: u64 = 1 << 20;

/// The datagram that is being read, and those after it.
struct Datagram {
    socket: UdpSocket,
    octets: Vec<u8>,
    position: usize,
}

impl Read for Datagram {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.octets.len() {
            self.octets.resize(DATAGRAM, 0);
            self.position = 0;
            let received = self.socket.recv(&mut self.octets);
            self.octets.truncate(*received.as_ref().unwrap_or(&0));
            received?;
            if self.octets.last() != Some(&b'\n') {
                self.octets.push(b'\n');
            }
        }
        let rest = self.octets.get(self.position..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        self.position += count;
        Ok(count)
    }
}

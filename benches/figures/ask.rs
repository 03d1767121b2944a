//! Questions, as many as are answered: each of some clients asks again as soon as it has its answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{Counted, Daemon};

/// How a load went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Answers in a second.
    pub(crate) rate: f64,
    /// Half of the answers came within this time.
    pub(crate) median: Duration,
    /// Ninety-nine of a hundred did.
    pub(crate) p99: Duration,
    /// Octets of an answer, on average.
    pub(crate) octets: u64,
    /// Time on a processor that an answer took the service.
    pub(crate) service: Duration,
    /// The same of this process, which asked.
    pub(crate) clients: Duration,
}

/// Asks on so many connections for some time; `question` gives the path for a number.
pub(crate) fn load(
    daemon: &Daemon,
    clients: u64,
    most: Duration,
    question: &(dyn Fn(u64) -> String + Sync),
) -> Load {
    let (next, octets) = (AtomicU64::new(0), AtomicU64::new(0));
    let busy = || (daemon.counted().busy, Counted::of(process::id()).busy);
    let before = busy();
    let begun = Instant::now();
    let mut all: Vec<Duration> = thread::scope(|scope| {
        let client = || {
            let mut stream = TcpStream::connect(&daemon.address).unwrap();
            stream.set_nodelay(true).unwrap();
            let mut buffer = vec![0; 1 << 17];
            let (mut times, mut read) = (Vec::new(), 0);
            let mut head = Vec::new();
            while begun.elapsed() < most {
                head.clear();
                let path = question(next.fetch_add(1, Ordering::Relaxed));
                write!(
                    head,
                    "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
                    daemon.token
                )
                .unwrap();
                let asked = Instant::now();
                stream.write_all(&head).unwrap();
                read += answer(&mut stream, &mut buffer);
                times.push(asked.elapsed());
            }
            octets.fetch_add(read, Ordering::Relaxed);
            times
        };
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    });
    let lasted = begun.elapsed();
    let after = busy();
    all.sort_unstable();
    let of = |part: usize| all.get(all.len() * part / 1000).copied().unwrap_or_default();
    let answers = u32::try_from(all.len().max(1)).unwrap();
    Load {
        rate: f64::from(answers) / lasted.as_secs_f64(),
        median: of(500),
        p99: of(990),
        octets: octets.load(Ordering::Relaxed) / u64::from(answers),
        service: (after.0 - before.0) / answers,
        clients: (after.1 - before.1) / answers,
    }
}

/// Reads an answer, which must be good; the octets of its body.
fn answer(from: &mut TcpStream, buffer: &mut [u8]) -> u64 {
    let mut filled = 0;
    let body = loop {
        let more = from.read(&mut buffer[filled..]).unwrap();
        assert!(more > 0, "the service hung up");
        filled += more;
        if let Some(end) = buffer[..filled]
            .windows(4)
            .position(|octets| octets == b"\r\n\r\n")
        {
            break end + 4;
        }
    };
    let head = str::from_utf8(&buffer[..body]).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, length)| length.trim().parse().unwrap());
    let mut left = length - (filled - body);
    while left > 0 {
        let most = left.min(buffer.len());
        let more = from.read(&mut buffer[..most]).unwrap();
        assert!(more > 0, "the service hung up");
        left -= more;
    }
    length as u64
}

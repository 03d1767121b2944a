//! Questions, as many as are answered: each of some clients asks again as soon as it has its answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::Daemon;

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
}

/// Asks on so many connections for some time; `question` gives the path for a number.
pub(crate) fn load(
    daemon: &Daemon,
    clients: u64,
    most: Duration,
    question: &(dyn Fn(u64) -> String + Sync),
) -> Load {
    let (next, octets) = (AtomicU64::new(0), AtomicU64::new(0));
    let begun = Instant::now();
    let mut all: Vec<Duration> = thread::scope(|scope| {
        let client = || {
            let stream = TcpStream::connect(&daemon.address).unwrap();
            stream.set_nodelay(true).unwrap();
            let mut answers = BufReader::with_capacity(1 << 16, stream.try_clone().unwrap());
            let mut stream = stream;
            let mut times = Vec::new();
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
                octets.fetch_add(answer(&mut answers), Ordering::Relaxed);
                times.push(asked.elapsed());
            }
            times
        };
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    });
    let lasted = begun.elapsed();
    all.sort_unstable();
    let of = |part: usize| all.get(all.len() * part / 1000).copied().unwrap_or_default();
    #[allow(clippy::cast_precision_loss, reason = "for people")]
    let rate = all.len() as f64 / lasted.as_secs_f64();
    Load {
        rate,
        median: of(500),
        p99: of(990),
        octets: octets.load(Ordering::Relaxed) / (all.len() as u64).max(1),
    }
}

/// Reads an answer, which must be good; the octets of its body.
fn answer(from: &mut BufReader<TcpStream>) -> u64 {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
    let mut length = 0_u64;
    loop {
        line.clear();
        from.read_line(&mut line).unwrap();
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let read = std::io::copy(&mut from.take(length), &mut std::io::sink()).unwrap();
    assert_eq!(read, length);
    length
}

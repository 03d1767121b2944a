//! Raw telegrams from an MQTT broker, as radio bridges publish them: each message a line of any capture format.
//!
//! Retained messages are old telegrams that the broker repeats at every connection: left out. What a bridge says of itself
//! beside telegrams ends as a rejected line, counted and not believed.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS, RecvTimeoutError};

use super::stream::Source;

/// A broker, and what to subscribe to there.
#[derive(Clone)]
pub struct Broker {
    /// Its name or address.
    pub host: String,
    /// Its port; 1883 mostly.
    pub port: u16,
    /// Topics, with `+` and `#`.
    pub topics: Vec<String>,
    /// Name and password, when it asks for them.
    pub login: Option<(String, String)>,
    /// What we call ourselves there; another client of that name is thrown out.
    pub client: String,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

/// Longer than any telegram in any of the formats; a broker that sends more is disconnected.
const LARGEST: usize = 64 * 1024;
/// Requests of ours that wait: subscriptions.
const REQUESTS: usize = 64;
/// How long a read waits before whoever reads may look up.
const MOMENT: Duration = Duration::from_millis(500);

impl Source for Broker {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        let mut options = MqttOptions::new(self.client.clone(), self.host.clone(), self.port);
        options.set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(LARGEST, LARGEST);
        if let Some((name, password)) = &self.login {
            options.set_credentials(name.clone(), password.clone());
        }
        let (client, connection) = Client::new(options, REQUESTS);
        for topic in &self.topics {
            // What is lost on the way to a bridge is lost in the air as well: nothing to be asked for twice.
            client
                .try_subscribe(topic.clone(), QoS::AtMostOnce)
                .map_err(|error| io::Error::other(format!("{topic}: {error}")))?;
        }
        Ok(Box::new(Messages {
            connection,
            _client: client,
            waiting: VecDeque::new(),
        }))
    }

    fn end(&mut self) -> String {
        format!("the broker {}:{} ended the connection", self.host, self.port)
    }
}

/// Messages as lines.
struct Messages {
    connection: Connection,
    /// Its end would end the connection.
    _client: Client,
    waiting: VecDeque<u8>,
}

impl Read for Messages {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.waiting.is_empty() {
            match self.connection.recv_timeout(MOMENT) {
                Ok(Ok(Event::Incoming(Packet::Publish(message)))) if !message.retain => {
                    self.waiting.extend(message.payload.iter());
                    self.waiting.push_back(b'\n');
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(io::Error::other(error.to_string())),
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        self.waiting.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;

    /// A broker for one client, which sends it these octets once it has said who it is.
    fn broker(octets: Vec<u8>) -> Broker {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut client, _): (TcpStream, _) = listener.accept().unwrap();
            let mut hello = [0; 256];
            let _ = client.read(&mut hello).unwrap();
            client.write_all(&[0x20, 2, 0, 0]).unwrap();
            let _ = client.write_all(&octets);
            // Until the client has gone.
            while client.read(&mut hello).is_ok_and(|length| length > 0) {}
        });
        Broker {
            host: "127.0.0.1".to_owned(),
            port,
            topics: vec!["a".to_owned()],
            login: None,
            client: "test".to_owned(),
        }
    }

    /// A message of so many octets under the topic `a`.
    fn publish(length: usize) -> Vec<u8> {
        let mut octets = vec![0x30];
        let mut rest = length + 3;
        while rest > 0 {
            let more = if rest > 127 { 0x80 } else { 0 };
            octets.push((rest % 128) as u8 | more);
            rest /= 128;
        }
        octets.extend([0, 1, b'a']);
        octets.extend(vec![b'x'; length]);
        octets
    }

    /// All that is read until something goes wrong.
    fn read(mut broker: Broker) -> (usize, io::ErrorKind) {
        let mut source = broker.open().unwrap();
        let (mut octets, mut buffer) = (0, [0; 4096]);
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return (octets, io::ErrorKind::UnexpectedEof),
                Ok(length) => octets += length,
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                Err(error) => return (octets, error.kind()),
            }
        }
    }

    #[test]
    fn a_broker_that_sends_too_much_is_left() {
        let small = publish(100);
        let two = [small.clone(), small.clone()].concat();
        let mut source = broker(two).open().unwrap();
        let mut lines = [0; 202];
        let mut filled = 0;
        while filled < lines.len() {
            match source.read(&mut lines[filled..]) {
                Ok(length) => filled += length,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
            }
        }
        // What came with what is too much may be lost with it.
        let (octets, why) = read(broker(
            [small.clone(), publish(10 * LARGEST), small.clone()].concat(),
        ));
        assert!(octets <= 101 && why == io::ErrorKind::Other, "{octets} {why}");
        // Nor is one that says that gigabytes are to come.
        let endless = [small, vec![0x30, 0xFF, 0xFF, 0xFF, 0x7F]].concat();
        let (octets, why) = read(broker(endless));
        assert!(octets <= 101 && why == io::ErrorKind::Other, "{octets} {why}");
    }
}

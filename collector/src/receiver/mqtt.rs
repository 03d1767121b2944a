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

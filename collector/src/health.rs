//! How a receiver is: what it is doing, since when, and how often it had to be helped.

use jiff::Timestamp;

/// What a receiver is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// Being opened and set up.
    Opening,
    /// Set up, and listening.
    Listening,
    /// Gone, or it does not answer; opened again and again.
    Lost,
}

impl Condition {
    /// The name, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Listening => "listening",
            Self::Lost => "lost",
        }
    }
}

/// How a receiver is. Counters count since it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// What it is doing.
    pub condition: Condition,
    /// Since when.
    pub since: Timestamp,
    /// Who it is: model, firmware, its own number; before it was set up, model and port.
    pub identity: String,
    /// Why it was lost, the latest time that it was.
    pub reason: Option<String>,
    /// How often its port was opened.
    pub opened: u64,
    /// How often it was lost.
    pub losses: u64,
    /// How often it was asked and set up again, since it had fallen silent.
    pub asked: u64,
    /// How often it was reset by its own command, since it had fallen silent.
    pub resets: u64,
    /// How often it was closed and opened again, since it had fallen silent.
    pub reopened: u64,
    /// Telegrams it gave.
    pub telegrams: u64,
    /// Octets that belonged to nothing.
    pub noise: u64,
}

impl Health {
    /// Of a receiver that was not opened yet.
    pub fn new(identity: String) -> Self {
        Self {
            condition: Condition::Opening,
            since: Timestamp::now(),
            identity,
            reason: None,
            opened: 0,
            losses: 0,
            asked: 0,
            resets: 0,
            reopened: 0,
            telegrams: 0,
            noise: 0,
        }
    }

    /// It was set up.
    pub fn listening(&mut self, identity: String) {
        self.identity = identity;
        self.turn(Condition::Listening);
    }

    /// It is gone.
    pub fn lost(&mut self, reason: String) {
        if self.condition != Condition::Lost {
            self.losses += 1;
        }
        self.reason = Some(reason);
        self.turn(Condition::Lost);
    }

    /// It gave a telegram.
    pub fn telegram(&mut self) {
        self.telegrams += 1;
    }

    /// It gave a telegram, so it listens.
    pub fn heard(&mut self) {
        self.telegrams += 1;
        self.turn(Condition::Listening);
    }

    fn turn(&mut self, condition: Condition) {
        if self.condition != condition {
            self.condition = condition;
            self.since = Timestamp::now();
        }
    }
}

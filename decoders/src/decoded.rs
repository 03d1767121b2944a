//! What a telegram says: readings, facts and remarks.

use std::borrow::Cow;
use std::sync::Arc;

use wmbus::Address;

use crate::reading::{Reading, Stamp, Status};

/// Everything that a telegram says about its meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The metering point's address.
    pub meter: Address,
    /// Who sent it: the meter, or an adapter in front of it.
    pub sender: Address,
    /// The family that read it; `standard` where no page answers for the meter.
    pub decoder: Arc<str>,
    /// Security mode of the transport layer.
    pub mode: u8,
    /// A MAC or a tag has been checked.
    pub authenticated: bool,
    /// The meter's clock, as it shows it.
    pub device_time: Option<Stamp>,
    /// How old the current values were when they were sent, in seconds, where the meter says so.
    pub age_seconds: Option<i64>,
    /// Conditions, sorted, each once.
    pub status: Vec<Status>,
    /// Values, in the order of the telegram.
    pub readings: Vec<Reading>,
    /// What else the meter says about itself.
    pub facts: Vec<Fact>,
    /// What was not understood, or is worth knowing.
    pub remarks: Vec<Remark>,
    /// Nobody reads remarks.
    pub(crate) without_remarks: bool,
    /// Names of facts that were met in this place.
    names: Names,
}

/// Names that need no memory of their own when they come again. They say nothing about a telegram.
#[derive(Clone, Debug, Default)]
struct Names(Vec<Arc<str>>);

/// More than the meters of a building have.
const MOST_NAMES: usize = 24;

impl Names {
    fn of(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| ***known == *name) {
            return known.clone();
        }
        let name = Arc::from(name);
        if self.0.len() < MOST_NAMES {
            self.0.push(Arc::clone(&name));
        }
        name
    }
}

impl PartialEq for Names {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Names {}

/// A fact about a meter: a name and a text, such as `firmware` and `010301`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name, stable for machines.
    pub name: Arc<str>,
    /// Its value.
    pub value: String,
}

/// Something worth knowing about a telegram that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Stable for machines.
    pub code: &'static str,
    /// A sentence for people.
    pub text: Cow<'static, str>,
}

/// Nothing yet: to be filled by [`crate::Families::decode_into`].
impl Default for Decoded {
    fn default() -> Self {
        let nobody = Address::from_link_octets([0; 8]);
        Self::new(nobody, nobody, "".into())
    }
}

impl Decoded {
    pub(crate) fn new(meter: Address, sender: Address, decoder: Arc<str>) -> Self {
        Self {
            meter,
            sender,
            decoder,
            mode: 0,
            authenticated: false,
            device_time: None,
            age_seconds: None,
            status: Vec::new(),
            readings: Vec::new(),
            facts: Vec::new(),
            remarks: Vec::new(),
            without_remarks: false,
            names: Names::default(),
        }
    }

    /// Begins anew, for another telegram: nothing of the one before stays but the memory that it took.
    pub(crate) fn begin(&mut self, meter: Address, sender: Address, decoder: Arc<str>) {
        // One by one: putting another one in its place moves the whole of it twice.
        let Self {
            meter: own_meter,
            sender: own_sender,
            decoder: own_decoder,
            mode,
            authenticated,
            device_time,
            age_seconds,
            status,
            readings,
            facts,
            remarks,
            without_remarks,
            names: _,
        } = self;
        (*own_meter, *own_sender, *own_decoder) = (meter, sender, decoder);
        (*mode, *authenticated, *without_remarks) = (0, false, false);
        (*device_time, *age_seconds) = (None, None);
        status.clear();
        readings.clear();
        facts.clear();
        remarks.clear();
    }

    pub(crate) fn fact(&mut self, name: &str, value: impl Into<String>) {
        let name = self.names.of(name);
        let value = value.into();
        self.facts.push(Fact { name, value });
    }

    pub(crate) fn remark(&mut self, code: &'static str, text: impl Into<Cow<'static, str>>) {
        self.remark_with(code, || text.into());
    }

    /// As [`Decoded::remark`], for a sentence that takes time to write.
    pub(crate) fn remark_with(&mut self, code: &'static str, text: impl FnOnce() -> Cow<'static, str>) {
        if !self.without_remarks {
            self.remarks.push(Remark { code, text: text() });
        }
    }
}

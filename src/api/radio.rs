//! What is on the air: receivers, registered meters and how they are heard, and the neighbours.

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::alerts::Rhythm;
use crate::registry::MeterId;
use crate::store::{Heard, Outage, RadioState, ReceiverState, Store};

use super::Context;
use super::json::Json;
use super::meters::{MeterHeard, Name};
use super::page::{Cursor, Limit, List, Page};
use super::problem::Problem;
use super::query::Asked;

/// What is heard.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Air {
    /// The receivers, by name.
    radios: Vec<Radio>,
    /// The receivers as the daemon last saw them, by name: what they do, and how often they had to be helped.
    receivers: Vec<Receiver>,
    /// When receivers could not hear, the newest first: at most 100.
    outages: Vec<Silence>,
    /// The registered meters, and how they are heard.
    meters: Page<MeterOnAir>,
    /// Meters that are not registered, the latest heard first; on the first page only. They are counted, not read.
    unregistered: Vec<Stranger>,
}

/// A receiver.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Radio {
    /// Its configured name.
    name: String,
    /// First telegram.
    first_heard: String,
    /// Latest telegram.
    last_heard: String,
    /// Telegrams of registered meters that it was the first to bring.
    telegrams: u64,
}

/// A receiver as the daemon last saw it. Counters count since the daemon began.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Receiver {
    /// Its configured name.
    name: String,
    /// `opening`, `listening` or `lost`.
    #[schema(example = "listening")]
    condition: String,
    /// Since when.
    since: String,
    /// The daemon's latest look at it.
    seen: String,
    /// Who it is: model, firmware, its own number.
    identity: String,
    /// Why it was lost, the latest time that it was.
    reason: Option<String>,
    /// How often it was opened.
    opened: u64,
    /// How often it was lost.
    losses: u64,
    /// How often it was asked and set up again, since it had fallen silent.
    asked: u64,
    /// How often it was reset by its own command, since it had fallen silent.
    resets: u64,
    /// How often it was closed and opened again, since it had fallen silent.
    reopened: u64,
    /// Telegrams it gave, whoever's.
    telegrams: u64,
    /// Octets that belonged to nothing.
    noise: u64,
}

/// A time in which a receiver could not hear.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Silence {
    /// Which receiver.
    receiver: String,
    /// Its beginning.
    since: String,
    /// Its end; null while it lasts.
    until: Option<String>,
    /// Why, in a sentence.
    reason: String,
}

/// A registered meter on the air.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MeterOnAir {
    #[serde(flatten)]
    name: Name,
    /// How it was last heard; null when never.
    heard: Option<MeterHeard>,
    /// `on_time`, `late` or `lost` by its own rhythm of the week before, so that a silent night is no fault; `taken_off` when
    /// it is silent and hangs nowhere any more, as the registry says; null when it was heard too seldom to have one.
    #[schema(example = "on_time")]
    rhythm: Option<&'static str>,
}

/// An unregistered meter.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stranger {
    /// The maker's three letters.
    manufacturer: String,
    /// The identification number.
    id: String,
    /// The maker's generation.
    version: String,
    /// What it measures, by its device type.
    medium: &'static str,
    /// First time.
    first_heard: String,
    /// Latest time.
    last_heard: String,
    /// How many telegrams.
    telegrams: u64,
    /// Strength of the latest, in dBm.
    rssi_dbm: Option<i16>,
    /// Receiver of the latest.
    radio: String,
}

/// Which registered meters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RadioQuery {
    /// Where the page of meters before ended.
    cursor: Option<String>,
    /// How many meters, 1 to 1000.
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: Limit,
}

/// Show what is heard: receivers, registered meters, and meters that are not registered.
#[utoipa::path(
    get,
    path = "/v1/radio",
    tag = "radio",
    params(RadioQuery),
    responses((status = 200, description = "What is heard", body = Air), Problem),
    security(("token" = ["operator"]))
)]
pub(super) async fn show(
    State(context): State<Context>,
    Asked(asked): Asked<RadioQuery>,
) -> Result<Json<Air>, Problem> {
    let now = context.now();
    context
        .ask(move |store| {
            let after = asked
                .cursor
                .as_deref()
                .map(|cursor| Cursor::key::<1>(cursor, List::Radio, "cursor"))
                .transpose()?
                .map(|[id]| MeterId(id));
            let limit = asked.limit.0;
            let meters = store.meters(after, limit + 1)?;
            // Both lists are in the order of ids, and whoever has a state is registered.
            let mut states = store.meter_states(after, limit + 1)?.into_iter().peekable();
            let unregistered = match after {
                None => store.heard(MOST_STRANGERS)?,
                Some(_) => Vec::new(),
            };
            Ok(Air {
                radios: store.radios()?.into_iter().map(Radio::from).collect(),
                receivers: store.receivers()?.into_iter().map(Receiver::from).collect(),
                outages: store.outages(OUTAGES)?.into_iter().map(Silence::from).collect(),
                meters: Page::cut(
                    meters,
                    limit,
                    |meter| Cursor::new(List::Radio, [meter.id.0]),
                    |meter| {
                        let state = states.next_if(|state| state.meter == meter.id);
                        let rhythm = match &state {
                            Some(state) => Rhythm::of(store, meter.id, state, now)?,
                            None => None,
                        };
                        let silent = rhythm.is_some_and(|rhythm| rhythm != Rhythm::OnTime);
                        let rhythm = if silent && is_taken_off(store, meter.id, now)? {
                            Some(TAKEN_OFF)
                        } else {
                            rhythm.map(Rhythm::name)
                        };
                        Ok(MeterOnAir {
                            rhythm,
                            name: Name::of(&meter),
                            heard: state.map(MeterHeard::from),
                        })
                    },
                )?,
                unregistered: unregistered.into_iter().map(Stranger::from).collect(),
            })
        })
        .await
        .map(Json)
}

/// The word for a meter that nobody waits for.
const TAKEN_OFF: &str = "taken_off";

/// Whether a meter hung somewhere, and does no more.
fn is_taken_off(store: &dyn Store, meter: MeterId, now: Timestamp) -> Result<bool, Problem> {
    let placements = store.placements_of_meter(meter)?;
    let hangs = placements
        .iter()
        .any(|placement| placement.installation.covers(now));
    Ok(!hangs && !placements.is_empty())
}

impl From<RadioState> for Radio {
    fn from(radio: RadioState) -> Self {
        Self {
            name: radio.name,
            first_heard: radio.first_heard.to_string(),
            last_heard: radio.last_heard.to_string(),
            telegrams: radio.telegrams,
        }
    }
}

impl From<ReceiverState> for Receiver {
    fn from(state: ReceiverState) -> Self {
        Self {
            name: state.name,
            condition: state.condition,
            since: state.since.to_string(),
            seen: state.seen.to_string(),
            identity: state.identity,
            reason: state.reason,
            opened: state.opened,
            losses: state.losses,
            asked: state.asked,
            resets: state.resets,
            reopened: state.reopened,
            telegrams: state.telegrams,
            noise: state.noise,
        }
    }
}

impl From<Outage> for Silence {
    fn from(outage: Outage) -> Self {
        Self {
            receiver: outage.receiver,
            since: outage.since.to_string(),
            until: outage.until.map(|until| until.to_string()),
            reason: outage.reason,
        }
    }
}

impl From<Heard> for Stranger {
    fn from(heard: Heard) -> Self {
        Self {
            manufacturer: heard.address.manufacturer.to_string(),
            id: heard.address.identification_number.to_string(),
            version: heard.address.version.to_string(),
            medium: heard.address.device_type.name(),
            first_heard: heard.first_heard.to_string(),
            last_heard: heard.last_heard.to_string(),
            telegrams: heard.telegrams,
            rssi_dbm: heard.rssi_dbm,
            radio: heard.radio,
        }
    }
}

/// Strangers on one page: a town's worth is more than an installer reads.
pub(super) const MOST_STRANGERS: usize = 1000;
/// Outages on a page.
pub(super) const OUTAGES: usize = 100;

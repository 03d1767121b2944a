//! A building that never was: dwellings, meters of real families, a year of telegrams, and what truly happened.
//!
//! ```text
//! Plan → Building → on_the_air → capture, registry, truth, events
//! ```

mod air;
mod building;
mod chance;
mod events;
mod fleet;
mod habits;
mod register;
mod truth;
mod write;

pub use air::{Heard, SimulateError};
pub use building::{Building, Dwelling, Plan, Point, Use};
pub use events::{Events, Happened};
pub use truth::Fact;
pub use write::{Written, registry_list, write};

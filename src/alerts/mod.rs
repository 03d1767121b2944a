//! What a caretaker should know: leaks, silent meters, weak batteries, tampering and the like.
//!
//! ```text
//! store ─► look at one meter: Signs ─► rules ─► is / is not / can't be told ─► store: raised, still there, cleared
//! ```
//!
//! A look samples a meter's readings hour by hour and day by day, whatever the number of its telegrams, and takes some
//! meters at a time, so that its work is bounded. It knows no SQL, no HTTP and no telegram.

mod kind;
mod quarantine;
mod resident;
mod rhythm;
mod rules;
mod signs;
#[cfg(test)]
mod tests;
mod watch;
mod words;

pub use kind::{Kind, Severity, State};
pub use quarantine::quarantine;
pub use resident::explain_to_resident;
pub use rhythm::{Rhythm, Spoken};
pub use rules::{Verdict, judge};
pub use signs::{Point, Signs};
pub use watch::{Looked, look, watch};
pub use words::{Explanation, explain};

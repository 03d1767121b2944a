//! From a telegram to readings: where frames, families, registry and store meet. `decode`, `replay`, `run` and `redecode`
//! walk the same way.

mod memory;
mod outcome;

pub use memory::Memory;
pub use outcome::Outcome;

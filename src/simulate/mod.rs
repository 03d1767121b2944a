//! A building that never was: dwellings, meters of real families, a year of telegrams, and what truly happened.

mod building;
mod chance;
mod fleet;
mod habits;
mod register;

pub use building::{Building, Dwelling, Plan, Point, Use};

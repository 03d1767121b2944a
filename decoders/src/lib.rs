//! Wireless M-Bus meter families: from data records to readings and back.

pub mod reading;

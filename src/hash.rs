//! Tables for what is looked up with every telegram: the hash is quick, and seeded anew in each process.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

/// A table from keys to values.
pub(crate) type Map<K, V> = HashMap<K, V, RandomState>;

/// A set of keys.
pub(crate) type Set<K> = HashSet<K, RandomState>;

/// One number for a value, by which it is known again in this process: two values have the same one in one of 2^64.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prints(foldhash::quality::RandomState);

impl Prints {
    /// The number of a value.
    pub(crate) fn of<T: Hash>(&self, value: &T) -> u64 {
        self.0.hash_one(value)
    }
}

//! Tables for what is looked up with every telegram: the hash is quick, and seeded anew in each process.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

/// A table from keys to values.
pub(crate) type Map<K, V> = HashMap<K, V, RandomState>;

/// A set of keys.
pub(crate) type Set<K> = HashSet<K, RandomState>;

//! The list of functions that a release is linked with in front.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

#[test]
fn the_list_that_a_release_is_linked_with_speaks_of_functions_there_are() {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/daemon.ld");
    let list = fs::read_to_string(list).unwrap();
    let binary = fs::read(env!("CARGO_BIN_EXE_releve")).unwrap();
    let there = names(&binary);
    let ours: Vec<&str> = list
        .lines()
        .filter_map(|line| line.trim().strip_prefix(".text._ZN6releve")?.split_once("* "))
        .map(|(name, _)| name)
        .collect();
    let known = ours.iter().filter(|name| there.contains(name.as_bytes())).count();
    assert!(
        ours.len() > 100 && known * 4 >= ours.len() * 3,
        "of {} functions of ours in deploy/daemon.ld {known} are still called so: write it anew with deploy/order.py, \
         else the daemon takes more memory again",
        ours.len()
    );
}

/// Names of our own functions in a binary: behind that of the crate, and without the sixteen digits, and the E, that tell
/// compilers apart.
fn names(binary: &[u8]) -> HashSet<&[u8]> {
    const BEGIN: &[u8] = b"_ZN6releve";
    // A binary with symbols is large: by the last octet seen, so far the next name is away at least.
    let mut steps = [BEGIN.len(); 256];
    for (position, octet) in BEGIN[..BEGIN.len() - 1].iter().enumerate() {
        steps[usize::from(*octet)] = BEGIN.len() - 1 - position;
    }
    let (mut names, mut at) = (HashSet::new(), 0);
    while let Some(seen) = binary.get(at..at + BEGIN.len()) {
        if seen == BEGIN {
            let name = binary[at..].split(|octet| *octet == 0).next().unwrap();
            names.extend(
                name.len()
                    .checked_sub(17)
                    .and_then(|end| name.get(BEGIN.len()..end)),
            );
        }
        at += steps[usize::from(seen[BEGIN.len() - 1])];
    }
    names
}

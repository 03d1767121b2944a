//! How a release of the daemon is linked: what it runs stands together (`deploy/order.py` says why).

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={ORDER}");
    println!("cargo::rerun-if-env-changed={PLAIN}");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|said| said == value);
    // The list speaks of functions that were optimised, in a language of lld and GNU ld.
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && env::var_os(PLAIN).is_none() {
        let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bin=releve=-T");
        println!("cargo::rustc-link-arg-bin=releve={folder}/{ORDER}");
    }
}

/// Set where another linker is used, which can't read the list.
const PLAIN: &str = "RELEVE_LINK_PLAIN";

/// Functions that the daemon runs.
const ORDER: &str = "deploy/daemon.ld";

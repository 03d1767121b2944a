//! The `releve` binary: arguments → command → exit code.
fn main() {}

//! The modules of the `releve` binary, as a library for tests in process.

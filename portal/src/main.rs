//! `releve-portal`: the resident's pages.

mod commands;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::main()
}

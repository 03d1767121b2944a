//! The `releve` binary: arguments → command → exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    releve::cmd::main()
}

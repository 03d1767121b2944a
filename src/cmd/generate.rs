//! `releve generate`: shell completions and manual pages, from the same definitions as `--help`.

use std::io;
use std::path::PathBuf;

use clap_complete::Shell;

use super::{Done, Outcome};

/// What to generate.
#[derive(clap::Args)]
#[command(
    after_help = "Example: releve generate completions bash > /usr/share/bash-completion/completions/releve"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// The completions of a shell, on standard output.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// One manual page per command, into a folder.
    Man {
        /// The folder; it must exist.
        folder: PathBuf,
    },
}

pub(super) fn run(args: &Args, mut command: clap::Command) -> Outcome {
    match &args.what {
        What::Completions { shell } => {
            // Rendered first, so that a reader who hangs up is an error here and not a panic there.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut command, "releve", &mut script);
            io::Write::write_all(&mut io::stdout().lock(), &script)?;
        }
        What::Man { folder } => clap_mangen::generate_to(command, folder)
            .map_err(|error| format!("{}: can't write the manual pages: {error}", folder.display()))?,
    }
    Ok(Done::Whole)
}

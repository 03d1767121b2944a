//! The command line: one file per subcommand, each with its arguments and the function that runs it.

mod generate;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Reads the wireless M-Bus meters of a building: decrypts, decodes, keeps exact readings, answers for consumption.
#[derive(Parser)]
#[command(name = "releve", version, max_term_width = 110)]
#[command(after_help = "Try `releve demo`: a simulated building, replayed and served, without any hardware.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the shell completions or the manual pages.
    Generate(generate::Args),
}

/// How a command ended when nothing went wrong with running it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// All that was asked for is done: exit status 0.
    Whole,
    /// The command ran, but not everything it was given was good: exit status 1.
    InPart,
}

/// What a command gives back; an error is a sentence for people, exit status 2.
pub type Outcome = Result<Done, Box<dyn Error + Send + Sync>>;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    exit_code(match cli.command {
        Command::Generate(args) => generate::run(&args, Cli::command()),
    })
}

fn exit_code(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(Done::Whole) => ExitCode::SUCCESS,
        Ok(Done::InPart) => ExitCode::from(1),
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed too.
            let _ = writeln!(io::stderr(), "releve: {}", chain(&*error));
            ExitCode::from(2)
        }
    }
}

/// An error with all its causes, as one sentence.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        // Some errors print their cause themselves.
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text
}

/// `releve … | head` is no failure.
fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

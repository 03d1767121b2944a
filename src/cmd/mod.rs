//! The command line: one file per subcommand, each with its arguments and the function that runs it.

mod alerts;
mod backup;
mod capture;
mod check;
mod consumption;
mod decode;
mod demo;
mod erase;
mod families;
mod generate;
mod held;
mod keys;
mod listen;
mod meters;
mod progress;
mod radios;
mod readings;
mod redecode;
mod registry;
mod replay;
mod run;
mod simulate;
mod source;
mod token;
mod tty;

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use decoders::Families;

use crate::plain::plain;

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
    /// Show what telegrams say: every layer and record for people, JSON for machines.
    Decode(decode::Args),
    /// Run the daemon: listen, read, store, answer.
    Run(run::Args),
    /// Show which radios are plugged in, and what they are.
    Radios(radios::Args),
    /// Show who is on the air: each meter, how well it is heard, whether its key is known, who is missing.
    Listen(listen::Args),
    /// Write down what is heard, in files that rotate and can be replayed.
    Capture(capture::Args),
    /// Import or export the list of sites, dwellings, meters and keys.
    Registry(registry::Args),
    /// Say of every meter whether its key is right, and import keys.
    Keys(keys::Args),
    /// Put captured telegrams into the store; a second time changes nothing.
    Replay(replay::Args),
    /// Read the archive again after a new key, page or release; only what changes is written.
    Redecode(redecode::Args),
    /// List, show and check the pages of meter families, and make an example telegram of one.
    Families(families::Args),
    /// Show what a dwelling used, by day, week, month or year.
    Consumption(consumption::Args),
    /// Show a meter's exact readings.
    Readings(readings::Args),
    /// List the registered meters: where they hang, how they were last heard.
    Meters(meters::Args),
    /// Look everything over: store, disk, clock, registry, keys, meters; each finding with what to do.
    Check(check::Args),
    /// List what a caretaker should know: leaks, silent meters, weak batteries, tampering.
    Alerts(alerts::Args),
    /// Copy the store while the daemon runs; the copy is complete, examined and on the disk.
    Backup(backup::Args),
    /// Put a copy back; what was there is set aside.
    Restore(backup::RestoreArgs),
    /// Delete a dwelling's data, or those of a household that has left, with a receipt.
    Erase(erase::Args),
    /// Make, list and remove the tokens of the API.
    Token(token::Args),
    /// Make a building that never was: a capture, its registry, and what truly happened.
    Simulate(simulate::Args),
    /// Show it all without hardware: a simulated building, replayed and served.
    Demo(demo::Args),
    /// Print the shell completions or the manual pages.
    Generate(generate::Args),
}

/// Where the store is when nobody says.
const DEFAULT_DB: &str = "releve.db";

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
        Command::Decode(args) => decode::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Radios(args) => radios::run(&args),
        Command::Listen(args) => listen::run(&args),
        Command::Capture(args) => capture::run(&args),
        Command::Registry(args) => registry::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Redecode(args) => redecode::run(&args),
        Command::Families(args) => families::run(&args),
        Command::Consumption(args) => consumption::run(&args),
        Command::Readings(args) => readings::run(&args),
        Command::Meters(args) => meters::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Alerts(args) => alerts::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Erase(args) => erase::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Generate(args) => generate::run(&args, Cli::command()),
    })
}

/// Who typed the command, for the registry's history.
fn operator() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .map(|user| {
            user.chars()
                .filter(|c| !c.is_control())
                .take(40)
                .collect::<String>()
        })
        .filter(|user| !user.is_empty());
    match user {
        Some(user) => format!("command line ({user})"),
        None => "command line".to_owned(),
    }
}

/// Writes to standard output; a reader who has hung up is an error and no panic. Control characters that came with names
/// and telegrams are written out.
fn print(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(plain(text).as_bytes())
}

/// The families that are built in, and those of a folder.
fn families(folder: Option<&Path>) -> Result<Families, Box<dyn Error + Send + Sync>> {
    Ok(match folder {
        Some(folder) => Families::with_folder(folder)?,
        None => Families::embedded()?,
    })
}

fn exit_code(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(Done::Whole) => ExitCode::SUCCESS,
        Ok(Done::InPart) => ExitCode::from(1),
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed too.
            let _ = writeln!(io::stderr(), "releve: {}", plain(&chain(&*error)));
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

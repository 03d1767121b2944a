//! `releve-portal`: the resident's pages.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use releve_portal::config::Config;
use releve_portal::{App, serve};
use tokio::net::TcpListener;

/// The resident's pages of releve.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "Example: releve-portal run --config /etc/releve/portal.toml"
)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the pages until it is told to stop.
    #[command(after_help = "Example: releve-portal run --config /etc/releve/portal.toml")]
    Run {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let line = Line::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    let outcome = match line.command {
        Command::Run { config } => run(&config),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("releve-portal: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: &std::path::Path) -> Outcome {
    let config = Config::read(config)?;
    let app = App::open(config.settings()?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(&config.listen)
            .await
            .map_err(|error| format!("listen {:?}: {error}", config.listen))?;
        tracing::info!(address = %listener.local_addr()?, "the portal answers");
        serve(listener, app, stop()).await;
        Ok(())
    })
}

/// Resolves when the service manager, or somebody at a terminal, wants an end.
async fn stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

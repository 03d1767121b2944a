//! What the program can be told on the command line.

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use releve_portal::config::{Config, ConfigError, Limits, Mail, Operator, Settings, Way, public, token};
use releve_portal::query::Query;
use releve_portal::{App, Hidden, Language, Seed, query, serve};
use tokio::net::TcpListener;

/// The resident's pages of releve: activation, hot water and heating, an account of one's own.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: releve-portal run --config /etc/releve-portal/config.toml"
)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the pages until told to stop.
    #[command(after_help = "Examples:
  releve-portal run --config /etc/releve-portal/config.toml
  releve-portal run --service http://127.0.0.1:8080 --token-file token --folder /tmp/portal")]
    Run(Where),
    /// Make an account that is confirmed already, for a demonstration: it sees an occupancy that the service has.
    #[command(after_help = "Example:
  echo 'quatre chats gris' | releve-portal seed --config portal.toml --email ada@example.org --occupancy 3 --label 'Les Lilas, lot 12'

The password is read from standard input, so that no list of processes shows it.")]
    Seed(SeedArgs),
}

/// The portal's configuration: a file, or flags for a quick start.
#[derive(Args)]
struct Where {
    /// The configuration file; docs/portal.md explains it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["service", "token_file", "folder", "public"])]
    config: Option<PathBuf>,
    /// Where releve answers.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    service: String,
    /// A file with a token of the scope `portal` (`releve token add`).
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Where accounts are kept and mails are put, as files.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Where the portal listens; the file's own by default, else 127.0.0.1:8090.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The address that residents type; that of `--listen` by default.
    #[arg(long, value_name = "URL")]
    public: Option<String>,
}

#[derive(Args)]
struct SeedArgs {
    #[command(flatten)]
    place: Where,
    /// The address to log in with.
    #[arg(long)]
    email: String,
    /// What they are called.
    #[arg(long, default_value = "Camille Exemple")]
    name: String,
    /// The service's number for the occupancy.
    #[arg(long, value_name = "NUMBER")]
    occupancy: i64,
    /// The dwelling, as people say.
    #[arg(long, value_name = "TEXT")]
    label: String,
    /// The language of mails: fr or en.
    #[arg(long, default_value = "fr", value_parser = language)]
    language: Language,
}

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

pub(crate) fn main() -> ExitCode {
    let line = Line::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    let outcome = match line.command {
        Command::Run(place) => run(&place),
        Command::Seed(args) => seed(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "releve-portal: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(place: &Where) -> Outcome {
    let (listen, settings) = place.settings()?;
    let address = settings.public.clone();
    let app = App::open(settings)?;
    runtime()?.block_on(async {
        let listener = TcpListener::bind(&listen)
            .await
            .map_err(|error| format!("listen {listen:?}: {error}"))?;
        tracing::info!(event = "ready", listen = %listener.local_addr()?, public = %address, "the portal answers");
        serve(listener, app, stop()).await;
        Ok(())
    })
}

fn seed(args: SeedArgs) -> Outcome {
    let (_, settings) = args.place.settings()?;
    let service = Query::new(settings.service.clone());
    let app = App::open(settings)?;
    let mut password = String::new();
    std::io::stdin().take(1024).read_to_string(&mut password)?;
    let password = Hidden::new(password.trim_end_matches(['\r', '\n']).to_owned());
    runtime()?.block_on(async {
        let occupancy = service.occupancy(args.occupancy).await?;
        app.seed(&Seed {
            email: args.email.clone(),
            name: args.name,
            password,
            language: args.language,
            occupancy: occupancy.id,
            dwelling: occupancy.dwelling,
            label: args.label,
            role: occupancy.role,
            from: occupancy.from,
            keeps_hourly: occupancy.keeps_hourly,
        })
        .await?;
        writeln!(
            std::io::stdout(),
            "{} sees occupancy {} from {} on.",
            args.email,
            occupancy.id,
            occupancy.from
        )?;
        Ok(())
    })
}

impl Where {
    /// Where it listens, and everything else.
    fn settings(&self) -> Result<(String, Settings), ConfigError> {
        if let Some(path) = &self.config {
            let config = Config::read(path)?;
            let listen = self.listen.clone().unwrap_or_else(|| config.listen.clone());
            return Ok((listen, config.settings()?));
        }
        let listen = self.listen.clone().unwrap_or_else(|| "127.0.0.1:8090".to_owned());
        let (Some(file), Some(folder)) = (&self.token_file, &self.folder) else {
            return Err(ConfigError(
                "say --config FILE, or both --token-file FILE and --folder FOLDER".to_owned(),
            ));
        };
        let text = std::fs::read_to_string(file)
            .map_err(|error| ConfigError(format!("--token-file: {}: {error}", file.display())))?;
        std::fs::create_dir_all(folder)
            .map_err(|error| ConfigError(format!("--folder: {}: {error}", folder.display())))?;
        let address = self.public.clone().unwrap_or_else(|| format!("http://{listen}"));
        Ok((
            listen,
            Settings {
                store: folder.join("portal.db"),
                public: public(&address)?,
                behind_proxy: false,
                service: query::Settings {
                    address: self
                        .service
                        .parse()
                        .map_err(|error| ConfigError(format!("--service: {:?}: {error}", self.service)))?,
                    token: token(&Hidden::new(text))?,
                    limit: Duration::from_secs(5),
                },
                mail: Mail {
                    from: "Espace résident <espace@example.org>".to_owned(),
                    way: Way::Outbox(folder.join("outbox")),
                },
                operator: Operator::default(),
                limits: Limits::default(),
            },
        ))
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

fn language(code: &str) -> Result<Language, String> {
    Language::from_code(code).ok_or_else(|| "write fr or en".to_owned())
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

//! `releve keys`: which keys are right, which are wrong, which are missing; and keys out of lists and KEM files.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use wmbus::Key;
use zeroize::Zeroizing;

use super::registry::ListFormat;
use super::{Done, Outcome, print, progress};
use crate::keys::{Finding, Tried, Verdict, examine, fingerprint, proofs};
use crate::registry::import::{Plan, is_kem, plan_kem, plan_keys};
use crate::registry::{Change, MeterKey, Registry, key};
use crate::store::{By, KeyProof, SqliteStore, Store, StoreError, master_path};

/// What to do with keys.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Try all keys on the telegrams that are kept, and say of each meter: proven, wrong, missing or not needed.
    Check(Check),
    /// Seal the keys in the store under a master key that lies outside it.
    Seal(Seal),
    /// Take keys from a list (CSV, TOML) or a maker's KEM file, for meters that are registered already.
    Import(Import),
}

#[derive(clap::Args)]
#[command(
    after_help = "Example: releve keys check --db building.db --try candidates.txt --adopt

A key is proven by an authentication code, or by two telegrams. Where a meter's own keys fail, those given with --try, those
of its site and those of its maker are tried; --adopt registers the ones that are proven to fit. Keys are never shown, only
six digits by which they can be told apart. Exit status 1: a key is wrong or missing."
)]
struct Check {
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// Further keys to try: a file with one or several (separated by |) on a line; # begins a comment.
    #[arg(long = "try", value_name = "FILE")]
    candidates: Vec<PathBuf>,
    /// Register the keys that are proven to fit where none did.
    #[arg(long)]
    adopt: bool,
    /// Only meters with a wrong or a missing key.
    #[arg(long)]
    trouble: bool,
    /// A folder with pages of further meter families.
    #[arg(long, value_name = "FOLDER")]
    families: Option<PathBuf>,
    /// The findings as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:
  releve keys import --db building.db --dry-run keys.csv
  releve keys import --db building.db --password-file customer-number.txt order.kem

A list needs the column key, and manufacturer and id or printed_serial; other columns don't matter here. All rows are taken,
or none when one is wrong. Afterwards, `releve redecode` reads what could not be read before.")]
struct Import {
    /// The lists and KEM files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// A file that holds the password of the KEM files: never on the command line, where everybody can see it.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// How the lists are written, when their names do not end in .csv or .toml.
    #[arg(long)]
    format: Option<ListFormat>,
    /// Take the good rows of a file in which others are wrong.
    #[arg(long)]
    keep_going: bool,
    /// Say which meters would get a key, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// The outcome as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[command(after_help = "Example: releve keys seal --db building.db

The master key is what systemd passes as credential `master-key`, else the file that RELEVE_MASTER_KEY_FILE names, else
STORE.master beside the store; it is made when it is not there. Keep a copy of it in another place than copies of the store:
without it the keys are lost. New keys are sealed by themselves from then on.")]
struct Seal {
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// The outcome as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// A file or the store can't be read or written. Wrong keys and wrong rows are no error but [`Done::InPart`].
pub(super) fn run(args: &Args) -> Outcome {
    match &args.what {
        What::Check(args) => check(args),
        What::Import(args) => import(args),
        What::Seal(args) => seal(args),
    }
}

fn seal(args: &Seal) -> Outcome {
    // A store that is not there gets no master key.
    drop(SqliteStore::open(&args.db)?);
    let master = master_path(&args.db);
    let made = make_master(&master).map_err(|error| format!("{}: {error}", master.display()))?;
    let sealed = SqliteStore::open(&args.db)?.seal_keys()?;
    let path = master.display().to_string();
    if args.json {
        print(&format!(
            "{}\n",
            json!({ "sealed": sealed, "master_key": path, "made": made })
        ))?;
        return Ok(Done::Whole);
    }
    let word = if made {
        "was made: keep a copy of it elsewhere"
    } else {
        "was there"
    };
    print(&format!("{sealed} keys sealed; the master key {path} {word}\n"))?;
    Ok(Done::Whole)
}

/// Makes a master key where none is; tells whether it did.
fn make_master(path: &Path) -> Result<bool, Box<dyn Error + Send + Sync>> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let mut octets = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *octets)?;
    let mut text = Zeroizing::new(String::with_capacity(65));
    for octet in octets.iter() {
        for digit in [octet >> 4, octet & 0xF] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text.push('\n');
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(true)
}

fn check(args: &Check) -> Outcome {
    let families = super::families(args.families.as_deref())?;
    let store = SqliteStore::open(&args.db)?;
    let mut given = Vec::new();
    for path in &args.candidates {
        given.extend(candidates(path)?);
    }
    let bar = progress::bar(store.counts()?.telegrams, "trying keys");
    let findings = examine(&store, &families, &given, |done| bar.set_position(done))?;
    bar.finish_and_clear();
    store.note_proofs(&proofs(&findings))?;
    let adopted = if args.adopt { adopt(&store, &findings)? } else { 0 };
    let shown: Vec<&Finding> = findings
        .iter()
        .filter(|finding| !args.trouble || finding.verdict.is_trouble())
        .collect();
    print(&if args.json {
        let rows: Vec<_> = shown.iter().map(|finding| answer(finding)).collect();
        format!("{}\n", json!({ "meters": rows, "adopted": adopted }))
    } else {
        table(&findings, &shown, args.adopt.then_some(adopted))
    })?;
    let trouble = findings
        .iter()
        .any(|finding| finding.verdict.is_trouble() && !(args.adopt && finding.fit.is_some()));
    Ok(if trouble { Done::InPart } else { Done::Whole })
}

/// Registers what is proven to fit; how many keys that were.
fn adopt(store: &SqliteStore, findings: &[Finding]) -> Result<usize, StoreError> {
    let fits: Vec<_> = findings
        .iter()
        .filter_map(|finding| Some((finding.meter.id, finding.fit.as_ref()?)))
        .collect();
    let keys = || {
        fits.iter().map(|(meter, tried)| MeterKey {
            meter: *meter,
            key: tried.key.clone(),
        })
    };
    let mut attempts = 0;
    let who = super::operator();
    loop {
        let changes: Vec<_> = keys().map(Change::Key).collect();
        match store.apply_by(store.registry_version()?, &changes, by(&who)) {
            Ok(()) => {
                let proofs: Vec<_> = fits
                    .iter()
                    .zip(keys())
                    .filter_map(|((_, tried), key)| {
                        let (at, telegrams) = (tried.last_at?, tried.opened);
                        Some(KeyProof { key, at, telegrams })
                    })
                    .collect();
                store.note_proofs(&proofs)?;
                return Ok(fits.len());
            }
            Err(StoreError::Stale) if attempts < 5 => attempts += 1,
            Err(error) => return Err(error),
        }
    }
}

/// The keys of a file of candidates.
fn candidates(path: &Path) -> Result<Vec<Key>, Box<dyn Error + Send + Sync>> {
    let octets = super::registry::read(path)?;
    let text = str::from_utf8(&octets).map_err(|_| format!("{}: is not text", path.display()))?;
    let mut keys = Vec::new();
    for (line, number) in text.lines().zip(1_u64..) {
        let line = line.split('#').next().unwrap_or_default();
        // What stands there is not repeated: it could be most of a key.
        keys.extend(key::parse(line).map_err(|error| format!("{}:{number}: {error}", path.display()))?);
    }
    Ok(keys)
}

fn import(args: &Import) -> Outcome {
    let store = SqliteStore::open(&args.db)?;
    let password = args.password_file.as_deref().map(password).transpose()?;
    let mut done = Done::Whole;
    let mut answers = Vec::new();
    for path in &args.files {
        let octets = super::registry::read(path)?;
        let (plan, registry, applied) = take(args, &store, path, &octets, password.as_ref())?;
        let news = news(&plan, &registry);
        if !plan.faults.is_empty() {
            done = Done::InPart;
        }
        let keys = plan.report.keys;
        if args.json {
            answers.push(json!({
                "file": path.display().to_string(), "rows": plan.rows, "applied": applied,
                "keys": { "added": keys.added, "known": keys.unchanged },
                "new": news.iter().map(|(meter, key)| json!({ "meter": meter, "fingerprint": key })).collect::<Vec<_>>(),
                "faults": super::registry::faults(&plan),
            }));
            continue;
        }
        super::registry::tell_faults(&plan)?;
        if args.dry_run {
            let lines: String = news
                .iter()
                .map(|(meter, key)| format!("+ {meter:<22} key {key}\n"))
                .collect();
            print(&lines)?;
        }
        let outcome = match (applied, args.dry_run) {
            (true, _) => "imported",
            (false, true) => "nothing was written",
            (false, false) => {
                "nothing was imported: correct what is named above, or take the other rows with --keep-going"
            }
        };
        print(&format!(
            "{}: {} rows, {} new keys, {} known ones; {outcome}\n",
            path.display(),
            plan.rows,
            keys.added,
            keys.unchanged
        ))?;
    }
    if args.json {
        print(&format!(
            "{}\n",
            json!({ "dry_run": args.dry_run, "files": answers })
        ))?;
    }
    Ok(done)
}

/// Plans one file and, unless it is refused or rehearsed, applies the plan.
fn take(
    args: &Import,
    store: &SqliteStore,
    path: &Path,
    octets: &[u8],
    password: Option<&Zeroizing<Vec<u8>>>,
) -> Result<(Plan, Registry, bool), Box<dyn Error + Send + Sync>> {
    let name = path.display().to_string();
    let computed = Some(super::registry::address_of_serial as crate::registry::serial::AddressOfSerial);
    let mut attempts = 0;
    let who = super::operator();
    loop {
        let registry = store.registry()?;
        let plan = if args.format.is_none() && is_kem(octets) {
            let password = password.map(|password| password.as_slice());
            plan_kem(&registry, &name, octets, password, computed)
                .map_err(|error| format!("{name}: {error}"))?
        } else {
            let format = super::registry::format(args.format, Some(path));
            plan_keys(&registry, &name, octets, format, computed)
        };
        if args.dry_run || !(plan.faults.is_empty() || args.keep_going) {
            return Ok((plan, registry, false));
        }
        match store.apply_by(plan.version, &plan.changes, by(&who)) {
            Ok(()) => return Ok((plan, registry, true)),
            // Someone else imported in between: plan on what there is now.
            Err(StoreError::Stale) if attempts < 5 => attempts += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whoever typed the command, now.
fn by(who: &str) -> By<'_> {
    By {
        who,
        at: Timestamp::now(),
    }
}

/// The meters that a plan gives keys to, and by which digits these are told apart.
fn news(plan: &Plan, registry: &Registry) -> Vec<(String, String)> {
    let names: HashMap<_, _> = registry
        .meters
        .iter()
        .map(|meter| (meter.id, meter.address))
        .collect();
    let keys = plan.changes.iter().filter_map(|change| match change {
        Change::Key(MeterKey { meter, key }) => Some((names.get(meter)?.to_string(), fingerprint(key))),
        _ => None,
    });
    keys.collect()
}

/// The first line of a file.
fn password(path: &Path) -> Result<Zeroizing<Vec<u8>>, Box<dyn Error + Send + Sync>> {
    let octets = Zeroizing::new(
        fs::read(path).map_err(|error| format!("{}: can't be read: {error}", path.display()))?,
    );
    let line = octets.split(|octet| *octet == b'\n').next().unwrap_or_default();
    Ok(Zeroizing::new(line.trim_ascii().to_vec()))
}

fn answer(finding: &Finding) -> Value {
    let tried = |tried: &Tried| {
        json!({
            "fingerprint": fingerprint(&tried.key), "from": tried.whose.code(), "proven": tried.is_proven(),
            "opened": tried.opened, "authenticated": tried.authenticated, "last_at": tried.last_at,
        })
    };
    json!({
        "meter": finding.meter.address.to_string(),
        "printed_serial": finding.meter.printed_serial,
        "verdict": finding.verdict.code(),
        "telegrams": finding.telegrams,
        "sealed": finding.sealed,
        "keys": finding.keys.iter().map(tried).collect::<Vec<_>>(),
        "fit": finding.fit.as_ref().map(tried),
    })
}

/// The findings for people.
fn table(all: &[Finding], shown: &[&Finding], adopted: Option<usize>) -> String {
    let mut text = String::new();
    for finding in shown {
        let _ = writeln!(
            text,
            "{:<11} {:<22} {}",
            finding.verdict.code(),
            finding.meter.address.to_string(),
            evidence(finding)
        );
    }
    let mut sums = Vec::new();
    for verdict in [
        Verdict::Proven,
        Verdict::Unproven,
        Verdict::Wrong,
        Verdict::Missing,
        Verdict::NotNeeded,
        Verdict::Unheard,
    ] {
        let count = all.iter().filter(|finding| finding.verdict == verdict).count();
        if count > 0 {
            sums.push(format!("{count} {}", verdict.code()));
        }
    }
    let _ = writeln!(text, "{} meters: {}", all.len(), sums.join(", "));
    let fits = all.iter().filter(|finding| finding.fit.is_some()).count();
    match adopted {
        Some(0) | None if fits == 0 => {}
        None => {
            let _ = writeln!(
                text,
                "{fits} of the keys that are known fit: --adopt registers them"
            );
        }
        Some(adopted) => {
            let _ = writeln!(
                text,
                "{adopted} keys registered: `releve redecode` reads what was kept"
            );
        }
    }
    text
}

/// One sentence that says why.
fn evidence(finding: &Finding) -> String {
    let Finding {
        telegrams, sealed, ..
    } = finding;
    let names = || {
        let names: Vec<_> = finding.keys.iter().map(|tried| fingerprint(&tried.key)).collect();
        names.join(", ")
    };
    let mut text = match finding.verdict {
        Verdict::Proven | Verdict::Unproven => {
            let opened: Vec<_> = finding
                .keys
                .iter()
                .filter(|tried| tried.opened > 0)
                .map(|tried| {
                    let proof = if tried.authenticated > 0 {
                        ", authenticated"
                    } else {
                        ""
                    };
                    let last = tried
                        .last_at
                        .map_or_else(String::new, |at| format!(", the last at {at}"));
                    format!(
                        "key {} opens {} of {sealed}{proof}{last}",
                        fingerprint(&tried.key),
                        tried.opened
                    )
                })
                .collect();
            let unused = finding.keys.len() - opened.len();
            let rest = if unused > 0 {
                format!("; {unused} other keys open none")
            } else {
                String::new()
            };
            format!("{}{rest}", opened.join("; "))
        }
        Verdict::Wrong => format!("key {} opens none of {sealed} telegrams", names()),
        Verdict::Missing => format!("{sealed} of {telegrams} telegrams are sealed, and it has no key"),
        Verdict::NotNeeded => format!("{telegrams} telegrams, none sealed with a key of its own"),
        Verdict::Unheard if *telegrams > 0 => format!("{telegrams} telegrams, none of which could tell"),
        Verdict::Unheard => "no telegram is kept".to_owned(),
    };
    if let Some(fit) = &finding.fit {
        let _ = write!(
            text,
            "; key {} ({}) fits",
            fingerprint(&fit.key),
            match fit.whose {
                crate::keys::Whose::Given => "given",
                crate::keys::Whose::Site => "of another meter of the site",
                _ => "of another meter of the maker",
            }
        );
    }
    text
}

//! `releve backup` and `releve restore`: a copy of the store while the daemon runs, and back again.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;

use super::{Done, Outcome, print};
use crate::store::SqliteStore;

/// What to copy, and where to.
#[derive(clap::Args)]
#[command(
    after_help = "Example: releve backup /mnt/usb/releve-2026-11-25.db --db /var/lib/releve/releve.db

May run while the daemon does: the copy is of one moment, is examined page by page, and is on the disk when the command
ends. It holds readings and keys, and can be read by its owner only. `releve restore` puts it back."
)]
pub(super) struct Args {
    /// The copy to be made; must not be there yet.
    #[arg(value_name = "COPY")]
    copy: PathBuf,
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// Write JSON for machines.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let copied = SqliteStore::open(&args.db)?.backup(&args.copy)?;
    let copy = args.copy.display();
    print(&if args.json {
        let answer =
            json!({ "copy": copy.to_string(), "octets": copied.octets, "readings": copied.readings });
        format!("{answer}\n")
    } else {
        format!(
            "{copy}: {} readings, {} kB, examined\n",
            copied.readings,
            copied.octets.div_ceil(1000)
        )
    })?;
    Ok(Done::Whole)
}

/// What to put back, and where.
#[derive(clap::Args)]
#[command(
    after_help = "Example: systemctl stop releve && releve restore /mnt/usb/releve-2026-11-25.db --db /var/lib/releve/releve.db --replace

The copy is examined first. A store that is there is set aside under a name with the time, never removed. What was heard
since the copy comes back with `releve replay` of captures, or from the meters' own month-end values."
)]
pub(super) struct RestoreArgs {
    /// The copy to be put back.
    #[arg(value_name = "COPY")]
    copy: PathBuf,
    /// The store.
    #[arg(long, value_name = "FILE", default_value = super::DEFAULT_DB)]
    db: PathBuf,
    /// Set a store that is there aside.
    #[arg(long)]
    replace: bool,
    /// Write JSON for machines.
    #[arg(long)]
    json: bool,
}

pub(super) fn restore(args: &RestoreArgs) -> Outcome {
    let aside = SqliteStore::restore(&args.copy, &args.db, args.replace, Timestamp::now())?;
    let db = args.db.display();
    print(&if args.json {
        let aside = aside.map(|path| path.display().to_string());
        format!("{}\n", json!({ "store": db.to_string(), "set_aside": aside }))
    } else {
        match aside {
            Some(aside) => format!("{db} is restored; what was there is now {}\n", aside.display()),
            None => format!("{db} is restored\n"),
        }
    })?;
    Ok(Done::Whole)
}

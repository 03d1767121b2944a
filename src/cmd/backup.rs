//! `releve backup` and `releve restore`: a copy of the store while the daemon runs, and back again.

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;

use super::{Done, Outcome, print};
use crate::store::{By, Sole, SqliteStore};

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
    let store = SqliteStore::open(&args.db)?;
    let copied = store.backup(&args.copy)?;
    // For `releve check`; the copy is good without it.
    let noted = store.note_backup(Timestamp::now());
    if let Err(error) = &noted {
        let _ = writeln!(
            std::io::stderr(),
            "releve: the copy is made, but could not be noted: {error}"
        );
    }
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
since the copy comes back with `releve replay` of captures, or from the meters' own month-end values. What was erased since
(`releve erase`) is erased in it again: the store that is there knows it, or the list beside it (STORE.erasures; keep a copy of
that list with the backups, and name it with --erasures on another machine)."
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
    /// A list of erasures from elsewhere, for a store that has none beside it.
    #[arg(long, value_name = "FILE")]
    erasures: Option<PathBuf>,
    /// Write JSON for machines.
    #[arg(long)]
    json: bool,
}

pub(super) fn restore(args: &RestoreArgs) -> Outcome {
    let _sole = Sole::take(&args.db)?;
    let who = super::operator();
    let by = By {
        who: &who,
        at: Timestamp::now(),
    };
    let restored = SqliteStore::restore(&args.copy, &args.db, args.replace, args.erasures.as_deref(), by)?;
    let db = args.db.display();
    print(&if args.json {
        let again: Vec<_> = restored
            .erased_again
            .iter()
            .map(|(receipt, deleted)| json!({ "erasure": receipt.name, "deleted": deleted }))
            .collect();
        let aside = restored.aside.map(|path| path.display().to_string());
        format!(
            "{}\n",
            json!({ "store": db.to_string(), "set_aside": aside, "erased_again": again })
        )
    } else {
        let mut text = match restored.aside {
            Some(aside) => format!("{db} is restored; what was there is now {}\n", aside.display()),
            None => format!("{db} is restored\n"),
        };
        for (receipt, deleted) in restored.erased_again {
            text.push_str(&format!(
                "erased again, as on {}: {} lot {}, {} readings, {} telegrams\n",
                receipt.at, receipt.site, receipt.lot, deleted.readings, deleted.telegrams
            ));
        }
        text
    })?;
    Ok(Done::Whole)
}

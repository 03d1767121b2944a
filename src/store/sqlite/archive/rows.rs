//! Telegrams that are rows of their own, many with one statement; those that can be packed are.

use rusqlite::ToSql;
use rusqlite::types::Null;

use crate::store::Telegram;
use crate::store::sqlite::codes;
use crate::store::sqlite::write::{Batch, Fault, Statements, prepared};

/// Telegrams on their way into the archive, which has none of them yet.
#[derive(Default)]
pub(in super::super) struct Filing<'i> {
    next: Vec<Filed<'i>>,
}

/// A telegram, and what its row refers to.
struct Filed<'i> {
    telegram: &'i Telegram,
    radio: i64,
    outcome: i64,
}

impl<'i> Filing<'i> {
    /// Adds a telegram; it is there when [`Filing::end`] has been called.
    pub(in super::super) fn add(
        &mut self,
        batch: &mut Batch<'_>,
        telegram: &'i Telegram,
        radio: i64,
        outcome: i64,
    ) -> Result<(), Fault> {
        if batch.pack(telegram, radio, outcome)? {
            return Ok(());
        }
        self.next.push(Filed {
            telegram,
            radio,
            outcome,
        });
        if self.next.len() < batch.rows {
            return Ok(());
        }
        Ok(self.end(batch)?)
    }

    /// Files what was added.
    pub(in super::super) fn end(&mut self, batch: &mut Batch<'_>) -> rusqlite::Result<()> {
        if self.next.len() == batch.rows {
            file(batch, &self.next)?;
        } else {
            for filed in self.next.chunks(1) {
                file(batch, filed)?;
            }
        }
        self.next.clear();
        Ok(())
    }
}

/// Files as many telegrams as one statement takes, or one.
fn file(batch: &mut Batch<'_>, telegrams: &[Filed<'_>]) -> rusqlite::Result<()> {
    let Statements {
        add_telegrams,
        add_telegram,
        ..
    } = &mut batch.statements;
    let statement = match telegrams.len() {
        1 => add_telegram,
        _ => add_telegrams,
    };
    let statement = prepared(batch.transaction, statement, || many(telegrams.len()))?;
    let mut column = 0;
    let mut bind = |value: &dyn ToSql| {
        column += 1;
        statement.raw_bind_parameter(column, value)
    };
    for Filed {
        telegram,
        radio,
        outcome,
    } in telegrams
    {
        bind(&telegram.received_at.as_second())?;
        bind(&telegram.meter.0)?;
        bind(&codes::signed(telegram.digest))?;
        bind(&telegram.octets)?;
        bind(radio)?;
        bind(&telegram.rssi_dbm)?;
        bind(outcome)?;
        match &telegram.evidence {
            Some(evidence) => bind(evidence)?,
            None => bind(&Null)?,
        }
        bind(&telegram.assumed)?;
    }
    statement.raw_execute().map(drop)
}

/// The statement that adds so many telegrams; what would end it ends the batch.
fn many(rows: usize) -> String {
    let row = "(?, ?, ?, ?, ?, ?, ?, ?, ?)";
    format!(
        "INSERT OR ROLLBACK INTO telegram (received_at, meter, digest, octets, radio, rssi_dbm, outcome, evidence, assumed)
         VALUES {}",
        vec![row; rows].join(", ")
    )
}

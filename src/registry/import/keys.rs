//! Keys alone: from lists and KEM files, for meters that are registered already.

use super::kem::{self, KemError};
use super::{Column, Draft, Entry, Fault, Format, Plan, Row, csv, json, text, toml};
use crate::registry::serial::{AddressOfSerial, search_form};
use crate::registry::{MeterAddress, Registry};

/// Plans the keys of a list: which columns there are beside the key does not matter, as long as they say whose it is.
///
/// A row names its meter by maker and number, or by the serial on the housing. Whose key is nobody's is a fault.
pub fn plan_keys(
    registry: &Registry,
    file: &str,
    octets: &[u8],
    format: Format,
    computed: Option<AddressOfSerial>,
) -> Plan {
    let (rows, faults) = match text(octets) {
        Err((line, message)) => (Vec::new(), vec![Fault::new(file, line, None, message)]),
        Ok(text) => match format {
            Format::Csv => csv::rows(file, text),
            Format::Toml => toml::rows(file, text),
            Format::Json => json::rows(file, text),
        },
    };
    plan(registry, file, rows, faults, computed)
}

/// Plans the keys of a KEM file.
///
/// # Errors
/// The file can't be opened, or is none.
pub fn plan_kem(
    registry: &Registry,
    file: &str,
    octets: &[u8],
    password: Option<&[u8]>,
    computed: Option<AddressOfSerial>,
) -> Result<Plan, KemError> {
    let (rows, faults) = kem::rows(file, octets, password)?;
    Ok(plan(registry, file, rows, faults, computed))
}

fn plan(
    registry: &Registry,
    file: &str,
    rows: Vec<Row>,
    mut faults: Vec<Fault>,
    computed: Option<AddressOfSerial>,
) -> Plan {
    let mut draft = Draft::new(file, registry);
    let count = rows.len() as u64 + faults.iter().filter(|fault| fault.line > 1).count() as u64;
    for row in rows {
        let line = row.line;
        match key_row(registry, row).and_then(|row| {
            let entry = Entry::read(file, &row, computed);
            entry.map_err(|faults| {
                faults
                    .into_iter()
                    .map(|fault| (fault.column, fault.message))
                    .collect()
            })
        }) {
            Ok(entry) => faults.extend(draft.take_keys(&entry)),
            Err(wrong) => faults.extend(wrong.into_iter().map(|(column, message)| Fault {
                file: file.to_owned(),
                line,
                column,
                message,
            })),
        }
    }
    faults.sort_by_key(|fault| fault.line);
    let (report, changes) = draft.finish();
    Plan {
        version: registry.version,
        changes,
        report,
        rows: count,
        faults,
    }
}

/// The cells of a row that say whose key it is, and the key; a printed serial becomes the address registered with it.
fn key_row(registry: &Registry, row: Row) -> Result<Row, Vec<(Option<&'static str>, String)>> {
    let refuse = |column: Column, message: String| Err(vec![(Some(column.name()), message)]);
    if row.get(Column::Key).is_none() {
        return refuse(
            Column::Key,
            "is missing: leave the line out, or write the key".to_owned(),
        );
    }
    let address = match (row.get(Column::Id), row.get(Column::PrintedSerial)) {
        (None, Some(printed)) => {
            let form = search_form(printed);
            let mut found = registry.meters.iter().filter(|meter| {
                let registered = meter.printed_serial.as_deref();
                registered.is_some_and(|registered| search_form(registered) == form)
            });
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => {
                    return refuse(
                        Column::PrintedSerial,
                        "is that of several registered meters: write maker and number".to_owned(),
                    );
                }
                (found, _) => found.map(|meter| meter.address),
            }
        }
        _ => None,
    };
    let kept = [
        Column::Manufacturer,
        Column::Id,
        Column::Version,
        Column::Type,
        Column::PrintedSerial,
        Column::Key,
    ];
    let mut cells = row.cells;
    match address {
        Some(address) => {
            cells.retain(|(column, _)| *column == Column::Key);
            cells.extend(said(address).map(|(column, text)| (column, text.into())));
        }
        None => cells.retain(|(column, _)| kept.contains(column)),
    }
    Ok(Row {
        line: row.line,
        cells,
    })
}

fn said(address: MeterAddress) -> impl Iterator<Item = (Column, String)> {
    let version = address
        .version
        .map(|version| (Column::Version, format!("{:02X}", version.0)));
    let device_type = address
        .device_type
        .map(|kind| (Column::Type, format!("{:02X}", kind.0)));
    [
        (Column::Manufacturer, address.manufacturer.to_string()),
        (Column::Id, address.identification_number.to_string()),
    ]
    .into_iter()
    .chain(version)
    .chain(device_type)
}

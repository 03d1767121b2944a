//! Data records, one a line: offset, octets, value, what it is, and what speaks against it.

use wmbus::Message;
use wmbus::apl::fixed::FixedData;
use wmbus::apl::profile::Profile;
use wmbus::apl::{Dating, Function, Item, Quality, Record, Records, dating};

use super::page::{Cell, Ink, Page, hex};
use super::value;

/// Writes all items of application data, fillers included.
///
/// They begin at offset `base` of the telegram.
pub(super) fn write(page: &mut Page, payload: &[u8], base: usize) {
    let items: Vec<Item<'_>> = Records::new(payload, base).collect();
    let records: Vec<Record<'_>> = items
        .iter()
        .filter_map(|item| match item {
            Item::Record(record) => Some(*record),
            _ => None,
        })
        .collect();
    let mut rows = Vec::with_capacity(items.len());
    let mut next = base;
    for item in &items {
        let (at, length) = match item {
            Item::Record(record) => (record.at, record.octets.len()),
            Item::Manufacturer { at, octets, .. } => (*at, 1 + octets.len()),
            Item::Trailing { at, octets, .. } => (*at, octets.len()),
        };
        fillers(&mut rows, next, at);
        next = at + length;
        match item {
            Item::Record(record) => {
                self::record(&mut rows, record, &records);
                profile(&mut rows, record, &records);
            }
            Item::Manufacturer {
                at,
                octets,
                more_follows,
            } => {
                let more = if *more_follows {
                    ", more in the next telegram"
                } else {
                    ""
                };
                let dif = if *more_follows { "1F" } else { "0F" };
                block(&mut rows, *at, dif, octets, &format!("maker's own{more}"));
            }
            Item::Trailing { at, octets, reason } => {
                let text = format!("no record: {reason}");
                block(&mut rows, *at, "", octets, &text);
            }
        }
    }
    fillers(&mut rows, next, base + payload.len());
    page.heading("records");
    page.table(&rows, 2);
}

/// Writes the two counters of the fixed structure.
pub(super) fn fixed(page: &mut Page, message: &Message<'_>) {
    page.line("payload", &hex(&message.payload), Ink::Octets);
    let data = match message.ci() {
        Some(0x77) => FixedData::parse_most_significant_first(&message.payload, message.payload_at),
        _ => FixedData::parse(&message.payload, message.payload_at),
    };
    match data {
        Ok(data) => {
            for counter in data.counters().into_iter().flatten() {
                let when = if counter.stored {
                    ", stored at a fixed date"
                } else {
                    ""
                };
                let number = value::quantity(counter.value, counter.unit);
                page.fact(counter.quantity.name(), &format!("{number}{when}"));
            }
        }
        Err(error) => page.error(&error.to_string()),
    }
}

/// Offset, octets, value, meaning.
type Row = [Cell; 4];

fn record(rows: &mut Vec<Row>, record: &Record<'_>, all: &[Record<'_>]) {
    let data = if value::is_secret(record) {
        "··".repeat(record.data.len())
    } else {
        hex(record.data)
    };
    let octets = [hex(record.dib_octets()), hex(record.vib.octets), data].join(" ");
    let mut meaning = meaning(record);
    if record.dib.storage > 0
        && !record.is_date()
        && let Dating::At(moment) = dating(all, &record.dib)
    {
        meaning.push_str(&format!(" of {}", value::moment(&moment)));
    }
    let against: Vec<_> = Quality::of(record, all)
        .reasons()
        .filter(|reason| !matches!(*reason, "invalid" | "error" | "mfct" | "approximate"))
        .collect();
    let ink = if against.is_empty() {
        Ink::Plain
    } else {
        Ink::Warning
    };
    if !against.is_empty() {
        meaning.push_str(&format!(" [{}]", against.join(", ").replace('_', " ")));
    }
    let (mut shown, mut value_ink) = value::value(record);
    if shown.chars().count() > VALUE_WIDTH {
        // One long text must not push all numbers aside.
        meaning = format!("{meaning}: {shown}");
        (shown, value_ink) = (String::new(), Ink::Value);
    }
    split(
        rows,
        record.at,
        octets.trim_end(),
        (shown, value_ink),
        (meaning, ink),
    );
}

/// What a value is, where it is kept, and what its VIFEs say.
fn meaning(record: &Record<'_>) -> String {
    let mut parts = vec![record.vib.name().to_owned()];
    let label: String = record.vib.label().collect();
    if !label.is_empty() {
        parts.push(value::quoted(label.chars()));
    }
    match record.dib.function {
        Function::Instantaneous => {}
        Function::Maximum => parts.push("maximum".into()),
        Function::Minimum => parts.push("minimum".into()),
        Function::ErrorState => parts.push("during an error".into()),
    }
    for qualifier in record.vib.qualifiers() {
        if !qualifier.is_neutral() {
            parts.push(qualifier.name().to_owned());
        }
    }
    let storage = if record.dib.register_number {
        "register"
    } else {
        "storage"
    };
    for (word, number) in [
        (storage, record.dib.storage),
        ("tariff", record.dib.tariff.into()),
        ("subunit", record.dib.subunit.into()),
    ] {
        if number != 0 {
            parts.push(format!("{word} {number}"));
        }
    }
    parts.join(", ")
}

/// The elements of a compact profile, each with its own octets counted with the record.
fn profile(rows: &mut Vec<Row>, record: &Record<'_>, all: &[Record<'_>]) {
    let Some(profile) = Profile::expand(record, all) else {
        return;
    };
    let unit = record.vib.unit;
    for entry in &profile.entries {
        let (shown, ink) = match (entry.value, entry.element) {
            (Some(state), _) => (value::quantity(state, unit), Ink::Value),
            // Without a base the row tells what was gained, not what the counter showed.
            (None, Some(element)) if profile.base_missing && !entry.suspect => {
                let sign = if element.mantissa < 0 { "" } else { "+" };
                (format!("{sign}{}", value::quantity(element, unit)), Ink::Value)
            }
            _ => ("no value".into(), Ink::Warning),
        };
        let mut text = format!("storage {}", entry.storage);
        if let Some(at) = entry.at {
            text.push_str(&format!(" of {}", value::moment(&at)));
        } else if let Some(age) = entry.age {
            text.push_str(&format!(", {age} s ago"));
        }
        if entry.future {
            text.push_str(" [future]");
        }
        rows.push([
            (String::new(), Ink::Dim),
            (String::new(), Ink::Octets),
            (shown, ink),
            (text, Ink::Plain),
        ]);
    }
}

/// Octets that are no record.
fn block(rows: &mut Vec<Row>, at: usize, dif: &str, octets: &[u8], text: &str) {
    let octets = format!("{dif} {}", hex(octets));
    split(
        rows,
        at,
        octets.trim(),
        (String::new(), Ink::Value),
        (text.to_owned(), Ink::Dim),
    );
}

/// Idle fillers, of which nobody wants to see each.
fn fillers(rows: &mut Vec<Row>, from: usize, to: usize) {
    let count = to.saturating_sub(from);
    if count > 0 {
        let octets = if count > 4 {
            format!("2F ×{count}")
        } else {
            "2F".repeat(count)
        };
        split(
            rows,
            from,
            &octets,
            (String::new(), Ink::Value),
            ("filler".into(), Ink::Dim),
        );
    }
}

/// One row, and further ones for octets that do not fit their column.
fn split(rows: &mut Vec<Row>, at: usize, octets: &str, value: Cell, meaning: Cell) {
    let octets: Vec<char> = octets.chars().collect();
    let mut lines = octets
        .chunks(OCTETS_WIDTH)
        .map(|line| line.iter().collect::<String>());
    rows.push([
        (format!("{at:>4}"), Ink::Dim),
        (lines.next().unwrap_or_default(), Ink::Octets),
        value,
        meaning,
    ]);
    for line in lines {
        rows.push([
            (String::new(), Ink::Dim),
            (line, Ink::Octets),
            (String::new(), Ink::Value),
            (String::new(), Ink::Plain),
        ]);
    }
}

/// Characters of a value beside its record.
const VALUE_WIDTH: usize = 24;

/// Characters of octets a line.
const OCTETS_WIDTH: usize = 32;

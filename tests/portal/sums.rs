//! The sums that a page shows of where its figures come from.

use crate::resident::{digits, rows};

/// What one device showed at both ends, what it counted, and what that is as an amount; in millionths, `None` of what is not known.
#[derive(Debug)]
pub(crate) struct Sum {
    pub(crate) serial: String,
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    pub(crate) counted: Option<i64>,
    pub(crate) amount: Option<i64>,
}

/// All sums of a page in French.
pub(crate) fn sums(page: &str) -> Vec<Sum> {
    page.split("<table class=\"steps-of-sum\"")
        .skip(1)
        .map(|table| {
            let table = table.split("</table>").next().unwrap();
            let (_, caption) = table.split_once("Appareil n° ").unwrap();
            let rows = rows(table);
            let of = |begins: &str| {
                let row = rows.iter().find(|row| row[0].starts_with(begins));
                row.and_then(|row| millionths(&row[1]))
            };
            let amount = of("= consommation");
            Sum {
                serial: caption.split('<').next().unwrap().to_owned(),
                first: of("− au début,"),
                last: of("À la fin,"),
                counted: of("= compté par l'appareil").or(amount),
                amount: amount.inspect(|amount| {
                    // What is rated is what was counted times its factor.
                    if let (Some(counted), Some(factor)) = (of("= compté"), of("× coefficient")) {
                        assert_eq!(counted * factor / 1_000_000, *amount);
                    }
                }),
            }
        })
        .collect()
}

/// Millionths, from a number with any digits, with or without its unit.
fn millionths(cell: &str) -> Option<i64> {
    let digits = digits(cell);
    let (whole, part) = digits.split_once(',').unwrap_or((&digits, ""));
    assert!(part.len() <= 6, "{cell}");
    format!("{whole}{part:0<6}").parse().ok()
}

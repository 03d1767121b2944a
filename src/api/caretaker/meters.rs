//! The list of meters: searched by what stands on the housing, filtered by how they are, sorted, in pages.

use std::collections::{HashMap, HashSet};

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use serde::{Deserialize, Deserializer, de};

use super::super::finding;
use super::super::problem::Problem;
use super::super::query::Asked;
use super::super::readings::Value;
use super::census::{Census, Hearing, KeyState, Member};
use super::layout::{self, Look, Section};
use super::{Language, overview, words};
use crate::api::Context;
use crate::registry::MeterId;
use crate::registry::serial::search_form;
use crate::store::{Aspect, ReadingRow};
use decoders::reading::{Direction, Kind as ValueKind, Quantity};

/// Which meters, in which order.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetersQuery {
    /// What somebody typed.
    q: Option<String>,
    #[serde(default)]
    state: Filter,
    #[serde(default)]
    sort: Order,
    #[serde(default)]
    page: PageNumber,
    #[serde(rename = "lang")]
    _lang: Option<String>,
}

/// How the meters are that are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Filter {
    #[default]
    All,
    OnTime,
    Heard,
    Late,
    Lost,
    Never,
    Gone,
    Alert,
    KeyMissing,
    WrongKey,
}

/// What decides on the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    #[default]
    Place,
    Serial,
    Heard,
    Rssi,
    State,
}

/// The number of a page, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageNumber(usize);

impl Default for PageNumber {
    fn default() -> Self {
        Self(1)
    }
}

impl<'de> Deserialize<'de> for PageNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            Ok(number @ 1..=100_000) => Ok(Self(number)),
            _ => Err(de::Error::custom("write a number from 1")),
        }
    }
}

impl PageNumber {
    /// This page of a list, how many there are, and what stands on it; behind the last one, the last one.
    pub(super) fn of<T>(self, list: &[T], on_a_page: usize) -> (usize, usize, &[T]) {
        let pages = list.len().div_ceil(on_a_page).max(1);
        let page = self.0.min(pages);
        let shown = list.chunks(on_a_page).nth(page - 1).unwrap_or_default();
        (page, pages, shown)
    }
}

impl Filter {
    const ALL: [(Self, &'static str); 10] = [
        (Self::All, "all"),
        (Self::OnTime, "on_time"),
        (Self::Heard, "heard"),
        (Self::Late, "late"),
        (Self::Lost, "lost"),
        (Self::Never, "never"),
        (Self::Gone, "gone"),
        (Self::Alert, "alert"),
        (Self::KeyMissing, "key_missing"),
        (Self::WrongKey, "wrong_key"),
    ];

    const fn name(self, l: Language) -> &'static str {
        match self {
            Self::All => l.of("tous", "all"),
            Self::OnTime => Hearing::OnTime.name(l),
            Self::Heard => Hearing::Heard.name(l),
            Self::Late => Hearing::Late.name(l),
            Self::Lost => Hearing::Lost.name(l),
            Self::Never => Hearing::Never.name(l),
            Self::Gone => Hearing::Gone.name(l),
            Self::Alert => l.of("en alerte", "with an alert"),
            Self::KeyMissing => l.of("clé manquante", "key missing"),
            Self::WrongKey => l.of("mauvaise clé", "wrong key"),
        }
    }

    fn keeps(self, member: &Member, alarmed: &HashSet<MeterId>) -> bool {
        match self {
            Self::All => true,
            Self::OnTime => member.hearing() == Hearing::OnTime,
            Self::Heard => member.hearing() == Hearing::Heard,
            Self::Late => member.hearing() == Hearing::Late,
            Self::Lost => member.hearing() == Hearing::Lost,
            Self::Never => member.hearing() == Hearing::Never,
            Self::Gone => member.hearing() == Hearing::Gone,
            Self::Alert => alarmed.contains(&member.id()),
            Self::KeyMissing => member.key() == KeyState::Missing,
            Self::WrongKey => member.key() == KeyState::Wrong,
        }
    }
}

impl Order {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Place, "place"),
        (Self::Serial, "serial"),
        (Self::Heard, "heard"),
        (Self::Rssi, "rssi"),
        (Self::State, "state"),
    ];

    const fn name(self, l: Language) -> &'static str {
        match self {
            Self::Place => l.of("lieu", "place"),
            Self::Serial => l.of("numéro", "serial"),
            Self::Heard => l.of("dernière écoute", "last heard"),
            Self::Rssi => l.of("réception, la plus faible d’abord", "reception, weakest first"),
            Self::State => l.of("état, le pire d’abord", "state, worst first"),
        }
    }

    fn sort(self, members: &mut [&Member]) {
        let heard = |member: &Member| member.state.as_ref().map(|state| state.last_heard);
        // Ties stay in the order of registration.
        match self {
            Self::Place => members.sort_by_cached_key(|member| {
                member
                    .spot()
                    .map_or((true, String::new(), Vec::new(), None), |spot| {
                        let room = (spot.kind, spot.room.clone(), spot.number);
                        (false, spot.site.clone(), natural(&spot.lot), Some(room))
                    })
            }),
            Self::Serial => members.sort_by_cached_key(|member| natural(&member.name().serial)),
            Self::Heard => members.sort_by_key(|member| std::cmp::Reverse(heard(member))),
            Self::Rssi => members.sort_by_key(|member| {
                let rssi = member.state.as_ref().and_then(|state| state.rssi_dbm);
                (rssi.is_none(), rssi)
            }),
            Self::State => members.sort_by_key(|member| (member.hearing(), heard(member))),
        }
    }
}

/// A text cut into words and numbers, so that 9 comes before 10.
fn natural(text: &str) -> Vec<(u64, String)> {
    let mut parts: Vec<(u64, String)> = Vec::new();
    let mut digits = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_ascii_digit() && digits.len() < 18 {
            digits.push(character);
            continue;
        }
        if !digits.is_empty() {
            parts.push((digits.parse().unwrap_or(u64::MAX), String::new()));
            digits.clear();
        }
        match parts.last_mut() {
            Some((0, word)) if !word.is_empty() => word.push(character),
            _ => parts.push((0, character.to_string())),
        }
    }
    parts
}

/// List the meters.
pub(super) async fn show(
    State(context): State<Context>,
    look: Look,
    Asked(asked): Asked<MetersQuery>,
) -> Result<Response, Problem> {
    let (now, desk, computed) = (context.now(), context.desk().clone(), context.computed);
    let typed = asked.q.clone().unwrap_or_default();
    if typed.chars().count() > LONGEST {
        return Err(Problem::invalid("q", "no serial is that long"));
    }
    let sought = typed.clone();
    let (found, asked) = context
        .ask(move |store| {
            let census = Census::take(store, &desk.census, now)?;
            let meant: Option<HashSet<MeterId>> = match sought.trim() {
                "" => None,
                sought => {
                    let by_rules = finding::all(store, sought, computed, |_| Ok(true))?;
                    let mut meant: HashSet<MeterId> = by_rules
                        .into_iter()
                        .flat_map(|(_, meters)| meters.into_iter().map(|meter| meter.id))
                        .collect();
                    // And whatever has it inside, for those who type the last digits.
                    let form = search_form(sought);
                    if form.len() >= 3 {
                        meant.extend(
                            census
                                .meters
                                .iter()
                                .filter(|member| has(member, &form))
                                .map(Member::id),
                        );
                    }
                    Some(meant)
                }
            };
            let alarmed: HashSet<MeterId> = census.alerts.iter().map(|alert| alert.meter).collect();
            let mut members: Vec<&Member> = census
                .meters
                .iter()
                .filter(|member| meant.as_ref().is_none_or(|meant| meant.contains(&member.id())))
                .filter(|member| asked.state.keeps(member, &alarmed))
                .collect();
            asked.sort.sort(&mut members);
            let (page, pages, shown) = asked.page.of(&members, ON_A_PAGE);
            let ids: Vec<MeterId> = shown.iter().map(|member| member.id()).collect();
            let latest = counters(store.latest(&ids)?);
            let found = Found {
                page,
                pages,
                count: members.len(),
                shown: ids,
                latest,
                alarmed,
                census,
            };
            Ok((found, asked))
        })
        .await?;
    let l = look.language;
    let title = Section::Meters.name(l);
    let body = html! {
        h1 { (title) " " span .quiet data-figure="meters" { (found.count) } }
        (overview::updated(l, &found.census))
        (search(l, &typed, &asked))
        @if found.shown.is_empty() {
            p .notice { (nothing(l, &typed)) " " a href="/caretaker/meters" { (l.of("Tous les compteurs", "All meters")) } }
        } @else {
            (table(l, &found))
        }
        (layout::pager(&look, found.page, found.pages))
    };
    Ok(layout::answer(layout::page(
        &look,
        Some(Section::Meters),
        title,
        body,
    )))
}

/// A page of the list.
struct Found {
    census: Census,
    page: usize,
    pages: usize,
    count: usize,
    shown: Vec<MeterId>,
    latest: HashMap<MeterId, ReadingRow>,
    alarmed: HashSet<MeterId>,
}

/// Whether a number of a meter has this inside.
fn has(member: &Member, form: &str) -> bool {
    let name = member.name();
    search_form(&name.serial).contains(form) || search_form(&name.id).contains(form)
}

/// Of each meter the reading that people look for: its plain index, of what meters count.
pub(super) fn counters(rows: Vec<ReadingRow>) -> HashMap<MeterId, ReadingRow> {
    let rank = |row: &ReadingRow| {
        let channel = row.reading.channel;
        let plain = channel.aspect == Aspect::Index
            && channel.kind == ValueKind::Absolute
            && channel.direction == Direction::Net
            && (channel.tariff, channel.subunit) == (0, 0);
        let counted = match channel.quantity {
            Quantity::Volume | Quantity::HeatCost => 0,
            Quantity::Energy => 1,
            _ => 2,
        };
        (!plain, counted)
    };
    let mut best: HashMap<MeterId, ReadingRow> = HashMap::new();
    for row in rows {
        let better = best.get(&row.meter).is_none_or(|known| rank(&row) < rank(known));
        if better {
            best.insert(row.meter, row);
        }
    }
    best
}

fn nothing(l: Language, typed: &str) -> String {
    match (typed.trim(), l) {
        ("", _) => l
            .of("Aucun compteur dans cet état.", "No meter is in this state.")
            .to_owned(),
        (typed, Language::French) => format!(
            "Aucun compteur enregistré ne correspond à « {typed} ». Trois caractères suffisent ; vérifiez le numéro sur le boîtier."
        ),
        (typed, Language::English) => format!(
            "No registered meter matches “{typed}”. Three characters are enough; check the number on the housing."
        ),
    }
}

fn search(l: Language, typed: &str, asked: &MetersQuery) -> Markup {
    html! {
        form .search.card method="get" action="/caretaker/meters" role="search" {
            div {
                label for="q" { (l.of("Numéro du compteur", "Meter’s number")) }
                input #q type="search" name="q" value=(typed) maxlength=(LONGEST) autocomplete="off" autocapitalize="characters" spellcheck="false";
            }
            div {
                label for="state" { (l.of("État", "State")) }
                select #state name="state" {
                    @for (filter, code) in Filter::ALL {
                        option value=(code) selected[filter == asked.state] { (filter.name(l)) }
                    }
                }
            }
            div {
                label for="sort" { (l.of("Tri", "Sort by")) }
                select #sort name="sort" {
                    @for (order, code) in Order::ALL {
                        option value=(code) selected[order == asked.sort] { (order.name(l)) }
                    }
                }
            }
            button type="submit" { (l.of("Chercher", "Search")) }
        }
    }
}

fn table(l: Language, found: &Found) -> Markup {
    html! {
        table .list.stack {
            caption .sr { (l.of("Compteurs enregistrés", "Registered meters")) }
            thead {
                tr {
                    th scope="col" { (l.of("Numéro", "Serial")) }
                    th scope="col" { (l.of("Lieu", "Place")) }
                    th scope="col" { (l.of("Dernière valeur", "Last value")) }
                    th scope="col" { (l.of("Entendu", "Heard")) }
                    th scope="col" { (l.of("Réception", "Reception")) }
                    th scope="col" { (l.of("Rythme", "Rhythm")) }
                    th scope="col" { (l.of("Clé", "Key")) }
                }
            }
            tbody {
                @for member in found.shown.iter().filter_map(|id| found.census.meter(*id)) {
                    (line(l, found, member))
                }
            }
        }
    }
}

fn line(l: Language, found: &Found, member: &Member) -> Markup {
    let now: Timestamp = found.census.now;
    let state = member.state.as_ref();
    html! {
        tr data-meter=(member.id().0) {
            th scope="row" {
                a href={ "/caretaker/meters/" (member.id().0) } { (member.name().serial) }
                @if found.alarmed.contains(&member.id()) {
                    " " span .badge.bad { (l.of("alerte", "alert")) }
                }
                @if let Some(spot) = member.spot() { span .quiet.sub { (words::kind(l, spot.kind)) } }
            }
            td data-label=(l.of("Lieu", "Place")) { (words::spot(l, member.spot())) }
            td data-label=(l.of("Dernière valeur", "Last value")) .number {
                @match found.latest.get(&member.id()) {
                    Some(row) => { (value(l, row, found)) }
                    None => { span .quiet { "–" } }
                }
            }
            td data-label=(l.of("Entendu", "Heard")) {
                @match state {
                    Some(state) => {
                        time datetime=(state.last_heard) title=(words::instant(l, state.last_heard, &found.census.zone)) {
                            (words::ago(l, state.last_heard, now))
                        }
                    }
                    None => { (l.of("jamais", "never")) }
                }
            }
            td data-label=(l.of("Réception", "Reception")) { (words::rssi(l, state.and_then(|state| state.rssi_dbm))) }
            td data-label=(l.of("Rythme", "Rhythm")) { (words::hearing(l, member)) }
            td data-label=(l.of("Clé", "Key")) { (words::key(l, member)) }
        }
    }
}

fn value(l: Language, row: &ReadingRow, found: &Found) -> Markup {
    let value = Value::of(row);
    html! {
        span title=(words::instant(l, row.reading.at, &found.census.zone)) {
            (words::number(l, value.value.0)) " " (words::unit(value.unit))
        }
    }
}

/// Meters on a page.
const ON_A_PAGE: usize = 50;

/// No printed serial is longer.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_in_the_order_of_numbers() {
        let mut lots = ["B-2", "A-10", "A-9", "12", "9", "A", "Été 3"];
        lots.sort_by_cached_key(|lot| natural(lot));
        assert_eq!(lots, ["A", "A-9", "A-10", "B-2", "Été 3", "9", "12"]);
    }

    #[test]
    fn a_page_behind_the_last_is_the_last() {
        let list: Vec<usize> = (0..101).collect();
        assert_eq!(PageNumber(9).of(&list, 50), (3, 3, &list[100..]));
        assert_eq!(PageNumber(1).of(&list, 50), (1, 3, &list[..50]));
        assert_eq!(PageNumber(2).of(&list[..0], 50), (1, 1, &list[..0]));
    }
}

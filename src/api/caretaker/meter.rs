//! One meter: what it counted, what it keeps, how it is heard, where it hangs.

use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use maud::{Markup, html};
use serde::Deserialize;
use wmbus::Decimal;

use super::super::consumption::{self, Amounts, Figure};
use super::super::dwellings;
use super::super::meters::{MeterDetails, details};
use super::super::problem::Problem;
use super::super::query::{Asked, Segment};
use super::super::readings::Value;
use super::alerts::explained;
use super::census::{Census, Member, Spot};
use super::chart::{self, Chart, Mark};
use super::layout::{self, Look, Section};
use super::meters::counters;
use super::{Language, overview, words};
use crate::alerts::State as Life;
use crate::api::Context;
use crate::consumption::Step;
use crate::registry::MeterId;
use crate::store::{AlertQuery, AlertRow, Flags, ReadingQuery, ReadingRow, Side, Source, Store};

/// How far back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MeterQuery {
    #[serde(default)]
    span: Span,
    #[serde(rename = "lang")]
    _lang: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Span {
    /// Thirty days, day by day.
    #[default]
    Days,
    /// Twelve months, month by month.
    Months,
}

/// What the page shows.
struct Sight {
    census: Census,
    id: MeterId,
    details: MeterDetails,
    periods: Vec<Period>,
    unit: &'static str,
    kept: Vec<ReadingRow>,
    alerts: Vec<AlertRow>,
}

/// A day or a month: what was used, and the index at its end.
struct Period {
    from: Date,
    to: Date,
    figure: Option<Figure>,
    index: Option<ReadingRow>,
}

/// Show one meter.
pub(super) async fn show(
    State(context): State<Context>,
    look: Look,
    id: Segment,
    Asked(asked): Asked<MeterQuery>,
) -> Result<Response, Problem> {
    let id = MeterId(id.id("id")?);
    let (now, desk) = (context.now(), context.desk().clone());
    let sight = context
        .ask(move |store| {
            let meter = store
                .meter(id)?
                .ok_or_else(|| Problem::not_found("no meter has this number"))?;
            let census = Census::take(store, &desk.census, now)?;
            let spot = census.meter(id).and_then(Member::spot).cloned();
            let (periods, unit) = periods(store, id, spot.as_ref(), asked.span, &census)?;
            let mut alerts = store.alerts(&AlertQuery {
                meter: Some(id),
                cleared: true,
                after: None,
                limit: 1000,
            })?;
            alerts.reverse();
            alerts.truncate(ALERTS);
            Ok(Sight {
                details: details(store, &meter, "id")?,
                kept: kept(store, id, now)?,
                census,
                id,
                periods,
                unit,
                alerts,
            })
        })
        .await?;
    let l = look.language;
    let title = format!("{} {}", l.of("Compteur", "Meter"), sight.details.name.serial);
    let body = html! {
        p .crumbs { a href="/caretaker/meters" { (Section::Meters.name(l)) } }
        h1 { (title) }
        (overview::updated(l, &sight.census))
        @if let Some(member) = sight.census.meter(sight.id) { (summary(l, &sight, member)) }
        (open_alerts(l, &sight))
        (consumed(l, &look, &sight, asked.span))
        (kept_table(l, &sight))
        (latest(l, &sight))
        (radio(l, &sight))
        (installations(l, &sight))
        (old_alerts(l, &sight))
    };
    Ok(layout::answer(layout::page(
        &look,
        Some(Section::Meters),
        &title,
        body,
    )))
}

/// What was used at the meter's place, period by period, as `/v1/dwellings/{id}/consumption` answers it, and the index at
/// the end of each.
fn periods(
    store: &dyn Store,
    meter: MeterId,
    spot: Option<&Spot>,
    span: Span,
    census: &Census,
) -> Result<(Vec<Period>, &'static str), Problem> {
    let outside = |_| Problem::Internal;
    let place = match spot {
        Some(spot) => Some((spot, dwellings::named(store, spot.dwelling)?)),
        None => None,
    };
    let zone = &place
        .as_ref()
        .map_or_else(|| census.zone.clone(), |(_, (_, site))| site.zone());
    let today = census.now.to_zoned_datetime(zone.clone()).date();
    let to = today.tomorrow().map_err(outside)?;
    let (from, step) = match span {
        Span::Days => (to.checked_sub(30.days()).map_err(outside)?, Step::Day),
        Span::Months => (
            today.first_of_month().checked_sub(11.months()).map_err(outside)?,
            Step::Month,
        ),
    };
    let index = counters(store.latest(&[meter])?).remove(&meter);
    let mut unit = index
        .as_ref()
        .map_or("", |row| row.reading.channel.unit.symbol().0);
    let mut figures: Vec<Figure> = Vec::new();
    if let Some((spot, (dwelling, site))) = place {
        let report = consumption::report(store, (dwelling, &site), (from, to), step.into(), census.now)?;
        for kind in report.kinds {
            if let Some(point) = kind
                .points
                .into_iter()
                .find(|point| point.point.id == spot.point.0)
            {
                unit = kind.unit;
                figures = point.periods.into_iter().map(|period| period.figure).collect();
            }
        }
    }
    let mut figures = figures.into_iter();
    let mut periods = Vec::new();
    let mut from = from;
    while from < to {
        let next = match span {
            Span::Days => from.tomorrow().map_err(outside)?,
            Span::Months => from.checked_add(1.month()).map_err(outside)?,
        };
        let begin = midnight(from, zone)?;
        let end = midnight(next, zone)?.min(census.now);
        let at_end = match &index {
            Some(row) => store.nearest(meter, row.channel_id, end, Side::AtOrBefore, DOUBTFUL)?,
            None => None,
        };
        periods.push(Period {
            from,
            to: next,
            figure: figures.next(),
            // One from before is that of an earlier period.
            index: at_end.filter(|row| row.reading.at > begin),
        });
        from = next;
    }
    Ok((periods, unit))
}

fn midnight(day: Date, zone: &TimeZone) -> Result<Timestamp, Problem> {
    crate::consumption::midnight(day, zone).map_err(|_| Problem::Internal)
}

/// The values for earlier dates that the meter keeps, and those that people read, of what it counts, the latest first.
fn kept(store: &dyn Store, meter: MeterId, now: Timestamp) -> Result<Vec<ReadingRow>, Problem> {
    let Some(index) = counters(store.latest(&[meter])?).remove(&meter) else {
        return Ok(Vec::new());
    };
    let mut rows = Vec::new();
    for source in [Source::SetDate, Source::History, Source::Manual] {
        rows.extend(store.readings(&ReadingQuery {
            meter,
            channel: Some(index.channel_id),
            from: now.checked_sub((3 * 365 * 24).hours()).unwrap_or(Timestamp::MIN),
            until: Timestamp::MAX,
            source: Some(source),
            after: None,
            limit: 1000,
        })?);
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.reading.at, row.reading.source as i64)));
    rows.truncate(KEPT);
    Ok(rows)
}

fn summary(l: Language, sight: &Sight, member: &Member) -> Markup {
    let name = member.name();
    let heard = member.state.as_ref();
    html! {
        dl .facts {
            div { dt { (l.of("Lieu", "Place")) } dd { (words::spot(l, member.spot())) } }
            @if let Some(spot) = member.spot() {
                div { dt { (l.of("Compte", "Counts")) } dd { (words::kind(l, spot.kind)) } }
            }
            div { dt { (l.of("Rythme", "Rhythm")) } dd { (words::hearing(l, member)) } }
            div { dt { (l.of("Entendu", "Last heard")) }
                dd {
                    @match heard {
                        Some(state) => { (words::when(l, state.last_heard, sight.census.now, &sight.census.zone)) }
                        None => { (l.of("jamais", "never")) }
                    }
                }
            }
            div { dt { (l.of("Réception", "Reception")) }
                dd {
                    (words::rssi(l, heard.and_then(|state| state.rssi_dbm)))
                    @if let Some(state) = heard { " " span .quiet { (state.radio) } }
                }
            }
            div { dt { (l.of("Clé", "Key")) } dd { (words::key(l, member)) } }
            div { dt { (l.of("Adresse radio", "Radio address")) }
                dd { code { (name.manufacturer) " " (name.id) " " (name.version.as_deref().unwrap_or("*")) }
                    @if let Some(medium) = &name.medium { " " span .quiet { (medium) } }
                }
            }
        }
    }
}

fn open_alerts(l: Language, sight: &Sight) -> Markup {
    let open = sight.alerts.iter().filter(|alert| alert.cleared.is_none());
    html! {
        @for alert in open {
            div .alert.(words::severity_class(words::severity(&alert.kind))) data-alert=(alert.id) {
                p { strong { (words::alert(l, &alert.kind)) } }
                (explained(l, alert))
                p .quiet { (l.of("Depuis le ", "Since ")) (words::when(l, alert.raised, sight.census.now, &sight.census.zone)) }
            }
        }
    }
}

fn consumed(l: Language, look: &Look, sight: &Sight, span: Span) -> Markup {
    let unit = words::unit(sight.unit);
    let day = |date: Date| match span {
        Span::Days => format!("{} {}", date.day(), words::month(l, date.month())),
        Span::Months => format!("{} {}", words::month(l, date.month()), date.year()),
    };
    let short = |date: Date| match span {
        Span::Days => format!("{}/{}", date.day(), date.month()),
        Span::Months => words::month(l, date.month()).to_owned(),
    };
    let used: Vec<Mark> = sight
        .periods
        .iter()
        .map(|period| {
            let value = period.figure.as_ref().and_then(|figure| amount(figure).0);
            let quality = period.figure.as_ref().map_or("missing", |figure| figure.quality);
            Mark {
                label: short(period.from),
                title: format!(
                    "{}: {} ({})",
                    day(period.from),
                    value.map_or("–".to_owned(), |value| format!(
                        "{} {unit}",
                        words::number(l, value)
                    )),
                    words::quality(l, quality)
                ),
                value,
                class: quality,
            }
        })
        .collect();
    let index: Vec<Mark> = sight
        .periods
        .iter()
        .map(|period| {
            let value = period.index.as_ref().map(read);
            Mark {
                label: short(period.from),
                title: format!(
                    "{}: {}",
                    day(period.from),
                    value.map_or("–".to_owned(), |value| words::number(l, value))
                ),
                value,
                class: "measured",
            }
        })
        .collect();
    html! {
        section aria-labelledby="consumption" {
            h2 #consumption { (l.of("Consommation et index", "Consumption and index")) }
            nav .filters aria-label=(l.of("Période", "Time")) {
                a href=(look.with("span", None)) aria-current=[(span == Span::Days).then_some("true")] { (l.of("30 jours", "30 days")) }
                a href=(look.with("span", Some("months"))) aria-current=[(span == Span::Months).then_some("true")] {
                    (l.of("12 mois", "12 months"))
                }
            }
            div .charts {
                (chart::bars(l, &Chart { id: "used", title: l.of("Consommation", "Consumption"), unit, marks: &used }))
                (chart::line(l, &Chart { id: "index", title: l.of("Index en fin de période", "Index at the end"), unit, marks: &index }))
            }
            p .quiet {
                (l.of(
                    "La consommation est celle de l’emplacement, coefficient compris ; elle peut réunir plusieurs compteurs après un remplacement.",
                    "Consumption is that of the place, with its rating factor; after a replacement it may join several meters.",
                ))
            }
            details {
                summary { (l.of("Les mêmes nombres en tableau", "The same numbers as a table")) }
                table .figures {
                    caption .sr { (l.of("Consommation et index par période", "Consumption and index by period")) }
                    thead {
                        tr {
                            th scope="col" { (l.of("Période", "Period")) }
                            th scope="col" .number { (l.of("Consommation", "Consumption")) " (" (unit) ")" }
                            th scope="col" { (l.of("Qualité", "Quality")) }
                            th scope="col" .number { (l.of("Index", "Index")) }
                            th scope="col" .wide { (l.of("Relevé le", "Read at")) }
                        }
                    }
                    tbody {
                        @for period in sight.periods.iter().rev() {
                            tr data-from=(period.from) {
                                th scope="row" { (day(period.from)) }
                                td .number data-figure="used" {
                                    @let used = period.figure.as_ref().and_then(|figure| amount(figure).1);
                                    @let used = used.map_or_else(|| "–".to_owned(), |value| words::number(l, value));
                                    @if period.figure.is_some() {
                                        a href={ "/caretaker/meters/" (sight.id.0) "/evidence?from=" (period.from) "&to=" (period.to) }
                                            aria-label={ (used) ", " (day(period.from)) ": " (l.of("d’où vient ce chiffre", "where this figure comes from")) }
                                            { (used) }
                                    } @else { (used) }
                                }
                                td { (words::quality(l, period.figure.as_ref().map_or("missing", |figure| figure.quality))) }
                                td .number data-figure="index" {
                                    @match &period.index { Some(row) => { (words::number(l, read(row))) } None => { "–" } }
                                }
                                td .wide {
                                    @if let Some(row) = &period.index { (words::instant(l, row.reading.at, &sight.census.zone)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The exact amount of a figure, and what residents are shown of it.
fn amount(figure: &Figure) -> (Option<Decimal>, Option<Decimal>) {
    match &figure.amount {
        Amounts::Units(units) => (
            units.rated.map(|number| number.0),
            units.rated_shown.map(|number| number.0),
        ),
        Amounts::Plain(plain) => (
            plain.value.map(|number| number.0),
            plain.shown.map(|number| number.0),
        ),
    }
}

/// A reading in the unit that people read, as the JSON routes say it.
fn read(row: &ReadingRow) -> Decimal {
    Value::of(row).value.0
}

fn kept_table(l: Language, sight: &Sight) -> Markup {
    html! {
        @if !sight.kept.is_empty() {
            section aria-labelledby="kept" {
                h2 #kept { (l.of("Valeurs gardées par le compteur", "Values that the meter keeps")) }
                table .figures {
                    caption .sr { (l.of("Valeurs gardées par le compteur", "Values that the meter keeps")) }
                    thead {
                        tr {
                            th scope="col" { (l.of("Pour le", "For")) }
                            th scope="col" .number { (l.of("Valeur", "Value")) }
                            th scope="col" { (l.of("Origine", "Source")) }
                        }
                    }
                    tbody {
                        @for row in &sight.kept {
                            @let value = Value::of(row);
                            tr data-at=(value.at) {
                                th scope="row" { (words::instant(l, row.reading.at, &sight.census.zone)) }
                                td .number data-figure="kept" { (words::number(l, value.value.0)) " " (words::unit(value.unit)) }
                                td { (words::source(l, value.source)) (flags(&value.flags)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn flags(flags: &[&str]) -> Markup {
    html! { @for flag in flags { " " span .badge.warn { (flag) } } }
}

fn latest(l: Language, sight: &Sight) -> Markup {
    html! {
        section aria-labelledby="latest" {
            h2 #latest { (l.of("Dernières valeurs", "Latest values")) }
            @if sight.details.latest.is_empty() {
                p .notice { (l.of("Aucune valeur n’a encore été lue.", "No value has been read yet.")) }
            } @else {
                table .figures {
                    caption .sr { (l.of("Dernière valeur de chaque série", "Latest value of each series")) }
                    thead {
                        tr {
                            th scope="col" { (l.of("Grandeur", "Quantity")) }
                            th scope="col" .number { (l.of("Valeur", "Value")) }
                            th scope="col" { (l.of("Le", "At")) }
                            th scope="col" { (l.of("Origine", "Source")) }
                        }
                    }
                    tbody {
                        @for value in &sight.details.latest {
                            tr {
                                th scope="row" {
                                    (words::quantity(l, &value.quantity))
                                    span .quiet {
                                        @if let Some(register) = value.register.filter(|register| *register != "current") { " " (register) }
                                        @if let Some(direction) = value.direction { " " (direction) }
                                        @if let Some(tariff) = value.tariff { " T" (tariff) }
                                        @if let Some(subunit) = value.subunit { " #" (subunit) }
                                        @if value.increment { " +" }
                                    }
                                }
                                td .number data-figure="latest" { (words::number(l, value.value.0)) " " (words::unit(value.unit)) }
                                td { (text_instant(l, &value.at, &sight.census.zone)) }
                                td { (words::source(l, value.source)) (flags(&value.flags)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// An instant of the JSON routes as people write it.
pub(super) fn text_instant(l: Language, text: &str, zone: &TimeZone) -> String {
    text.parse()
        .map_or_else(|_| text.to_owned(), |at| words::instant(l, at, zone))
}

fn radio(l: Language, sight: &Sight) -> Markup {
    let zone = &sight.census.zone;
    html! {
        section aria-labelledby="radio" {
            h2 #radio { (l.of("Sur les ondes", "On the air")) }
            @match &sight.details.heard {
                None => {
                    p .notice {
                        (l.of(
                            "Ce compteur n’a jamais été entendu. Vérifier le numéro sur le boîtier, et que la passerelle porte jusque-là.",
                            "This meter was never heard. Check the number against the housing, and whether the gateway reaches that far.",
                        ))
                    }
                }
                Some(heard) => {
                    dl .facts {
                        div { dt { (l.of("Dernier message", "Latest telegram")) } dd { (words::outcome(l, &heard.outcome)) } }
                        @if let Some(evidence) = &heard.evidence {
                            div { dt { (l.of("Détail", "Detail")) } dd { (evidence) } }
                        }
                        div { dt { (l.of("Messages gardés", "Telegrams kept")) } dd { (heard.telegrams) } }
                        div { dt { (l.of("Premier", "First")) } dd { (text_instant(l, &heard.first_heard, zone)) } }
                        @if let Some(time) = &heard.device_time {
                            div { dt { (l.of("Horloge du compteur", "Meter’s clock")) } dd { (time) } }
                        }
                        @if !heard.status.is_empty() {
                            div { dt { (l.of("Ce qu’il signale", "What it reports")) }
                                dd {
                                    @for status in &heard.status {
                                        span .badge.(if status.past { "calm" } else { "warn" }) {
                                            (status.word) @if status.past { " " (l.of("(passé)", "(past)")) }
                                        }
                                        " "
                                    }
                                }
                            }
                        }
                        @for fact in &sight.details.facts {
                            div { dt { (fact.name) } dd { (fact.value) } }
                        }
                    }
                    table .figures {
                        caption { (l.of("Ce que sont devenus ses messages", "What became of its telegrams")) }
                        thead {
                            tr {
                                th scope="col" { (l.of("Issue", "Outcome")) }
                                th scope="col" .number { (l.of("Messages", "Telegrams")) }
                                th scope="col" { (l.of("Dernier", "Latest")) }
                            }
                        }
                        tbody {
                            @for outcome in &sight.details.outcomes {
                                tr {
                                    th scope="row" { (words::outcome(l, &outcome.outcome)) }
                                    td .number data-figure={ "outcome-" (outcome.outcome) } { (outcome.telegrams) }
                                    td { (text_instant(l, &outcome.last_at, zone)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn installations(l: Language, sight: &Sight) -> Markup {
    let zone = &sight.census.zone;
    let instant = |text: &Option<String>, otherwise: &str| {
        text.as_ref()
            .map_or_else(|| otherwise.to_owned(), |text| text_instant(l, text, zone))
    };
    html! {
        section aria-labelledby="installed" {
            h2 #installed { (l.of("Pose", "Installation")) }
            @if sight.details.installations.is_empty() {
                p .notice { (l.of("Ce compteur n’est posé nulle part : l’ajouter au registre.", "This meter is installed nowhere: add it to the registry.")) }
            } @else {
                table .stack {
                    caption .sr { (l.of("Où il est et était posé", "Where it hangs and hung")) }
                    thead {
                        tr {
                            th scope="col" { (l.of("Lieu", "Place")) }
                            th scope="col" { (l.of("Du", "From")) }
                            th scope="col" { (l.of("Au", "Until")) }
                            th scope="col" .number { (l.of("Index de pose", "Start index")) }
                            th scope="col" .number { (l.of("Index de dépose", "End index")) }
                            th scope="col" .number { (l.of("Coefficient", "Factor")) }
                        }
                    }
                    tbody {
                        @for place in &sight.details.installations {
                            tr {
                                th scope="row" { (place.site) " · " (place.lot) @if !place.point.room.is_empty() { " · " (place.point.room) } }
                                td data-label=(l.of("Du", "From")) { (instant(&place.service.from, l.of("avant tout relevé", "before anyone kept count"))) }
                                td data-label=(l.of("Au", "Until")) { (instant(&place.service.until, l.of("en place", "still there"))) }
                                td data-label=(l.of("Index de pose", "Start index")) .number { (place.service.start_index.map_or("–".to_owned(), |index| words::number(l, index.0))) }
                                td data-label=(l.of("Index de dépose", "End index")) .number { (place.service.end_index.map_or("–".to_owned(), |index| words::number(l, index.0))) }
                                td data-label=(l.of("Coefficient", "Factor")) .number {
                                    @if place.service.factors.is_empty() { "1" }
                                    @for (index, factor) in place.service.factors.iter().enumerate() {
                                        @if index > 0 { ", " }
                                        (words::number(l, factor.factor.0))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn old_alerts(l: Language, sight: &Sight) -> Markup {
    let over: Vec<&AlertRow> = sight
        .alerts
        .iter()
        .filter(|alert| Life::of(alert) == Life::Cleared)
        .collect();
    html! {
        @if !over.is_empty() {
            section aria-labelledby="over" {
                h2 #over { (l.of("Alertes passées", "Alerts that are over")) }
                ul .plain-list {
                    @for alert in over {
                        li {
                            strong { (words::alert(l, &alert.kind)) } " "
                            (words::instant(l, alert.raised, &sight.census.zone)) " – "
                            @if let Some(cleared) = alert.cleared { (words::instant(l, cleared, &sight.census.zone)) }
                        }
                    }
                }
            }
        }
    }
}

/// Readings that are not drawn: known to be wrong, or opened with a key that was not seen to be right.
const DOUBTFUL: Flags = Flags(Flags::IMPLAUSIBLE.0 | Flags::KEY_UNPROVEN.0);

/// Values that the meter keeps, on the page.
const KEPT: usize = 40;

/// Alerts of one meter on its page.
const ALERTS: usize = 30;

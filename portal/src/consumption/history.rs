//! One part of the calendar: each kind in large digits, its bars and the same numbers in a table, each room, and the way to the part
//! before and the one behind.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use maud::{Markup, html};

use crate::Language;
use crate::app::App;
use crate::guard::Resident;
use crate::layout::{self, Frame};
use crate::query::{Compare, Consumption, Figure, Quality, Span};

use super::asked::{Asked, Wrong};
use super::chart::Chart;
use super::household::{Household, Refused};
use super::model::{self, Answers, Shown};
use super::view::{Range, View};
use super::{FILE, HISTORY, HOURS, parts, readings, words};

pub(super) async fn show(State(app): State<App>, resident: Resident, uri: Uri) -> Response {
    match answer(&app, &resident, &uri).await {
        Ok(response) => response,
        Err(refused) => refused.page(&resident),
    }
}

/// What a page or a file with figures is about.
pub(super) struct Part<'r> {
    pub(super) household: Household<'r>,
    pub(super) view: View,
    /// The whole part of the calendar, also where it reaches beyond the household's days.
    pub(super) range: Range,
    pub(super) compare: Option<Compare>,
    pub(super) now: Consumption,
    before: Option<(Consumption, Range)>,
}

impl<'r> Part<'r> {
    /// Reads what was asked for and asks the service.
    pub(super) async fn find(app: &App, resident: &'r Resident, uri: &Uri) -> Result<Self, Refused> {
        let asked = Asked::read(uri.query().unwrap_or_default())?;
        let household = Household::find(app, resident, &asked).await?;
        let view = asked.view.unwrap_or_default();
        let window = household.window;
        let day = asked.day.unwrap_or(household.last);
        let range = view.around(day, window).ok_or(Wrong::Day)?;
        let days = window.cut(range).ok_or(Wrong::Outside(window))?;
        if view == View::Day && !household.keeps_hourly {
            return Err(Refused::NoConsent(household.chosen.id));
        }
        let compare = match asked.compare {
            Some(Some(compare)) if !view.comparisons().contains(&compare) => None,
            Some(chosen) => chosen,
            // The best that the household was there for.
            None => view.comparisons().iter().copied().find(|compare| {
                view.compared(*compare, range, window)
                    .is_some_and(|range| window.cut(range) == Some(range))
            }),
        };
        let compared = compare
            .and_then(|compare| view.compared(compare, range, window))
            .and_then(|range| Some((window.cut(range)?, range)));
        let span = |days: Range, compare| Span {
            from: days.from,
            to: days.to,
            step: view.step(),
            compare,
        };
        let id = household.chosen.id;
        let (now, site) = (span(days, None), span(days, Some(Compare::Site)));
        let before = async {
            match compared {
                Some((days, range)) => Ok(Some((
                    household.query.consumption(id, &span(days, None)).await?,
                    range,
                ))),
                None => Ok(None),
            }
        };
        // The average of the building is a matter of its own: without it the household's own figures stand all the same.
        let (now, site, before) = tokio::join!(
            household.query.consumption(id, &now),
            household.query.consumption(id, &site),
            before
        );
        let mut now = now?;
        let before: Option<(Consumption, Range)> =
            before.map_err(|failure: crate::query::Failure| Refused::from(failure))?;
        now.site_average = site.ok().and_then(|site| site.site_average);
        Ok(Self {
            household,
            view,
            range,
            compare,
            now,
            before,
        })
    }

    pub(super) fn kinds(&self) -> Vec<Shown<'_>> {
        let answers = Answers {
            now: &self.now,
            before: self
                .before
                .as_ref()
                .map(|(consumption, range)| (consumption, *range)),
        };
        model::kinds(answers, self.view, self.range, self.household.language())
    }

    /// The days compared with, in words.
    fn when(&self) -> Option<String> {
        let (_, range) = self.before.as_ref()?;
        let last = range.to.yesterday().ok()?;
        let language = self.household.language();
        let whole = self
            .view
            .around(range.from, self.household.window)
            .is_some_and(|whole| whole == *range);
        Some(match (self.view, whole, language) {
            (View::Month, true, Language::French) => {
                format!("en {}", words::month_of_year(range.from, language))
            }
            (View::Month, true, Language::English) => {
                format!("in {}", words::month_of_year(range.from, language))
            }
            (View::Year, true, _) => format!("{} {}", language.of("en", "in"), range.from.year()),
            _ => words::range(range.from, last, language),
        })
    }

    /// The days shown that are the household's.
    fn days(&self) -> Range {
        Range {
            from: self.now.from,
            to: self.now.to,
        }
    }

    fn link(&self, path: &str, view: View, day: jiff::civil::Date, compare: Option<&str>) -> String {
        let day = day.to_string();
        let mut pairs = vec![("view", view.name()), ("day", day.as_str())];
        pairs.extend(compare.map(|compare| ("compare", compare)));
        self.household.link(path, &pairs)
    }
}

async fn answer(app: &App, resident: &Resident, uri: &Uri) -> Result<Response, Refused> {
    let part = Part::find(app, resident, uri).await?;
    let language = resident.language();
    let title = part.view.title(part.range, language);
    let kinds = part.kinds();
    let when = part.when();
    let body = html! {
        h1 { (title) }
        (part.household.choice(HISTORY))
        (tabs(&part, language))
        (neighbours(&part, language))
        (choices(&part, language))
        @if kinds.is_empty() {
            p class="notice" { (language.of(
                "Aucun compteur n'a été relevé dans ce logement pendant cette période.",
                "No meter of this dwelling was read in this time.",
            )) }
        }
        div class="kinds" {
            @for (number, shown) in kinds.iter().enumerate() {
                (kind(&part, shown, number, when.as_deref(), language))
            }
        }
        (parts::legend(used(&kinds), language))
        (links(&part, language))
    };
    Ok(layout::page(&Frame::for_resident(resident, &title), body))
}

/// The lengths of time.
fn tabs(part: &Part<'_>, language: Language) -> Markup {
    let day = part.household.window.nearest(match part.view {
        // Twelve weeks and all years are named by their last day.
        View::Weeks | View::Years => part.range.to.yesterday().unwrap_or(part.range.from),
        _ if part.range.to > part.household.last => part.household.last,
        _ => part.range.from,
    });
    html! {
        nav class="tabs" aria-label=(language.of("Durée", "Length of time")) {
            ul {
                @for view in View::ALL {
                    li {
                        a href=(part.link(HISTORY, view, day, None)) aria-current=[(view == part.view).then_some("page")] {
                            (view.word(language))
                        }
                    }
                }
            }
        }
    }
}

fn neighbours(part: &Part<'_>, language: Language) -> Markup {
    let (before, behind) = part.view.neighbours(part.range, part.household.window);
    let compare = compare_name(part.compare, part.view);
    html! {
        @if before.is_some() || behind.is_some() {
            nav class="neighbours" aria-label=(language.of("Période", "Time")) {
                @if let Some(day) = before {
                    @let day = part.household.window.nearest(day);
                    a rel="prev" href=(part.link(HISTORY, part.view, day, compare)) { "‹ " (language.of("Précédent", "Previous")) }
                } @else { span {} }
                @if let Some(day) = behind {
                    @let day = part.household.window.nearest(day);
                    a rel="next" href=(part.link(HISTORY, part.view, day, compare)) { (language.of("Suivant", "Next")) " ›" }
                }
            }
        }
    }
}

/// What the bars are compared with, where there is a choice.
fn choices(part: &Part<'_>, language: Language) -> Markup {
    let comparisons = part.view.comparisons();
    let day = part.household.window.nearest(match part.view {
        View::Weeks => part.range.to.yesterday().unwrap_or(part.range.from),
        _ => part.range.from,
    });
    let mut choices: Vec<(Option<Compare>, &str)> = comparisons
        .iter()
        .map(|compare| (Some(*compare), word(*compare, part.view, language)))
        .collect();
    choices.push((None, language.of("rien", "nothing")));
    html! {
        @if !comparisons.is_empty() {
            nav class="choices" aria-label=(language.of("Comparer avec", "Compare with")) {
                span { (language.of("Comparer avec", "Compare with")) }
                ul {
                    @for (compare, text) in choices {
                        li {
                            a href=(part.link(HISTORY, part.view, day, compare_name(compare, part.view)))
                                aria-current=[(compare == part.compare).then_some("true")] { (text) }
                        }
                    }
                }
            }
        }
    }
}

const fn word(compare: Compare, view: View, language: Language) -> &'static str {
    match (compare, view) {
        (Compare::YearAgo, _) => language.of("un an avant", "a year ago"),
        (_, View::Day) => language.of("la veille", "the day before"),
        (_, View::Week) => language.of("la semaine d'avant", "the week before"),
        (_, View::Month) => language.of("le mois d'avant", "the month before"),
        (_, View::Year) => language.of("l'année d'avant", "the year before"),
        _ => language.of("la période d'avant", "the time before"),
    }
}

fn compare_name(compare: Option<Compare>, view: View) -> Option<&'static str> {
    match compare {
        Some(compare) => Some(compare.name()),
        None if view.comparisons().is_empty() => None,
        None => Some("none"),
    }
}

fn kind(part: &Part<'_>, shown: &Shown<'_>, number: usize, when: Option<&str>, language: Language) -> Markup {
    let kind = shown.kind;
    let name = words::kind(&kind.kind, language);
    let (heading, chart) = (format!("kind-{number}"), format!("chart-{number}"));
    let compared = shown.bars.iter().any(|bar| !bar.was_text.is_empty());
    let title = format!("{name} · {}", part.view.title(part.range, language));
    html! {
        section class={ "kind " (kind.kind.name()) } aria-labelledby=(heading) {
            h2 id=(heading) { (name) }
            (parts::big(kind.total.shown, &kind.unit, language))
            (parts::how_known(&kind.total, language))
            (parts::known(kind.points.iter().map(|point| &point.total), &kind.unit, language))
            @if let (Some(was), Some(when)) = (shown.was, when) {
                (parts::comparison(&kind.total, was, &kind.unit, when, language))
            }
            (average(shown, language))
            figure class="bars" {
                (Chart { id: &chart, title: &title, description: &summary(shown, language), bars: &shown.bars }.draw(language))
                @if compared {
                    figcaption class="key" {
                        span class="now" { (language.of("cette période", "this time")) }
                        span class="was" { (when.unwrap_or_default()) }
                    }
                }
            }
            details class="numbers" {
                summary { (language.of("Les mêmes chiffres en tableau", "The same numbers in a table")) }
                (table(shown, compared, when, language))
            }
            (parts::rooms(kind, |point| readings::link(&part.household, part.days(), Some(point)), language))
        }
    }
}

/// The average user of the building in the same days.
fn average(shown: &Shown<'_>, language: Language) -> Markup {
    let average = shown
        .average
        .and_then(|average| Some((average, average.for_this_surface?)));
    html! {
        @if let Some((average, value)) = average {
            p class="average" {
                (language.of("Moyenne de l'immeuble pour votre surface : ", "Average of the building for your surface: "))
                strong { (words::amount(Some(value), &average.unit, language)) }
                " ("
                @match language {
                    Language::French => { (average.dwellings) " logements" }
                    Language::English => { (average.dwellings) " dwellings" }
                }
                ")"
            }
        }
    }
}

/// What stands out in the bars, for those who do not see them.
fn summary(shown: &Shown<'_>, language: Language) -> String {
    let known: Vec<_> = shown.bars.iter().filter(|bar| bar.value.is_some()).collect();
    let missing = shown
        .bars
        .iter()
        .filter(|bar| bar.value.is_none() && !bar.is_ahead)
        .count();
    let Some(most) = known.iter().max_by_key(|bar| bar.value) else {
        return language.of("Aucune donnée.", "No data.").to_owned();
    };
    let total = words::amount(shown.kind.total.shown, &shown.kind.unit, language);
    let mut text = match language {
        Language::French => format!("Total {total}. Le plus : {}, {}.", most.name, most.text),
        Language::English => format!("Total {total}. The most: {}, {}.", most.name, most.text),
    };
    if missing > 0 {
        text.push_str(&match language {
            Language::French => format!(" Données manquantes : {missing}."),
            Language::English => format!(" Missing data: {missing}."),
        });
    }
    text
}

/// The numbers of the bars.
fn table(shown: &Shown<'_>, compared: bool, when: Option<&str>, language: Language) -> Markup {
    let unit = words::unit(&shown.kind.unit);
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(parts::table_of(&shown.kind.kind, language)) {
            table {
                caption class="hidden" { (words::kind(&shown.kind.kind, language)) }
                thead {
                    tr {
                        th scope="col" { (language.of("Période", "Time")) }
                        th scope="col" class="number" { (unit) }
                        @if compared {
                            th scope="col" class="number" { (words::capitalised(when.unwrap_or_default())) }
                        }
                        th scope="col" { (language.of("Qualité", "Quality")) }
                    }
                }
                tbody {
                    @for (bar, quality) in shown.bars.iter().zip(&shown.qualities) {
                        @if let Some(quality) = quality {
                            tr class=[(*quality == Quality::Missing).then_some("missing")] {
                                th scope="row" { (bar.name) }
                                td class="number" { (bar.text) }
                                @if compared { td class="number" { (bar.was_text) } }
                                td { (words::quality(*quality, language)) }
                            }
                        }
                    }
                }
                tfoot {
                    tr {
                        th scope="row" { "Total" }
                        td class="number" { (model::amount(&shown.kind.total, &shown.kind.unit, language)) }
                        @if compared {
                            td class="number" {
                                (shown.was.map(|was: &Figure| model::amount(was, &shown.kind.unit, language)).unwrap_or_default())
                            }
                        }
                        td { (words::quality(shown.kind.total.quality, language)) }
                    }
                }
            }
        }
    }
}

/// The words for quality that stand on the page.
fn used<'a>(kinds: &'a [Shown<'a>]) -> impl Iterator<Item = Quality> + 'a {
    kinds.iter().flat_map(|shown| {
        let points = shown.kind.points.iter().map(|point| point.total.quality);
        let bars = shown.qualities.iter().flatten().copied();
        points.chain(bars).chain([shown.kind.total.quality])
    })
}

fn links(part: &Part<'_>, language: Language) -> Markup {
    let day = part.household.window.nearest(match part.view {
        View::Weeks => part.range.to.yesterday().unwrap_or(part.range.from),
        _ => part.range.from,
    });
    let mut links = vec![(
        part.link(FILE, part.view, day, None),
        language.of("Télécharger en CSV (tableur)", "Download as CSV (spreadsheet)"),
    )];
    links.push((
        readings::link(&part.household, part.days(), None),
        language.of("D'où viennent ces chiffres", "Where these figures come from"),
    ));
    links.extend(super::notes(&part.household, language));
    links.push((
        part.household.link(HOURS, &[]),
        language.of("Chiffres heure par heure", "Figures hour by hour"),
    ));
    parts::beside(&links, language)
}

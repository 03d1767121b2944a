//! Step 2: the residence, by its code or by words of its address.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::draft::{Draft, Residence};
use super::search::{self, Miss};
use super::{Step, steps};
use crate::app::App;
use crate::failure::Failure;
use crate::guard::{Form, Visitor};
use crate::layout::{self, Field, Frame, Notice};
use crate::query::Site;

/// What was typed, and what came of it.
#[derive(Default)]
struct Tried<'a> {
    code: &'a str,
    address: &'a str,
    miss: Option<(Way, Miss)>,
    /// What the words of an address may mean.
    sites: Vec<Site>,
}

/// How it was looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Code,
    Address,
}

pub(super) async fn show(visitor: Visitor) -> Response {
    let draft = Draft::of(&visitor);
    if let Err(back) = draft.reaches(Step::Residence) {
        return *back;
    }
    let code = draft
        .residence
        .map(|residence| residence.code)
        .unwrap_or_default();
    page(
        &visitor,
        &Tried {
            code: &code,
            ..Tried::default()
        },
    )
}

pub(super) async fn find(State(app): State<App>, visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let draft = Draft::of(&visitor);
    if let Err(back) = draft.reaches(Step::Residence) {
        return Ok(*back);
    }
    search::admit(&app, &visitor)?;
    let (code, address) = (form.get("code"), form.get("address"));
    let service = search::service(&app, &visitor);
    let missed = |way, miss| {
        if miss == Miss::Unknown {
            search::missed(&app, &visitor);
        }
        let tried = Tried {
            code,
            address,
            miss: Some((way, miss)),
            sites: Vec::new(),
        };
        Ok(page(&visitor, &tried))
    };

    if code.is_empty() && !address.is_empty() {
        if address.chars().count() > LONGEST_ADDRESS {
            return missed(Way::Address, Miss::Unknown);
        }
        return match service.sites_by_address(address).await {
            Ok(sites) if sites.is_empty() => missed(Way::Address, Miss::Unknown),
            Ok(sites) => Ok(page(
                &visitor,
                &Tried {
                    code: "",
                    address,
                    miss: None,
                    sites,
                },
            )),
            Err(failure) => missed(Way::Address, search::miss(&failure)?),
        };
    }
    let Some(code) = tidy(code) else {
        return missed(Way::Code, Miss::Unknown);
    };
    match service.site_by_code(&code).await {
        Ok(Some(site)) => {
            let residence = Residence {
                label: label(&site),
                code: site.code,
                zone: site.time_zone,
            };
            // Another residence has other dwellings.
            let home = draft
                .home
                .filter(|_| draft.residence.as_ref() == Some(&residence));
            Draft {
                residence: Some(residence),
                home,
                sent: false,
                ..draft
            }
            .keep(&app, &visitor)
            .await?;
            Ok(layout::see_other(Step::Dwelling.path()))
        }
        Ok(None) => missed(Way::Code, Miss::Unknown),
        Err(failure) => missed(Way::Code, search::miss(&failure)?),
    }
}

/// Two letters and three digits, however they were typed.
fn tidy(code: &str) -> Option<String> {
    let code: String = code
        .chars()
        .filter(|letter| !matches!(letter, ' ' | '-' | '.' | '\u{a0}'))
        .map(|letter| letter.to_ascii_uppercase())
        .take(6)
        .collect();
    let (letters, digits) = code.split_at_checked(2)?;
    let fits = digits.len() == 3
        && letters.bytes().all(|octet| octet.is_ascii_uppercase())
        && digits.bytes().all(|octet| octet.is_ascii_digit());
    fits.then_some(code)
}

/// What people call a residence.
fn label(site: &Site) -> String {
    match (site.name.as_str(), site.address.as_str()) {
        ("", "") => site.code.clone(),
        ("", address) => address.to_owned(),
        (name, _) => name.to_owned(),
    }
}

fn page(visitor: &Visitor, tried: &Tried<'_>) -> Response {
    let language = visitor.language;
    let title = Step::Residence.title(language);
    let status = match tried.miss {
        None => StatusCode::OK,
        Some((_, Miss::Unavailable)) => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let error = |way| {
        tried
            .miss
            .filter(|(tried, miss)| *tried == way && *miss != Miss::Unavailable)
            .map(|_| match way {
                Way::Code => language.of(
                    "Aucune résidence ne porte ce code. Il a deux lettres et trois chiffres, comme AB123.",
                    "No residence has this code. It has two letters and three digits, like AB123.",
                ),
                Way::Address => language.of(
                    "Aucune résidence n'a cette adresse. Essayez avec moins de mots : le nom de la rue, par exemple.",
                    "No residence has this address. Try fewer words: the name of the street, say.",
                ),
            })
    };
    layout::page(
        &Frame::for_visitor(visitor, title).status(status),
        html! {
            (steps(Step::Residence, language))
            h1 { (title) }
            @if matches!(tried.miss, Some((_, Miss::Unavailable))) { (layout::unavailable(language)) }
            @if !tried.sites.is_empty() { (found(visitor, &tried.sites)) }
            section aria-labelledby="by-code" {
                h2 id="by-code" { (language.of("Je connais le code", "I know the code")) }
                (layout::form(visitor, Step::Residence.path(), html! {
                    (layout::field(&Field {
                        name: "code",
                        label: language.of("Code de la résidence", "Code of the residence"),
                        hint: Some(language.of(
                            "Deux lettres et trois chiffres. Il est sur l'affiche du hall et sur vos courriers.",
                            "Two letters and three digits. It is on the notice in the hall and on your letters.",
                        )),
                        value: tried.code,
                        error: error(Way::Code),
                        autocomplete: "off",
                        longest: 12,
                        ..Field::default()
                    }))
                    button type="submit" { (language.of("Continuer", "Continue")) }
                }))
            }
            section aria-labelledby="by-address" {
                h2 id="by-address" { (language.of("Je ne connais pas le code", "I don't know the code")) }
                (layout::form(visitor, Step::Residence.path(), html! {
                    (layout::field(&Field {
                        name: "address",
                        label: language.of("Adresse ou nom de la résidence", "Address or name of the residence"),
                        hint: Some(language.of(
                            "Quelques mots suffisent : la rue et le numéro, par exemple.",
                            "A few words are enough: street and number, say.",
                        )),
                        value: tried.address,
                        error: error(Way::Address),
                        autocomplete: "street-address",
                        longest: LONGEST_ADDRESS,
                        ..Field::default()
                    }))
                    button type="submit" class="secondary" { (language.of("Chercher", "Search")) }
                }))
            }
        },
    )
}

/// The residences that an address may mean, to choose from.
fn found(visitor: &Visitor, sites: &[Site]) -> Markup {
    let language = visitor.language;
    html! {
        section aria-labelledby="found" {
            h2 id="found" { (language.of("Laquelle est la vôtre ?", "Which one is yours?")) }
            (layout::form(visitor, Step::Residence.path(), html! {
                fieldset {
                    legend { (language.of("Résidences trouvées", "Residences found")) }
                    @for site in sites {
                        div class="choice" {
                            input type="radio" id={ "site-" (site.code) } name="code" value=(site.code) required;
                            label for={ "site-" (site.code) } {
                                (label(site))
                                @if !site.name.is_empty() && !site.address.is_empty() { " – " (site.address) }
                            }
                        }
                    }
                }
                button type="submit" { (language.of("C'est celle-ci", "This one")) }
            }))
            (layout::notice(Notice::Plain, html! {
                p { (language.of(
                    "La vôtre n'y est pas ? Cherchez-la ci-dessous avec d'autres mots.",
                    "Yours is not among them? Look for it below with other words.",
                )) }
            }))
        }
    }
}

/// Nobody needs more words.
const LONGEST_ADDRESS: usize = 120;

#[cfg(test)]
mod tests {
    use super::tidy;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        for typed in ["AB123", "ab123", " a b 1 2 3 ", "AB-123", "ab.123"] {
            assert_eq!(tidy(typed).as_deref(), Some("AB123"), "{typed}");
        }
        for wrong in [
            "",
            "A1234",
            "ABC12",
            "AB12",
            "AB1234",
            "AB12É",
            "<b>12",
            "é",
            "AB１２３",
        ] {
            assert_eq!(tidy(wrong), None, "{wrong}");
        }
    }
}

//! Step 3: the dwelling, by the serial of any of its meters, its lot number, or the operator's reference.
//!
//! Nothing of the dwelling is shown. A number that is wrong, strange or not known gets one and the same sentence.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::draft::{Draft, Home, Residence};
use super::search::{self, Miss};
use super::{Step, drawing, steps};
use crate::app::App;
use crate::failure::Failure;
use crate::guard::{Form, Visitor};
use crate::layout::{self, Field, Frame};
use crate::query::{Dwelling, DwellingBy};

/// What was typed, and what came of it.
#[derive(Default)]
struct Tried<'a> {
    by: By,
    number: &'a str,
    miss: Option<Miss>,
}

/// What kind of number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum By {
    #[default]
    Serial,
    Lot,
    Reference,
}

impl By {
    const ALL: [Self; 3] = [Self::Serial, Self::Lot, Self::Reference];

    const fn name(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Lot => "lot",
            Self::Reference => "reference",
        }
    }

    fn from_name(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|by| by.name() == name)
            .unwrap_or_default()
    }
}

pub(super) async fn show(visitor: Visitor) -> Response {
    let draft = Draft::of(&visitor);
    match (draft.reaches(Step::Dwelling), &draft.residence) {
        (Ok(()), Some(residence)) => page(&visitor, residence, &Tried::default()),
        (Err(back), _) => *back,
        (Ok(()), None) => layout::see_other(Step::Residence.path()),
    }
}

pub(super) async fn find(State(app): State<App>, visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let draft = Draft::of(&visitor);
    if let Err(back) = draft.reaches(Step::Dwelling) {
        return Ok(*back);
    }
    let Some(residence) = draft.residence.clone() else {
        return Ok(layout::see_other(Step::Residence.path()));
    };
    search::admit(&app, &visitor)?;
    let (by, number) = (By::from_name(form.get("by")), form.get("number"));
    let found = match plausible(number) {
        Some(number) => {
            let by = match by {
                By::Serial => DwellingBy::Serial(number),
                By::Lot => DwellingBy::Lot(number),
                By::Reference => DwellingBy::ClientRef(number),
            };
            let answer = search::service(&app, &visitor)
                .dwellings(&residence.code, by)
                .await;
            match answer {
                Ok(dwellings) => one(dwellings),
                Err(failure) => Err(search::miss(&failure)?),
            }
        }
        None => Err(Miss::Unknown),
    };
    match found {
        Ok(dwelling) => {
            let label = match dwelling.lot.as_str() {
                "" => residence.label.clone(),
                lot => format!("{}, lot {lot}", residence.label),
            };
            Draft {
                home: Some(Home {
                    id: dwelling.id,
                    label,
                }),
                sent: false,
                ..draft
            }
            .keep(&app, &visitor)
            .await?;
            Ok(layout::see_other(Step::You.path()))
        }
        Err(miss) => {
            if miss != Miss::Unavailable {
                search::missed(&app, &visitor);
            }
            let tried = Tried {
                by,
                number,
                miss: Some(miss),
            };
            Ok(page(&visitor, &residence, &tried))
        }
    }
}

/// A number that may be one: the service reads it in its own way.
fn plausible(number: &str) -> Option<&str> {
    let fits = number.chars().count() <= LONGEST
        && number.chars().any(char::is_alphanumeric)
        && !number.chars().any(char::is_control);
    fits.then_some(number)
}

/// The one dwelling that is meant.
fn one(dwellings: Vec<Dwelling>) -> Result<Dwelling, Miss> {
    let mut dwellings = dwellings.into_iter();
    match (dwellings.next(), dwellings.next()) {
        (Some(dwelling), None) => Ok(dwelling),
        (Some(_), Some(_)) => Err(Miss::Ambiguous),
        (None, _) => Err(Miss::Unknown),
    }
}

fn page(visitor: &Visitor, residence: &Residence, tried: &Tried<'_>) -> Response {
    let language = visitor.language;
    let title = Step::Dwelling.title(language);
    let status = match tried.miss {
        None => StatusCode::OK,
        Some(Miss::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let error = match tried.miss {
        Some(Miss::Unknown) => Some(language.of(
            "Ce numéro ne mène à aucun logement de cette résidence. Vérifiez-le, ou essayez celui d'un autre appareil.",
            "This number leads to no home in this residence. Check it, or try that of another device.",
        )),
        Some(Miss::Ambiguous) => Some(language.of(
            "Ce numéro convient à plusieurs logements. Écrivez-le en entier, ou essayez celui d'un autre appareil.",
            "This number fits several homes. Type all of it, or try that of another device.",
        )),
        Some(Miss::Unavailable) | None => None,
    };
    let choice = |by: By, text: &str| -> Markup {
        html! {
            div class="choice" {
                input type="radio" id={ "by-" (by.name()) } name="by" value=(by.name()) required checked[tried.by == by];
                label for={ "by-" (by.name()) } { (text) }
            }
        }
    };
    layout::page(
        &Frame::for_visitor(visitor, title).status(status),
        html! {
            (steps(Step::Dwelling, language))
            h1 { (title) }
            @if tried.miss == Some(Miss::Unavailable) { (layout::unavailable(language)) }
            p { (language.of("Résidence : ", "Residence: ")) strong { (residence.label) } }
            (layout::form(visitor, Step::Dwelling.path(), html! {
                fieldset {
                    legend { (language.of("Que pouvez-vous lire ?", "What can you read?")) }
                    (choice(By::Serial, language.of(
                        "Le numéro d'un répartiteur ou d'un compteur d'eau chaude",
                        "The number of an allocator or of a hot-water meter",
                    )))
                    (choice(By::Lot, language.of(
                        "Le numéro de lot, dans le bail ou l'acte de vente",
                        "The lot number, in the lease or the deed",
                    )))
                    (choice(By::Reference, language.of(
                        "La référence client, sur un courrier du gestionnaire",
                        "The client reference, on a letter from the housing operator",
                    )))
                }
                (layout::field(&Field {
                    name: "number",
                    label: language.of("Ce numéro", "That number"),
                    hint: Some(language.of(
                        "Celui de n'importe quel appareil de votre logement. Espaces et tirets ne comptent pas.",
                        "That of any device in your home. Blanks and dashes don't count.",
                    )),
                    value: tried.number,
                    error,
                    autocomplete: "off",
                    longest: LONGEST,
                    ..Field::default()
                }))
                button type="submit" { (language.of("Continuer", "Continue")) }
            }))
            h2 { (language.of("Où est le numéro de série ?", "Where is the serial number?")) }
            (drawing::both(language))
        },
    )
}

/// No number of any device or letter is longer.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::plausible;

    #[test]
    fn what_has_no_letter_and_no_digit_is_not_asked_for() {
        assert_eq!(plausible("12 34-56 78"), Some("12 34-56 78"));
        for wrong in ["", "---", "\u{0}1", &"1".repeat(65)] {
            assert_eq!(plausible(wrong), None, "{wrong:?}");
        }
    }
}

//! Step 4: name, address, password, move-in date, what is vouched for and agreed to. Then a mail.
//!
//! An address that has an account is answered like any other; only whoever reads its mail is told.

use std::borrow::Cow;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lettre::Address;
use maud::html;

use super::draft::{Draft, Residence};
use super::{Step, steps};
use crate::Language;
use crate::account::rules::{self, Weak};
use crate::accounts::{Activation, Asked};
use crate::app::App;
use crate::failure::Failure;
use crate::guard::{Form, Kind, Visitor};
use crate::layout::{self, Field, Frame, Notice};
use crate::mail::{self, Letter};
use crate::privacy;
use crate::secret::{Hidden, Token};
use crate::seed;

/// What was typed, and what is wrong with it. The password is never shown again.
#[derive(Default)]
struct Tried<'a> {
    name: &'a str,
    email: &'a str,
    move_in: Cow<'a, str>,
    certified: bool,
    consent: bool,
    hourly: bool,
    errors: Errors,
}

/// What is wrong, field by field.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Errors {
    name: Option<&'static str>,
    email: Option<&'static str>,
    password: Option<&'static str>,
    move_in: Option<&'static str>,
    certified: Option<&'static str>,
    consent: Option<&'static str>,
}

pub(super) async fn show(State(app): State<App>, visitor: Visitor) -> Response {
    let draft = Draft::of(&visitor);
    match draft.reaches(Step::You) {
        Ok(()) if draft.sent => layout::see_other("/activation/sent"),
        Ok(()) => page(&app, &visitor, &draft, &Tried::default()),
        Err(back) => *back,
    }
}

pub(super) async fn ask(State(app): State<App>, visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let draft = Draft::of(&visitor);
    if let Err(back) = draft.reaches(Step::You) {
        return Ok(*back);
    }
    if draft.sent {
        return Ok(layout::see_other("/activation/sent"));
    }
    let (Some(role), Some(residence), Some(home)) =
        (draft.role, draft.residence.as_ref(), draft.home.as_ref())
    else {
        return Ok(layout::see_other(Step::Who.path()));
    };
    let password = Hidden::new(form.raw("password").to_owned());
    let weak = rules::judge(&password, form.get("email"), form.get("name"))
        .await
        .err();
    let (tried, read) = read(&form, weak, today(&app, residence), visitor.language);
    let Some((address, from)) = read else {
        return Ok(page(&app, &visitor, &draft, &tried));
    };
    let now = app.now();
    app.limiter.admit(
        Kind::MailFromClient,
        visitor.client(),
        app.settings.limits.mail_client,
        now,
    )?;
    let hashed = app
        .hasher
        .hash(&password)
        .await
        .map_err(|error| Failure::internal(&error))?;
    let token = Token::generate().map_err(|error| Failure::internal(&error))?;
    let asked = Activation {
        email: address.to_string(),
        name: tried.name.to_owned(),
        password: hashed,
        language: visitor.language,
        dwelling: home.id,
        label: home.label.clone(),
        role: seed::word(role).to_owned(),
        from,
        keeps_hourly: tried.hourly,
    };
    let before = draft.text()?;
    let after = Draft {
        sent: true,
        ..draft.clone()
    }
    .text()?;
    let (session, hash, kept) = (visitor.token().hash(), token.hash(), asked.clone());
    let outcome = app
        .ask(move |accounts| accounts.ask_activation((session, &before, &after), hash, &kept, now))
        .await?;
    if outcome == Asked::Waits {
        app.limiter.count(Kind::MailFromClient, visitor.client(), now);
        tell(&app, address, asked, &token);
    }
    Ok(layout::see_other("/activation/sent"))
}

/// What follows the last step, whoever the address belongs to.
pub(super) async fn sent(visitor: Visitor) -> Response {
    if !Draft::of(&visitor).sent {
        return layout::see_other(Step::Who.path());
    }
    let language = visitor.language;
    let title = language.of("Regardez vos e-mails", "Look at your e-mail");
    layout::page(
        &Frame::for_visitor(&visitor, title),
        html! {
            h1 { (title) }
            (layout::notice(Notice::Good, html! {
                p { (language.of(
                    "Un message part vers l'adresse que vous avez donnée. Ouvrez son lien dans les 48 heures : votre espace sera prêt.",
                    "A mail is on its way to the address that you gave. Open its link within 48 hours: your account will be ready.",
                )) }
            }))
            p {
                (language.of(
                    "Rien reçu après quelques minutes ? Regardez dans les indésirables. Une faute dans l'adresse ? ",
                    "Nothing after a few minutes? Look among the unwanted mails. A mistake in the address? ",
                ))
                a href="/activation" { (language.of("Recommencez le guide", "Begin the guide again")) } "."
            }
        },
    )
}

/// Sends the mail. Which one depends on the address, so it is found out away from the answer.
fn tell(app: &App, address: Address, asked: Activation, token: &Token) {
    let link = app.link("confirm", token);
    let inside = app.clone();
    app.later(async move {
        let app = inside;
        if !app.may_mail(&asked.email) {
            return;
        }
        let email = asked.email.clone();
        let Ok(known) = app.ask(move |accounts| accounts.account_by_email(&email)).await else {
            return;
        };
        let letter = match known {
            // To the address that the account has, not to what was typed: the two need not be the same letters.
            Some(account) => match mail::address(&account.email) {
                Some(own) => Letter::confirm_known(own, account.language, &asked.label, &link),
                None => return,
            },
            None => Letter::confirm(address, asked.language, &asked.name, &asked.label, &link),
        };
        app.post.send(&letter);
    });
}

/// What was typed, and the address and the day when all of it can be used.
fn read<'a>(
    form: &'a Form,
    weak: Option<Weak>,
    today: Date,
    language: Language,
) -> (Tried<'a>, Option<(Address, Date)>) {
    let (name, email) = (form.get("name"), form.get("email"));
    let typed = form.get("move_in");
    let address = mail::address(email);
    let from = day(typed);
    let is_ticked = |field| form.get(field) == "yes";
    let errors = Errors {
        name: (name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control)).then_some(
            language.of(
                "Écrivez votre nom, en 100 caractères au plus.",
                "Write your name, in 100 characters at most.",
            ),
        ),
        email: address.is_none().then_some(language.of(
            "Écrivez une adresse e-mail complète, comme prenom.nom@example.org.",
            "Write a whole e-mail address, like first.last@example.org.",
        )),
        password: weak.map(|weak| weak.sentence(language)),
        move_in: match from {
            None => Some(language.of(
                "Écrivez la date en jour, mois et année, comme 31/01/2026.",
                "Write the date as day, month and year, like 31/01/2026.",
            )),
            Some(from) if from > today => Some(language.of(
                "Cette date est à venir. Choisissez le jour de votre emménagement, aujourd'hui au plus tard ; avant d'habiter le logement, rien n'est à voir.",
                "This date lies ahead. Choose the day on which you moved in, today at the latest; before you live there, there is nothing to see.",
            )),
            Some(from) if from.year() < FIRST_YEAR => Some(language.of(
                "Cette date est trop ancienne. Vérifiez l'année.",
                "This date is too long ago. Check the year.",
            )),
            Some(_) => None,
        },
        certified: (!is_ticked("certified")).then_some(language.of(
            "Sans cette certification, l'espace ne peut pas être activé.",
            "Without this certification the account can't be activated.",
        )),
        consent: (!is_ticked("consent")).then_some(language.of(
            "Sans votre accord, l'espace ne peut pas être activé.",
            "Without your consent the account can't be activated.",
        )),
    };
    let tried = Tried {
        name,
        email,
        move_in: from.map_or(Cow::Borrowed(typed), |day| Cow::Owned(day.to_string())),
        certified: is_ticked("certified"),
        consent: is_ticked("consent"),
        hourly: is_ticked("hourly"),
        errors,
    };
    let read = (errors == Errors::default()).then_some(()).and(address.zip(from));
    (tried, read)
}

/// A day as browsers send it, or as people write it: `2026-01-31`, `31/01/2026`, `31.1.2026`.
pub(super) fn day(typed: &str) -> Option<Date> {
    if typed.len() > 10 || !typed.is_ascii() {
        return None;
    }
    let parts: Vec<&str> = typed.split(['-', '/', '.']).collect();
    let [first, second, third] = parts.as_slice() else {
        return None;
    };
    let (year, month, day) = if first.len() == 4 {
        (first, second, third)
    } else {
        (third, second, first)
    };
    if year.len() != 4
        || ![year, month, day]
            .into_iter()
            .all(|part| part.bytes().all(|octet| octet.is_ascii_digit()))
    {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// What day it is in the residence.
fn today(app: &App, residence: &Residence) -> Date {
    let zone = TimeZone::get(&residence.zone).unwrap_or(TimeZone::UTC);
    app.now().to_zoned_datetime(zone).date()
}

fn page(app: &App, visitor: &Visitor, draft: &Draft, tried: &Tried<'_>) -> Response {
    let language = visitor.language;
    let title = Step::You.title(language);
    let errors = tried.errors;
    let named = [
        ("name", errors.name),
        ("email", errors.email),
        ("password", errors.password),
        ("move_in", errors.move_in),
        ("certified", errors.certified),
        ("consent", errors.consent),
    ];
    let status = if errors == Errors::default() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let latest = draft
        .residence
        .as_ref()
        .map(|residence| today(app, residence).to_string());
    layout::page(
        &Frame::for_visitor(visitor, title).status(status),
        html! {
            (steps(Step::You, language))
            h1 { (title) }
            @if errors != Errors::default() { (layout::corrections(language, &named)) }
            (layout::form(visitor, Step::You.path(), html! {
                (layout::field(&Field {
                    name: "name",
                    label: language.of("Nom", "Name"),
                    value: tried.name,
                    error: errors.name,
                    autocomplete: "name",
                    longest: LONGEST_NAME,
                    ..Field::default()
                }))
                (layout::field(&Field {
                    name: "email",
                    label: language.of("Adresse e-mail", "E-mail address"),
                    hint: Some(language.of(
                        "Nous y envoyons un lien de confirmation.",
                        "We send a link there, to confirm it.",
                    )),
                    kind: "email",
                    value: tried.email,
                    error: errors.email,
                    autocomplete: "email",
                    longest: 254,
                    ..Field::default()
                }))
                (layout::new_password(language, errors.password))
                (layout::field(&Field {
                    name: "move_in",
                    label: language.of("Date d'emménagement", "Move-in date"),
                    hint: Some(language.of(
                        "Vous verrez vos consommations à partir de ce jour, jamais celles d'avant. Ni à venir, ni avant l'emménagement de l'occupant précédent.",
                        "You will see your consumption from this day on, never that from before. Neither in the future, nor before the previous household moved in.",
                    )),
                    kind: "date",
                    value: &tried.move_in,
                    error: errors.move_in,
                    autocomplete: "off",
                    longest: 10,
                    most: latest.as_deref(),
                }))
                fieldset {
                    legend { (language.of("Certification et consentement", "Certification and consent")) }
                    (layout::tick("certified", true, tried.certified, errors.certified, language.of(
                        "Je certifie que j'habite ce logement et que ces indications sont exactes.",
                        "I certify that I live in this home and that these details are true.",
                    )))
                    (layout::tick("consent", true, tried.consent, errors.consent, language.of(
                        "J'ai lu comment mes données sont traitées et j'accepte que mes consommations par jour me soient montrées ici.",
                        "I have read how my data are handled, and I agree that my daily consumption is shown to me here.",
                    )))
                    (layout::tick("hourly", false, tried.hourly, None, language.of(
                        "Facultatif : j'accepte aussi que mes consommations soient gardées et montrées heure par heure. Je peux changer d'avis à tout moment.",
                        "Optional: I also agree that my consumption is kept and shown hour by hour. I can change my mind at any time.",
                    )))
                }
                details {
                    summary { (language.of("Comment mes données sont traitées", "How my data are handled")) }
                    (privacy::statement(app, language))
                }
                button type="submit" { (language.of("Activer mon espace", "Activate my account")) }
            }))
        },
    )
}

/// No name is longer.
const LONGEST_NAME: usize = 100;

/// Nobody moved in earlier who still lives there.
const FIRST_YEAR: i16 = 1920;

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn a_day_is_read_as_browsers_send_it_and_as_people_write_it() {
        for typed in ["2026-01-31", "31/01/2026", "31.1.2026", "31-01-2026"] {
            assert_eq!(day(typed).unwrap().to_string(), "2026-01-31", "{typed}");
        }
        for wrong in [
            "",
            "2026-02-30",
            "31/13/2026",
            "31/01/26",
            "demain",
            "2026-01-31T00",
            "+1/01/2026",
            "٣١/٠١/٢٠٢٦",
        ] {
            assert_eq!(day(wrong), None, "{wrong}");
        }
    }
}

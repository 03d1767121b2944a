//! What goes wrong, as a page: the problem's own status, a plain sentence, and a way on.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::super::problem::Problem;
use super::layout::{self, Look};
use super::{HOME, Language};

/// A problem as it comes from the handlers.
#[derive(Debug, Deserialize)]
struct Told {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    detail: String,
    parameter: Option<String>,
}

/// Makes a page of every problem on its way out.
pub(super) async fn dress(request: Request, next: Next) -> Response {
    let look = Look::of(request.extensions(), request.uri());
    let response = tokio::time::timeout(PATIENCE, next.run(request))
        .await
        .unwrap_or_else(|_| Problem::TimedOut.into_response());
    let kind = response.headers().get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind.as_bytes() != PROBLEM) {
        return response;
    }
    let (parts, body) = response.into_parts();
    // Our own problems are in memory already, and short.
    let body = to_bytes(body, LONGEST).await.unwrap_or_default();
    let told = serde_json::from_slice(&body).ok();
    with(Response::from_parts(parts, Body::empty()), page(&look, told))
}

/// A page with the status of a problem.
pub(super) fn in_its_place(problem: Problem, page: Markup) -> Response {
    with(problem.into_response(), page)
}

fn with(mut response: Response, page: Markup) -> Response {
    *response.body_mut() = Body::from(page.into_string());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(layout::HTML));
    response
}

fn page(look: &Look, told: Option<Told>) -> Markup {
    let l = look.language;
    let (title, detail) = match told {
        None => (
            l.of("Le service n’a pas pu répondre", "The service could not answer")
                .to_owned(),
            l.of("Réessayez dans un instant.", "Try again in a moment.")
                .to_owned(),
        ),
        Some(told) => words(l, told),
    };
    let body = html! {
        h1 { (title) }
        p .notice role="alert" { (detail) }
        p {
            a .button href=(HOME) { (l.of("Vue d’ensemble", "Overview")) }
            " "
            a href="/caretaker/meters" { (l.of("Tous les compteurs", "All meters")) }
        }
    };
    layout::page(look, None, &title, body)
}

/// Title and sentence. Those of the JSON routes are English and for whoever writes programs.
fn words(l: Language, told: Told) -> (String, String) {
    let name = told.kind.strip_prefix("urn:releve:problem:").unwrap_or_default();
    let (title, sentence): (&str, &str) = match name {
        "not-found" => (
            l.of("Introuvable", "Not found"),
            l.of(
                "Rien n’est enregistré sous ce nom ; le registre a peut-être changé. Cherchez dans la liste des compteurs.",
                "Nothing is registered under this name; the registry may have changed. Look in the list of meters.",
            ),
        ),
        "no-such-route" => (
            l.of("Cette page n’existe pas", "There is no such page"),
            l.of(
                "L’adresse est peut-être incomplète. Les pages sont dans le menu.",
                "The address may be incomplete. The pages are in the menu.",
            ),
        ),
        "invalid-parameter" | "unknown-parameter" => {
            let parameter = told.parameter.unwrap_or_default();
            let title = l.of("Adresse incomprise", "The address can’t be understood");
            let sentence = match l {
                Language::French => format!(
                    "La partie « {parameter} » de l’adresse n’est pas comprise. Reprenez depuis le menu."
                ),
                Language::English => format!(
                    "The part “{parameter}” of the address can’t be understood. Begin again from the menu."
                ),
            };
            return (title.to_owned(), sentence);
        }
        "method-not-allowed" => (
            l.of("Cette page ne fait pas cela", "This page does not do that"),
            l.of("Reprenez depuis le menu.", "Begin again from the menu."),
        ),
        "stale-form" => (
            l.of("Ce formulaire n’est plus valable", "This form is no longer good"),
            l.of(
                "Rien n’a été fait. Revenez à une page, rechargez-la et réessayez.",
                "Nothing was done. Go back to a page, load it again and try once more.",
            ),
        ),
        "forbidden" => (
            l.of("Accès refusé", "Not allowed"),
            l.of(
                "Ces pages demandent un jeton d’exploitant (operator).",
                "These pages need an operator’s token.",
            ),
        ),
        "unauthenticated" => (
            l.of("Accès refusé", "Not allowed"),
            l.of(
                "Ce jeton n’est pas connu ici : il a été supprimé, ou appartient à une autre passerelle.",
                "This token is not known here: it was removed, or belongs to another gateway.",
            ),
        ),
        "body-too-large" => (
            l.of("Trop long", "Too long"),
            l.of("Ce qui a été envoyé est trop long.", "What was sent is too long."),
        ),
        "busy" | "timed-out" => (
            l.of("La passerelle est occupée", "The gateway is busy"),
            l.of("Réessayez dans un instant.", "Try again in a moment."),
        ),
        "internal" => (
            l.of("Le service a échoué", "The service failed"),
            l.of(
                "Réessayez ; si cela dure, le journal du service dit pourquoi (journalctl -u releve).",
                "Try again; if it lasts, the service’s log says why (journalctl -u releve).",
            ),
        ),
        _ => return (told.title, told.detail),
    };
    (title.to_owned(), sentence.to_owned())
}

const PROBLEM: &[u8] = b"application/problem+json";

/// A problem has no longer body.
const LONGEST: usize = 256 * 1024;

/// Less than the service's own, so that people are told on a page.
const PATIENCE: Duration = Duration::from_secs(20);

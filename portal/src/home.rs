//! The first page, and the choice of language.

use axum::extract::{Path, State};
use axum::http::{Uri, header};
use axum::response::Response;
use maud::html;

use crate::Language;
use crate::app::App;
use crate::failure::Failure;
use crate::guard::{Visitor, language_cookie};
use crate::layout::{self, Frame};

pub(crate) async fn show(visitor: Visitor) -> Response {
    if visitor.is_resident() {
        return layout::see_other("/consumption");
    }
    let language = visitor.language;
    let title = language.of("Accueil", "Welcome");
    layout::page(
        &Frame::for_visitor(&visitor, title),
        html! {
            h1 { (language.of("Votre eau chaude et votre chauffage", "Your hot water and your heating")) }
            p {
                (language.of(
                    "Suivez ce que votre logement consomme : par jour, par mois, par année, compteur par compteur et radiateur par radiateur.",
                    "See what your home uses: by day, by month, by year, meter by meter and radiator by radiator.",
                ))
            }
            p class="actions" {
                a class="button" href="/activation" { (language.of("Activer mon espace", "Activate my account")) }
                " "
                a class="button secondary" href="/login" { (language.of("Se connecter", "Log in")) }
            }
            p {
                (language.of(
                    "Pour activer votre espace, il vous faut le code de votre résidence ou son adresse, et le numéro d'un de vos compteurs.",
                    "To activate your account you need the code of your residence or its address, and the number of one of your meters.",
                ))
            }
        },
    )
}

/// Remembers a language in a cookie, and with the account of who is logged in, for its mails.
pub(crate) async fn choose_language(
    State(app): State<App>,
    visitor: Visitor,
    Path(code): Path<String>,
    uri: Uri,
) -> Result<Response, Failure> {
    let language = Language::from_code(&code).ok_or(Failure::NotFound)?;
    if let Some(account) = visitor.session().and_then(|session| session.account) {
        app.ask(move |accounts| accounts.set_language(account, language))
            .await?;
    }
    let mut response = layout::see_other(&next(&uri));
    response
        .headers_mut()
        .append(header::SET_COOKIE, language_cookie(&app, language));
    Ok(response)
}

/// Where `?next=` leads to: a page of ours, or the first one.
pub(crate) fn next(uri: &Uri) -> String {
    let query = uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "next")
        .map(|(_, path)| path.into_owned())
        .filter(|path| is_ours(path))
        .unwrap_or_else(|| "/".to_owned())
}

/// What `?told=` says was done: a code, which a page has a sentence for or not.
pub(crate) fn told(uri: &Uri) -> Option<&str> {
    uri.query()?
        .split('&')
        .find_map(|pair| pair.strip_prefix("told="))
}

/// Whether a path stays with us, however a browser reads it.
pub(crate) fn is_ours(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.bytes().all(|octet| octet.is_ascii_graphic())
        && path.len() <= 512
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert!(is_ours("/consumption/7?step=day"));
        for path in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nb",
            "/\u{e9}",
        ] {
            assert!(!is_ours(path), "{path:?}");
        }
    }
}

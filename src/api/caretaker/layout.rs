//! What all pages have around them: head, menu, language, logout.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::session::Visitor;
use super::{HOME, Language};

/// How a page is to look, and for whom.
#[derive(Clone)]
pub(super) struct Look {
    pub(super) language: Language,
    /// Who looks; `None` before the login.
    pub(super) visitor: Option<Visitor>,
    here: Uri,
}

/// A page of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Alerts,
    Meters,
    Air,
    Radios,
}

impl Section {
    const ALL: [Self; 5] = [
        Self::Overview,
        Self::Alerts,
        Self::Meters,
        Self::Air,
        Self::Radios,
    ];

    const fn path(self) -> &'static str {
        match self {
            Self::Overview => HOME,
            Self::Alerts => "/caretaker/alerts",
            Self::Meters => "/caretaker/meters",
            Self::Air => "/caretaker/air",
            Self::Radios => "/caretaker/radios",
        }
    }

    pub(super) const fn name(self, l: Language) -> &'static str {
        match self {
            Self::Overview => l.of("Vue d’ensemble", "Overview"),
            Self::Alerts => l.of("Alertes", "Alerts"),
            Self::Meters => l.of("Compteurs", "Meters"),
            Self::Air => l.of("Inconnus", "Unregistered"),
            Self::Radios => l.of("Récepteurs", "Receivers"),
        }
    }
}

impl Look {
    pub(super) fn of(extensions: &Extensions, here: &Uri) -> Self {
        Self {
            language: extensions.get().copied().unwrap_or_default(),
            visitor: extensions.get().cloned(),
            here: here.clone(),
        }
    }

    /// The same page with one parameter set to another value, or without it.
    pub(super) fn with(&self, name: &str, value: Option<&str>) -> String {
        let query = self.here.query().unwrap_or_default();
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        for (known, value) in form_urlencoded::parse(query.as_bytes()) {
            if known != name && known != "lang" {
                pairs.append_pair(&known, &value);
            }
        }
        if let Some(value) = value {
            pairs.append_pair(name, value);
        }
        let query = pairs.finish();
        match query.as_str() {
            "" => self.here.path().to_owned(),
            query => format!("{}?{query}", self.here.path()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Look {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions, &parts.uri))
    }
}

/// A whole page.
pub(super) fn page(look: &Look, section: Option<Section>, title: &str, body: Markup) -> Markup {
    let l = look.language;
    let other = l.other();
    html! {
        (DOCTYPE)
        html lang=(l.code()) {
            head {
                meta charset="utf-8";
                title { (title) " – Relevé" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="/caretaker/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/caretaker/style.css";
                script src="/caretaker/script.js" defer {}
            }
            body {
                a .skip href="#main" { (l.of("Aller au contenu", "Skip to the content")) }
                header {
                    a .brand href=(HOME) { "Relevé" }
                    @if look.visitor.is_some() {
                        nav aria-label=(l.of("Pages", "Pages")) {
                            ul {
                                @for entry in Section::ALL {
                                    li {
                                        a href=(entry.path()) aria-current=[(section == Some(entry)).then_some("page")] {
                                            (entry.name(l))
                                        }
                                    }
                                }
                            }
                        }
                    }
                    a .language href=(look.with("lang", Some(other.code()))) lang=(other.code()) hreflang=(other.code()) {
                        (other.of("Français", "English"))
                    }
                }
                main #main tabindex="-1" data-live[section.is_some()] { (body) }
                footer {
                    @if let Some(visitor) = &look.visitor {
                        @if let Some(form) = &visitor.form {
                            form method="post" action="/caretaker/logout" {
                                input type="hidden" name="form" value=(form);
                                button .plain type="submit" { (l.of("Se déconnecter", "Log out")) }
                                " "
                                span .quiet { (visitor.name) }
                            }
                        }
                    }
                    p .quiet { "Relevé " (env!("CARGO_PKG_VERSION")) }
                }
            }
        }
    }
}

/// A page as an answer.
pub(super) fn answer(page: Markup) -> Response {
    let mut response = page.into_string().into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(HTML));
    response
}

/// Links to the other pages of a list; nothing when there is one page only.
pub(super) fn pager(look: &Look, page: usize, pages: usize) -> Markup {
    let l = look.language;
    html! {
        @if pages > 1 {
            nav .pager aria-label=(l.of("Pages de la liste", "Pages of the list")) {
                @if page > 1 {
                    a rel="prev" href=(look.with("page", Some(&(page - 1).to_string()))) { "← " (l.of("Précédente", "Previous")) }
                }
                span { (l.of("Page", "Page")) " " (page) " / " (pages) }
                @if page < pages {
                    a rel="next" href=(look.with("page", Some(&(page + 1).to_string()))) { (l.of("Suivante", "Next")) " →" }
                }
            }
        }
    }
}

pub(super) const HTML: &str = "text/html; charset=utf-8";

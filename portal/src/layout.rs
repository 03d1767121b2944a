//! The frame of every page: skip link, navigation, the choice of language, the page itself, the foot.
//!
//! No inline script and no inline style: the policy in `guard/headers.rs` forbids both.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use crate::guard::{Resident, Visitor};
use crate::{Language, assets};

/// What a page is framed by.
#[derive(Clone)]
pub(crate) struct Frame<'a> {
    title: &'a str,
    visitor: &'a Visitor,
    status: StatusCode,
}

impl<'a> Frame<'a> {
    /// Of a page for anybody. The title is that of the page alone; it is not shown but in the browser's tab.
    pub(crate) fn for_visitor(visitor: &'a Visitor, title: &'a str) -> Self {
        Self {
            title,
            visitor,
            status: StatusCode::OK,
        }
    }

    /// Of a page for somebody who is logged in.
    pub(crate) fn for_resident(resident: &'a Resident, title: &'a str) -> Self {
        Self::for_visitor(&resident.visitor, title)
    }

    /// With another status than 200.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

/// A whole page. The body begins with its `h1`.
pub(crate) fn page(frame: &Frame<'_>, body: Markup) -> Response {
    let visitor = frame.visitor;
    let language = visitor.language;
    let markup = html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (frame.title) " · Relevé" }
                link rel="icon" href=(assets::icon()) type="image/svg+xml";
                link rel="stylesheet" href=(assets::style());
                script src=(assets::script()) defer {}
            }
            body {
                a class="skip" href="#main" { (language.of("Aller au contenu", "Skip to the content")) }
                header class="site-header" {
                    a class="brand" href="/" { "Relevé" }
                    nav class="site-nav" aria-label=(language.of("Navigation principale", "Main navigation")) {
                        ul { (links(visitor)) }
                    }
                    (languages(visitor))
                }
                main id="main" tabindex="-1" { (body) }
                footer class="site-footer" {
                    p {
                        a href="/privacy" { (language.of("Vos données", "Your data")) }
                    }
                }
            }
        }
    };
    let mut response = (frame.status, Body::from(markup.into_string())).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_LANGUAGE,
        HeaderValue::from_static(language.code()),
    );
    response
}

/// Elsewhere, with `GET`: what a form answers with once it has done something, so that reloading does not do it again.
pub(crate) fn see_other(path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or_else(|_| HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// A form that is sent back to us: `fields` and what shows that it is from this session.
pub(crate) fn form(visitor: &Visitor, action: &str, fields: Markup) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name="csrf" value=(visitor.csrf());
            (fields)
        }
    }
}

/// A field of a form with its label, a hint and what is wrong with it.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    pub(crate) hint: Option<&'a str>,
    /// HTML's kind of input.
    pub(crate) kind: &'a str,
    pub(crate) value: &'a str,
    pub(crate) error: Option<&'a str>,
    pub(crate) autocomplete: &'a str,
    /// In characters.
    pub(crate) longest: usize,
    /// The greatest value, of a date.
    pub(crate) most: Option<&'a str>,
}

impl Default for Field<'_> {
    fn default() -> Self {
        Self {
            name: "",
            label: "",
            hint: None,
            kind: "text",
            value: "",
            error: None,
            autocomplete: "off",
            longest: 254,
            most: None,
        }
    }
}

/// A field that has to be filled in.
pub(crate) fn field(field: &Field<'_>) -> Markup {
    let (hint, error) = (format!("{}-hint", field.name), format!("{}-error", field.name));
    let described: Vec<&str> = field
        .error
        .map(|_| error.as_str())
        .into_iter()
        .chain(field.hint.map(|_| hint.as_str()))
        .collect();
    let described = (!described.is_empty()).then(|| described.join(" "));
    html! {
        div class="field" {
            label for=(field.name) { (field.label) }
            @if let Some(text) = field.hint { p class="hint" id=(hint) { (text) } }
            @if let Some(text) = field.error { p class="error" id=(error) { (text) } }
            input id=(field.name) name=(field.name) type=(field.kind) value=(field.value) autocomplete=(field.autocomplete)
                required maxlength=(field.longest) max=[field.most] aria-describedby=[described.as_deref()]
                aria-invalid=[field.error.map(|_| "true")];
        }
    }
}

/// The field for a password that is chosen.
pub(crate) fn new_password(language: Language, error: Option<&str>) -> Markup {
    field(&Field {
        name: "password",
        label: language.of("Mot de passe", "Password"),
        hint: Some(language.of(
            "12 caractères au moins. Quelques mots à la suite font un bon mot de passe ; un gestionnaire de mots de passe aussi.",
            "At least 12 characters. A few words in a row make a good password; so does a password manager.",
        )),
        kind: "password",
        error,
        autocomplete: "new-password",
        longest: 256,
        ..Field::default()
    })
}

/// The field `current` for the password that one has; its id is its own, since a page may have several.
pub(crate) fn own_password(language: Language, id: &str, error: Option<&str>) -> Markup {
    let described = format!("{id}-error");
    html! {
        div class="field" {
            label for=(id) { (language.of("Votre mot de passe actuel", "Your present password")) }
            @if let Some(text) = error { p class="error" id=(described) { (text) } }
            input id=(id) name="current" type="password" autocomplete="current-password" required maxlength="256"
                aria-describedby=[error.map(|_| described.as_str())] aria-invalid=[error.map(|_| "true")];
        }
    }
}

/// A box to tick, with the value `yes`.
pub(crate) fn tick(name: &str, required: bool, ticked: bool, error: Option<&str>, text: &str) -> Markup {
    let id = format!("{name}-error");
    html! {
        div class="choice" {
            input type="checkbox" id=(name) name=(name) value="yes" required[required] checked[ticked]
                aria-describedby=[error.map(|_| id.as_str())] aria-invalid=[error.map(|_| "true")];
            label for=(name) { (text) }
            @if let Some(error) = error { p class="error" id=(id) { (error) } }
        }
    }
}

/// What has to be corrected, each with a link to its field.
pub(crate) fn corrections(language: Language, fields: &[(&str, Option<&str>)]) -> Markup {
    notice(
        Notice::Bad,
        html! {
            p { strong { (language.of("À corriger :", "To be corrected:")) } }
            ul {
                @for (name, error) in fields {
                    @if let Some(error) = error { li { a href={ "#" (name) } { (error) } } }
                }
            }
        },
    )
}

/// The service does not answer; what was typed is still there.
pub(crate) fn unavailable(language: Language) -> Markup {
    notice(
        Notice::Bad,
        html! {
            p { (language.of(
                "Le service ne répond pas pour le moment. Rien n'est perdu : réessayez dans quelques minutes avec le même bouton.",
                "The service does not answer at the moment. Nothing is lost: try again in a few minutes with the same button.",
            )) }
        },
    )
}

/// Something to know, above the page: `role` tells screen readers how urgent it is.
pub(crate) fn notice(kind: Notice, body: Markup) -> Markup {
    match kind {
        Notice::Good => html! { div class="notice good" role="status" { (body) } },
        Notice::Plain => html! { div class="notice" role="status" { (body) } },
        Notice::Bad => html! { div class="notice bad" role="alert" { (body) } },
    }
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Something was done.
    Good,
    /// Something to know.
    Plain,
    /// Something went wrong, or has to be corrected.
    Bad,
}

fn links(visitor: &Visitor) -> Markup {
    let language = visitor.language;
    let link = |path: &str, text: &str| {
        let here = visitor.path.split('?').next().is_some_and(|here| {
            here == path || here.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        });
        html! {
            li { a href=(path) aria-current=[here.then_some("page")] { (text) } }
        }
    };
    html! {
        @if visitor.is_resident() {
            (link("/consumption", language.of("Consommation", "Consumption")))
            (link("/account", language.of("Mon compte", "My account")))
            li {
                (form(visitor, "/logout", html! {
                    button class="link" type="submit" { (language.of("Se déconnecter", "Log out")) }
                }))
            }
        } @else {
            (link("/activation", language.of("Activer mon espace", "Activate my account")))
            (link("/login", language.of("Se connecter", "Log in")))
        }
    }
}

fn languages(visitor: &Visitor) -> Markup {
    let next: String = form_urlencoded::byte_serialize(visitor.path.as_bytes()).collect();
    html! {
        nav class="languages" aria-label="Langue / Language" {
            ul {
                @for (language, name) in [(Language::French, "Français"), (Language::English, "English")] {
                    li {
                        a href={ "/language/" (language.code()) "?next=" (next) } lang=(language.code()) hreflang=(language.code())
                            rel="nofollow" aria-current=[(language == visitor.language).then_some("true")] { (name) }
                    }
                }
            }
        }
    }
}

//! A forgotten password, and another one for who is logged in. Both end all sessions.
//!
//! Whoever asks is answered at once and alike; whether there is an account is found out afterwards.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use maud::{Markup, html};

use super::overview::{self, Errors};
use super::{proves, rules};
use crate::accounts::{Account, Purpose};
use crate::app::App;
use crate::failure::Failure;
use crate::guard::{Form, Kind, Resident, Visitor, log_out_cookie};
use crate::layout::{self, Field, Frame, Notice};
use crate::mail::{self, Letter};
use crate::secret::{Hash, Hidden, Token};

pub(super) async fn forgotten(visitor: Visitor) -> Response {
    ask_page(&visitor, "", false)
}

pub(super) async fn ask(State(app): State<App>, visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let now = app.now();
    let Some(address) = mail::address(form.get("email")) else {
        return Ok(ask_page(&visitor, form.get("email"), true));
    };
    let most = app.settings.limits.mail_client;
    app.limiter
        .admit(Kind::MailFromClient, visitor.client(), most, now)?;
    app.limiter.count(Kind::MailFromClient, visitor.client(), now);
    let token = Token::generate().map_err(|error| Failure::internal(&error))?;
    let link = app.link("password", &token);
    let hash = token.hash();
    let inside = app.clone();
    app.later(async move {
        let app = inside;
        let email = address.to_string();
        if !app.may_mail(&email) {
            return;
        }
        let found = app.ask(move |accounts| {
            let account = accounts.account_by_email(&email)?;
            if let Some(account) = &account {
                accounts.add_link(account.id, Purpose::Password, None, hash, now)?;
            }
            Ok(account)
        });
        // To the address that the account has, not to what was typed: the two need not be the same letters.
        if let Ok(Some(account)) = found.await
            && let Some(own) = mail::address(&account.email)
        {
            app.post.send(&Letter::password(own, account.language, &link));
        }
    });
    Ok(layout::see_other("/forgotten/sent"))
}

pub(super) async fn sent(visitor: Visitor) -> Response {
    let language = visitor.language;
    let title = language.of("Regardez vos e-mails", "Look at your e-mail");
    layout::page(
        &Frame::for_visitor(&visitor, title),
        html! {
            h1 { (title) }
            (layout::notice(Notice::Good, html! {
                p { (language.of(
                    "Si un espace existe avec cette adresse, un lien part à l'instant. Il fonctionne pendant 10 minutes.",
                    "If there is an account with this address, a link is on its way. It works for 10 minutes.",
                )) }
            }))
            p {
                (language.of(
                    "Rien reçu, ou trop tard ? Regardez dans les indésirables, ou ",
                    "Nothing yet, or too late? Look among the unwanted mails, or ",
                ))
                a href="/forgotten" { (language.of("demandez un autre lien", "ask for another link")) }
                (language.of(" ; seul le dernier fonctionne.", "; only the latest works."))
            }
            p { a href="/login" { (language.of("Se connecter", "Log in")) } }
        },
    )
}

pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    Ok(match alive(&app, &token).await? {
        Some(_) => choose_page(&visitor, &token, None),
        None => dead(&visitor),
    })
}

pub(super) async fn reset(
    State(app): State<App>,
    visitor: Visitor,
    Path(token): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let Some((hash, account)) = alive(&app, &token).await? else {
        return Ok(dead(&visitor));
    };
    let password = Hidden::new(form.raw("password").to_owned());
    if let Err(weak) = rules::judge(&password, &account.email, &account.name).await {
        return Ok(choose_page(
            &visitor,
            &token,
            Some(weak.sentence(visitor.language)),
        ));
    }
    let hashed = app
        .hasher
        .hash(&password)
        .await
        .map_err(|error| Failure::internal(&error))?;
    let now = app.now();
    let changed = app
        .ask(move |accounts| accounts.reset_password(hash, &hashed, now))
        .await?;
    let Some(account) = changed else {
        return Ok(dead(&visitor));
    };
    app.limiter
        .forget(Kind::LoginOfAccount, &account.email.to_lowercase());
    tell_changed(&app, &account);
    Ok(ended(&app))
}

/// Another password for who is logged in.
pub(super) async fn change(
    State(app): State<App>,
    resident: Resident,
    form: Form,
) -> Result<Response, Failure> {
    let language = resident.language();
    let password = Hidden::new(form.raw("password").to_owned());
    let weak = rules::judge(&password, resident.email(), &resident.name)
        .await
        .err();
    let errors = if let Some(weak) = weak {
        Some(Errors {
            password: Some(weak.sentence(language)),
            ..Errors::default()
        })
    } else if !proves(&app, &resident, &form).await? {
        Some(Errors {
            password_current: Some(overview::wrong(language)),
            ..Errors::default()
        })
    } else {
        None
    };
    if let Some(errors) = errors {
        return Ok(overview::page(&resident, None, errors, ""));
    }
    let hashed = app
        .hasher
        .hash(&password)
        .await
        .map_err(|error| Failure::internal(&error))?;
    let (id, now) = (resident.account(), app.now());
    let account = app
        .ask(move |accounts| {
            accounts.change_password(id, &hashed, now)?;
            accounts.account(id)
        })
        .await?;
    if let Some(account) = account {
        tell_changed(&app, &account);
    }
    Ok(ended(&app))
}

/// All sessions are over, also this one: to the login.
fn ended(app: &App) -> Response {
    let mut response = layout::see_other("/login?told=password");
    response
        .headers_mut()
        .append(header::SET_COOKIE, log_out_cookie(app));
    response
}

fn tell_changed(app: &App, account: &Account) {
    if let Some(address) = mail::address(&account.email) {
        let forgotten = format!("{}/forgotten", app.settings.public);
        app.post
            .send(&Letter::password_changed(address, account.language, &forgotten));
    }
}

async fn alive(app: &App, token: &str) -> Result<Option<(Hash, Account)>, Failure> {
    let Some(hash) = Token::parse(token).map(|token| token.hash()) else {
        return Ok(None);
    };
    let now = app.now();
    let found = app
        .ask(move |accounts| accounts.link(Purpose::Password, hash, now))
        .await?;
    Ok(found.map(|account| (hash, account)))
}

fn ask_page(visitor: &Visitor, email: &str, wrong: bool) -> Response {
    let language = visitor.language;
    let title = language.of("Mot de passe oublié", "Forgotten password");
    let status = if wrong {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    layout::page(
        &Frame::for_visitor(visitor, title).status(status),
        html! {
            h1 { (title) }
            p { (language.of(
                "Nous vous envoyons un lien pour en choisir un nouveau.",
                "We send you a link to choose a new one.",
            )) }
            (ask_form(visitor, email, wrong))
        },
    )
}

fn ask_form(visitor: &Visitor, email: &str, wrong: bool) -> Markup {
    let language = visitor.language;
    layout::form(
        visitor,
        "/forgotten",
        html! {
            (layout::field(&Field {
                name: "email",
                label: language.of("Adresse e-mail", "E-mail address"),
                kind: "email",
                value: email,
                error: wrong.then_some(language.of(
                    "Écrivez une adresse e-mail complète, comme prenom.nom@example.org.",
                    "Write a whole e-mail address, like first.last@example.org.",
                )),
                autocomplete: "username",
                ..Field::default()
            }))
            button type="submit" { (language.of("Envoyer le lien", "Send the link")) }
        },
    )
}

fn choose_page(visitor: &Visitor, token: &str, error: Option<&str>) -> Response {
    let language = visitor.language;
    let title = language.of("Choisissez un mot de passe", "Choose a password");
    let status = if error.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    layout::page(
        &Frame::for_visitor(visitor, title).status(status),
        html! {
            h1 { (title) }
            (layout::form(visitor, &format!("/password/{token}"), html! {
                (layout::new_password(language, error))
                button type="submit" { (language.of("Enregistrer", "Save")) }
            }))
        },
    )
}

fn dead(visitor: &Visitor) -> Response {
    let language = visitor.language;
    let title = language.of("Ce lien ne fonctionne plus", "This link does not work any more");
    layout::page(
        &Frame::for_visitor(visitor, title).status(StatusCode::GONE),
        html! {
            h1 { (title) }
            p { (language.of(
                "Il a déjà servi, un autre a été demandé après lui, ou ses 10 minutes sont passées. Demandez-en un autre :",
                "It was used before, another one was asked for after it, or its 10 minutes have passed. Ask for another one:",
            )) }
            (ask_form(visitor, "", false))
        },
    )
}

//! Another e-mail address: it counts once the link in the mail to it is followed; the old address is told.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;

use super::overview::{self, Errors};
use super::proves;
use crate::accounts::{Moved, Purpose};
use crate::app::App;
use crate::failure::Failure;
use crate::guard::{Form, Kind, Resident, Visitor};
use crate::layout::{self, Frame};
use crate::mail::{self, Letter};
use crate::secret::Token;

pub(super) async fn ask(State(app): State<App>, resident: Resident, form: Form) -> Result<Response, Failure> {
    let language = resident.language();
    let typed = form.get("email");
    let Some(address) = mail::address(typed) else {
        let errors = Errors {
            email: Some(language.of(
                "Écrivez une adresse e-mail complète, comme prenom.nom@example.org.",
                "Write a whole e-mail address, like first.last@example.org.",
            )),
            ..Errors::default()
        };
        return Ok(overview::page(&resident, None, errors, typed));
    };
    if !proves(&app, &resident, &form).await? {
        let errors = Errors {
            email_current: Some(overview::wrong(language)),
            ..Errors::default()
        };
        return Ok(overview::page(&resident, None, errors, typed));
    }
    let (client, now) = (resident.visitor.client(), app.now());
    let most = app.settings.limits.mail_client;
    app.limiter.admit(Kind::MailFromClient, client, most, now)?;
    app.limiter.count(Kind::MailFromClient, client, now);
    let token = Token::generate().map_err(|error| Failure::internal(&error))?;
    let (link, hash) = (app.link("email", &token), token.hash());
    let (inside, account) = (app.clone(), resident.account());
    // Away from the answer: it must not tell whether that address has an account.
    app.later(async move {
        let app = inside;
        let email = address.to_string();
        if !app.may_mail(&email) {
            return;
        }
        let asked = app.ask(move |accounts| {
            let other = accounts.account_by_email(&email)?;
            let theirs = other.filter(|other| other.id != account).map(|other| other.email);
            if theirs.is_none() {
                accounts.add_link(account, Purpose::Email, Some(&email), hash, now)?;
            }
            Ok(theirs)
        });
        match asked.await {
            Ok(None) => app.post.send(&Letter::new_address(address, language, &link)),
            Ok(Some(theirs)) => {
                if let Some(theirs) = mail::address(&theirs) {
                    app.post.send(&Letter::address_taken(theirs, language));
                }
            }
            Err(_) => {}
        }
    });
    Ok(layout::see_other("/account?told=email-sent"))
}

pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    let alive = match Token::parse(&token) {
        Some(token) => {
            let (hash, now) = (token.hash(), app.now());
            app.ask(move |accounts| accounts.link(Purpose::Email, hash, now))
                .await?
                .is_some()
        }
        None => false,
    };
    if !alive {
        return Ok(dead(&visitor));
    }
    let language = visitor.language;
    let title = language.of("Confirmez votre nouvelle adresse", "Confirm your new address");
    Ok(layout::page(
        &Frame::for_visitor(&visitor, title),
        html! {
            h1 { (title) }
            (layout::form(&visitor, &format!("/email/{token}"), html! {
                button type="submit" { (language.of("Utiliser cette adresse", "Use this address")) }
            }))
        },
    ))
}

pub(super) async fn change(
    State(app): State<App>,
    visitor: Visitor,
    Path(token): Path<String>,
    _: Form,
) -> Result<Response, Failure> {
    let Some(token) = Token::parse(&token) else {
        return Ok(dead(&visitor));
    };
    let (hash, now) = (token.hash(), app.now());
    match app.ask(move |accounts| accounts.change_email(hash, now)).await? {
        Moved::From(before) => {
            if let Some(old) = mail::address(&before.email) {
                app.post.send(&Letter::address_changed(old, before.language));
            }
            Ok(layout::see_other("/login?told=email"))
        }
        Moved::Taken | Moved::Dead => Ok(dead(&visitor)),
    }
}

fn dead(visitor: &Visitor) -> Response {
    let language = visitor.language;
    let title = language.of("Ce lien ne fonctionne plus", "This link does not work any more");
    layout::page(
        &Frame::for_visitor(visitor, title).status(StatusCode::GONE),
        html! {
            h1 { (title) }
            p { (language.of(
                "Il a déjà servi, ou il est trop ancien. Demandez-en un autre dans « Mon compte ».",
                "It was used before, or it is too old. Ask for another one under \"My account\".",
            )) }
            p { a href="/account" { (language.of("Mon compte", "My account")) } }
        },
    )
}

//! Login and logout. Whether an address has an account can't be told from an answer, nor from how long it takes.

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::Response;
use maud::html;

use crate::Language;
use crate::accounts::Event;
use crate::app::App;
use crate::failure::Failure;
use crate::guard::{Form, Kind, Resident, Visitor, log_in_cookie, log_out_cookie};
use crate::home;
use crate::layout::{self, Frame, Notice};
use crate::secret::{Hidden, Token};

pub(super) async fn show(visitor: Visitor, uri: Uri) -> Response {
    if visitor.is_resident() {
        return layout::see_other(&home::next(&uri));
    }
    let told = home::told(&uri).and_then(|told| sentence(told, visitor.language));
    page(&visitor, &home::next(&uri), "", false, told)
}

pub(super) async fn log_in(
    State(app): State<App>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, Failure> {
    let now = app.now();
    let next = Some(form.get("next"))
        .filter(|next| home::is_ours(next))
        .unwrap_or("/")
        .to_owned();
    let email = form.get("email").to_owned();
    let key = email.to_lowercase();
    let limits = &app.settings.limits;
    app.limiter
        .admit(Kind::LoginFromClient, visitor.client(), limits.login_client, now)?;
    app.limiter
        .admit(Kind::LoginOfAccount, &key, limits.login_account, now)?;
    // Counted before the work, so that many at once are counted too; forgotten when it was right.
    app.limiter.count(Kind::LoginFromClient, visitor.client(), now);
    app.limiter.count(Kind::LoginOfAccount, &key, now);

    let asked = email.clone();
    let account = app.ask(move |accounts| accounts.account_by_email(&asked)).await?;
    let password = Hidden::new(form.raw("password").to_owned());
    let hashed = account.as_ref().map(|account| account.password.as_str());
    let right = app
        .hasher
        .verify(&password, hashed)
        .await
        .map_err(|error| Failure::internal(&error))?;
    let Some(account) = account.filter(|_| right) else {
        app.ask(move |accounts| accounts.note(Event::LoginFailed, None, now))
            .await?;
        return Ok(page(&visitor, &next, &email, true, None));
    };
    app.limiter.forget(Kind::LoginOfAccount, &key);

    let token = Token::generate().map_err(|error| Failure::internal(&error))?;
    let (before, hash, id) = (visitor.token().hash(), token.hash(), account.id);
    app.ask(move |accounts| accounts.log_in(id, before, hash, now))
        .await?;
    let mut response = layout::see_other(&next);
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, log_in_cookie(&app, &token));
    Ok(response)
}

pub(super) async fn log_out(
    State(app): State<App>,
    resident: Resident,
    _: Form,
) -> Result<Response, Failure> {
    let now = app.now();
    let (token, account) = (resident.visitor.token().hash(), resident.account());
    app.ask(move |accounts| accounts.log_out(token, account, now))
        .await?;
    let mut response = layout::see_other("/");
    response
        .headers_mut()
        .append(header::SET_COOKIE, log_out_cookie(&app));
    Ok(response)
}

/// What was done before, by its code in the address.
fn sentence(told: &str, language: Language) -> Option<&'static str> {
    match told {
        "activated" => Some(language.of(
            "Votre adresse est confirmée et votre espace est prêt. Connectez-vous avec votre mot de passe.",
            "Your address is confirmed and your account is ready. Log in with your password.",
        )),
        "password" => Some(language.of(
            "Votre mot de passe a changé. Connectez-vous avec le nouveau.",
            "Your password has changed. Log in with the new one.",
        )),
        "email" => Some(language.of(
            "Votre nouvelle adresse compte dès maintenant.",
            "Your new address counts from now on.",
        )),
        "deleted" => Some(language.of(
            "Votre compte et ses données sont supprimés.",
            "Your account and its data are deleted.",
        )),
        _ => None,
    }
}

fn page(visitor: &Visitor, next: &str, email: &str, wrong: bool, told: Option<&str>) -> Response {
    let language = visitor.language;
    let title = language.of("Se connecter", "Log in");
    let status = if wrong {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    layout::page(
        &Frame::for_visitor(visitor, title).status(status),
        html! {
            h1 { (title) }
            @if wrong {
                (layout::notice(Notice::Bad, html! {
                    p { (language.of(
                        "L'adresse ou le mot de passe n'est pas juste.",
                        "The address or the password is not right.",
                    )) }
                }))
            }
            @if let Some(sentence) = told {
                (layout::notice(Notice::Good, html! { p { (sentence) } }))
            }
            (layout::form(visitor, "/login", html! {
                input type="hidden" name="next" value=(next);
                div class="field" {
                    label for="email" { (language.of("Adresse e-mail", "E-mail address")) }
                    input id="email" name="email" type="email" autocomplete="username" required maxlength="254" value=(email);
                }
                div class="field" {
                    label for="password" { (language.of("Mot de passe", "Password")) }
                    input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256";
                }
                button type="submit" { (title) }
            }))
            p { a href="/forgotten" { (language.of("Mot de passe oublié ?", "Forgotten your password?")) } }
            p { a href="/activation" { (language.of("Activer mon espace", "Activate my account")) } }
        },
    )
}

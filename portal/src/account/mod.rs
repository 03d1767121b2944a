//! An account's own pages: login, logout, a forgotten password, and what its owner may change, download and delete.

mod delete;
mod email;
mod export;
mod login;
mod overview;
mod password;
pub(crate) mod rules;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
use crate::failure::Failure;
use crate::guard::{Form, Kind, Resident};
use crate::secret::Hidden;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/login", get(login::show).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/forgotten", get(password::forgotten).post(password::ask))
        .route("/forgotten/sent", get(password::sent))
        .route("/password/{token}", get(password::show).post(password::reset))
        .route("/account", get(overview::show))
        .route("/account/password", post(password::change))
        .route("/account/hourly/{occupancy}", post(overview::set_hourly))
        .route("/account/email", post(email::ask))
        .route("/email/{token}", get(email::show).post(email::change))
        .route("/account/export", get(export::download))
        .route("/account/delete", get(delete::show).post(delete::delete))
}

/// Whether a form has the password of who is logged in: what weighs heavily is asked for twice. Guesses are limited as at
/// the login.
async fn proves(app: &App, resident: &Resident, form: &Form) -> Result<bool, Failure> {
    let now = app.now();
    let key = resident.email().to_lowercase();
    let most = app.settings.limits.login_account;
    app.limiter.admit(Kind::LoginOfAccount, &key, most, now)?;
    app.limiter.count(Kind::LoginOfAccount, &key, now);
    let account = resident.account();
    let person = app.ask(move |accounts| accounts.account(account)).await?;
    let password = Hidden::new(form.raw("current").to_owned());
    let hashed = person.as_ref().map(|person| person.password.as_str());
    let right = app
        .hasher
        .verify(&password, hashed)
        .await
        .map_err(|error| Failure::internal(&error))?;
    if right {
        app.limiter.forget(Kind::LoginOfAccount, &key);
    }
    Ok(right)
}

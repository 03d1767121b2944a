//! For those who watch over the service: is it there, can it answer, what does it promise.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::json::Json;
use super::meters::Nothing;
use super::problem::Problem;
use super::query::Asked;
use super::{Context, routes};

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Say that the process is alive.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operations",
    responses((status = 200, description = "It is", body = Health), Problem),
    security(())
)]
pub(super) async fn alive(_: Asked<Nothing>) -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Say whether the store answers, and takes what is heard.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operations",
    responses((status = 200, description = "It does", body = Health), Problem),
    security(())
)]
pub(super) async fn ready(
    State(context): State<Context>,
    _: Asked<Nothing>,
) -> Result<Json<Health>, Problem> {
    if let Some((since, reason)) = context.keeping.now().refusing {
        return Err(Problem::NotStoring { since, reason });
    }
    context
        .ask_as_it_is(|store| {
            store.registry_version()?;
            Ok(Health { status: "ok" })
        })
        .await
        .map(Json)
}

/// Hand out this contract.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operations",
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object), Problem),
    security(())
)]
pub(super) async fn contract(_: Asked<Nothing>) -> Response {
    let mut response = routes::contract().into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

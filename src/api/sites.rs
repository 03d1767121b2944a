//! Sites: find the residence by its code or its address.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::registry::{self, SiteCode, SiteId};
use crate::store::Store;

use super::Context;
use super::attempts::Guest;
use super::format::{Entry, Wanted};
use super::page::{Cursor, Limit, List, Page};
use super::problem::Problem;
use super::query::Asked;

/// A building or a group of buildings.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Site {
    /// Two letters and three digits.
    #[schema(example = "AB123")]
    code: String,
    /// What people call it; may be empty.
    name: String,
    /// Postal address; may be empty.
    address: String,
    /// IANA name; its days and months begin in this zone.
    #[schema(example = "Europe/Paris")]
    time_zone: String,
}

/// Which sites: by code, by address, or all of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SitesQuery {
    /// The site with this code, however it is typed.
    #[param(example = "AB123")]
    code: Option<String>,
    /// Sites in whose name or address every one of these words begins a word; case and accents don't count.
    #[param(example = "lilas 12")]
    address: Option<String>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// How many, 1 to 1000.
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 1000, default = 100, required = false)]
    limit: Limit,
}

impl Entry for Site {
    const COLUMNS: &'static [&'static str] = &["code", "name", "address", "time_zone"];
}

/// Find sites by their code or by words of their address, or list all.
#[utoipa::path(
    get,
    path = "/v1/sites",
    tag = "sites",
    params(
        SitesQuery,
        ("Releve-Client" = Option<String>, Header, description = "Tells a portal's residents apart where guesses are counted: any text of up to 128 characters, such as a hash of the session"),
    ),
    responses((status = 200, description = "The sites that match, in the order of their registration", content(
        (Page<Site> = "application/json"),
        (String = "text/csv"),
        (String = "application/x-ndjson"),
    )), Problem),
    security(("token" = ["portal", "operator"]))
)]
pub(super) async fn list(
    State(context): State<Context>,
    wanted: Wanted,
    guest: Guest,
    Asked(asked): Asked<SitesQuery>,
) -> Result<Response, Problem> {
    if asked.code.is_some() && asked.address.is_some() {
        return Err(Problem::invalid(
            "address",
            "give either a code or an address, not both",
        ));
    }
    let limit = asked.limit.0;
    let now = context.now();
    let guesses = asked.code.is_some() || asked.address.is_some();
    if guesses {
        context.attempts.admit(&guest, now)?;
    }
    let answer = context
        .ask_as_it_is(move |store| {
            if let Some(code) = &asked.code {
                let site = store.site_by_code(parse(code, "code")?)?;
                return Ok(Page::whole(site.into_iter().map(Site::from).collect()));
            }
            if let Some(address) = &asked.address {
                let sites = store.sites_by_address(address, limit)?;
                return Ok(Page::whole(sites.into_iter().map(Site::from).collect()));
            }
            let after = asked
                .cursor
                .as_deref()
                .map(|cursor| Cursor::key::<1>(cursor, List::Sites, "cursor"))
                .transpose()?
                .map(|[id]| SiteId(id));
            Page::cut(
                store.sites(after, limit + 1)?,
                limit,
                |site| Cursor::new(List::Sites, [site.id.0]),
                |site| Ok(Site::from(site)),
            )
        })
        .await;
    if guesses && answer.as_ref().is_ok_and(|page| page.items.is_empty()) {
        context.attempts.failed(&guest, now);
    }
    answer.map(|answer| wanted.answer(answer))
}

/// The site of a code, as typed.
pub(super) fn named(store: &dyn Store, code: &str) -> Result<registry::Site, Problem> {
    store
        .site_by_code(parse(code, "code")?)?
        .ok_or_else(|| Problem::not_found(format!("no site has the code {code:?}")))
}

fn parse(code: &str, parameter: &str) -> Result<SiteCode, Problem> {
    code.parse::<SiteCode>()
        .map_err(|error| Problem::invalid(parameter, format!("{code:?}: {error}")))
}

impl From<registry::Site> for Site {
    fn from(site: registry::Site) -> Self {
        Self {
            code: site.code.to_string(),
            name: site.name,
            address: site.address,
            time_zone: site.time_zone,
        }
    }
}

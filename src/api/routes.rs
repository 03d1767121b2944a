//! Which route leads where, who may ask it, and the contract that describes them all.
//!
//! The contract is put together when somebody first asks for it: a gateway's memory is small, and most never do.

use std::sync::OnceLock;

use axum::Router;
use axum::handler::Handler;
use axum::middleware;
use axum::routing::{MethodFilter, on};
use utoipa::OpenApi;
use utoipa::openapi::HttpMethod;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::auth::{self, Scope};
use super::{
    Context, alerts, consumption, dwellings, erasures, evaluation, evidence, health, household_alerts,
    meters, metrics, occupancies, problem, radio, readings, registry, sites,
};

/// The routes, each with those who may ask it; and their paths.
pub(super) fn all(context: &Context) -> (Router<Context>, Vec<String>) {
    let portal = Routes::default()
        .lead(sites::__path_list, sites::list)
        .lead(dwellings::__path_list, dwellings::list)
        .lead(dwellings::__path_show, dwellings::show)
        .lead(occupancies::__path_create, occupancies::create)
        .lead(occupancies::__path_show, occupancies::show)
        .lead(occupancies::__path_change, occupancies::change)
        .lead(occupancies::__path_used, occupancies::used)
        .lead(evaluation::__path_monthly, evaluation::monthly)
        .lead(evaluation::__path_yearly, evaluation::yearly)
        .lead(evidence::__path_of_occupancy, evidence::of_occupancy)
        .lead(household_alerts::__path_list, household_alerts::list)
        .lead(readings::__path_changes, readings::changes)
        .lead(erasures::__path_list, erasures::list);
    let operator = Routes::default()
        .lead(consumption::__path_show, consumption::show)
        .lead(evidence::__path_of_dwelling, evidence::of_dwelling)
        .lead(erasures::__path_erase, erasures::erase)
        .lead(meters::__path_list, meters::list)
        .lead(meters::__path_show, meters::show)
        .lead(readings::__path_list, readings::list)
        .lead(radio::__path_show, radio::show)
        .lead(alerts::__path_list, alerts::list)
        .lead(registry::__path_show, registry::show)
        .lead(registry::__path_take, registry::take)
        .lead(registry::__path_history, registry::history);
    let watching = Routes::default().lead(metrics::__path_show, metrics::show);
    let everyone = Routes::default()
        .lead(health::__path_alive, health::alive)
        .lead(health::__path_ready, health::ready)
        .lead(health::__path_contract, health::contract);
    let routes = Routes::default()
        .with(portal.only_for(context, &[Scope::Portal, Scope::Operator]))
        .with(operator.only_for(context, &[Scope::Operator]))
        .with(watching.only_for(context, &[Scope::Operator, Scope::Metrics]))
        .with(everyone);
    (routes.router, routes.known)
}

/// Routes that are described, and their paths.
#[derive(Default)]
struct Routes {
    router: Router<Context>,
    known: Vec<String>,
}

impl Routes {
    /// Leads to a handler from the path and with the methods that stand in its description.
    fn lead<P: utoipa::Path, H: Handler<T, Context>, T: 'static>(mut self, _: P, handler: H) -> Self {
        let path = P::path();
        for method in P::methods() {
            self.router = self.router.route(&path, on(as_filter(&method), handler.clone()));
        }
        self.known.push(path);
        self
    }

    fn only_for(self, context: &Context, scopes: &'static [Scope]) -> Self {
        let state = (context.clone(), scopes);
        Self {
            router: self
                .router
                .route_layer(middleware::from_fn_with_state(state, auth::require)),
            known: self.known,
        }
    }

    fn with(mut self, others: Self) -> Self {
        self.known.extend(others.known);
        Self {
            router: self.router.merge(others.router),
            known: self.known,
        }
    }
}

fn as_filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
    }
}

/// The contract, as JSON.
pub(super) fn contract() -> &'static str {
    static CONTRACT: OnceLock<String> = OnceLock::new();
    CONTRACT.get_or_init(|| Contract::openapi().to_pretty_json().unwrap_or_default())
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Relevé",
        description = "What the meters of a building say, and what its dwellings used. Numbers are exact decimals; \
                       instants carry their offset; days are those of the site; ranges include their first and not \
                       their last end. Problems are RFC 9457 details with stable types."
    ),
    paths(
        sites::list,
        dwellings::list,
        dwellings::show,
        occupancies::create,
        occupancies::show,
        occupancies::change,
        occupancies::used,
        evaluation::monthly,
        evaluation::yearly,
        evidence::of_occupancy,
        household_alerts::list,
        readings::changes,
        erasures::list,
        consumption::show,
        evidence::of_dwelling,
        erasures::erase,
        meters::list,
        meters::show,
        readings::list,
        radio::show,
        alerts::list,
        registry::show,
        registry::take,
        registry::history,
        metrics::show,
        health::alive,
        health::ready,
        health::contract,
    ),
    components(schemas(problem::ProblemDetails)),
    modifiers(&BearerToken),
    tags(
        (name = "sites", description = "Find the residence"),
        (name = "dwellings", description = "Identify the dwelling"),
        (name = "consumption", description = "What was used, and how far to trust it"),
        (name = "occupancies", description = "Who may see which days"),
        (name = "meters", description = "The devices"),
        (name = "readings", description = "The exact values behind a figure"),
        (name = "alerts", description = "What a caretaker should know"),
        (name = "registry", description = "What is registered, and who changed it"),
        (name = "radio", description = "What is heard"),
        (name = "operations", description = "Watching over the service"),
    )
)]
struct Contract;

struct BearerToken;

impl utoipa::Modify for BearerToken {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A token of `releve token add`, with one scope: portal, operator or metrics",
            ))
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::tests::House;
    use super::{Context, Contract, OpenApi, all};

    #[tokio::test]
    async fn what_is_described_is_what_can_be_asked() {
        let house = House::new();
        let (_, known) = all(&Context::new(house.store.clone()));
        let described: BTreeSet<String> = Contract::openapi().paths.paths.into_keys().collect();
        assert_eq!(known.into_iter().collect::<BTreeSet<_>>(), described);
    }
}

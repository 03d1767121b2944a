//! Who may ask what, and what they are told when they may not or ask wrongly.

use axum::http::Method;
use serde_json::Value;

use super::occupancies::move_in;
use super::{House, Scope};

/// Each route with a path that exists, and the scopes that it is for; none for everyone.
const ROUTES: [(&str, &str, &[Scope]); 24] = [
    ("/metrics", "/metrics", &[Scope::Operator, Scope::Metrics]),
    ("/healthz", "/healthz", &[]),
    ("/readyz", "/readyz", &[]),
    ("/openapi.json", "/openapi.json", &[]),
    ("/v1/sites", "/v1/sites", &[Scope::Portal, Scope::Operator]),
    (
        "/v1/sites/{code}/dwellings",
        "/v1/sites/AB123/dwellings",
        &[Scope::Portal, Scope::Operator],
    ),
    (
        "/v1/dwellings/{id}",
        "/v1/dwellings/1",
        &[Scope::Portal, Scope::Operator],
    ),
    (
        "/v1/dwellings/{id}/consumption",
        "/v1/dwellings/1/consumption",
        &[Scope::Operator],
    ),
    (
        "/v1/dwellings/{id}/evidence",
        "/v1/dwellings/1/evidence",
        &[Scope::Operator],
    ),
    (
        "/v1/occupancies/{id}",
        "/v1/occupancies/1",
        &[Scope::Portal, Scope::Operator],
    ),
    (
        "/v1/occupancies/{id}/consumption",
        "/v1/occupancies/1/consumption",
        &[Scope::Portal, Scope::Operator],
    ),
    (
        "/v1/occupancies/{id}/evidence",
        "/v1/occupancies/1/evidence",
        &[Scope::Portal, Scope::Operator],
    ),
    (
        "/v1/occupancies/{id}/evaluation",
        "/v1/occupancies/1/evaluation",
        &[Scope::Portal, Scope::Operator],
    ),
    (
        "/v1/occupancies/{id}/yearly-note",
        "/v1/occupancies/1/yearly-note",
        &[Scope::Portal, Scope::Operator],
    ),
    (
        "/v1/occupancies/{id}/alerts",
        "/v1/occupancies/1/alerts",
        &[Scope::Portal, Scope::Operator],
    ),
    ("/v1/readings", "/v1/readings", &[Scope::Portal, Scope::Operator]),
    ("/v1/erasures", "/v1/erasures", &[Scope::Portal, Scope::Operator]),
    ("/v1/meters", "/v1/meters", &[Scope::Operator]),
    (
        "/v1/meters/{serial}",
        "/v1/meters/C19UA145842",
        &[Scope::Operator],
    ),
    (
        "/v1/meters/{serial}/readings",
        "/v1/meters/C19UA145842/readings",
        &[Scope::Operator],
    ),
    ("/v1/radio", "/v1/radio", &[Scope::Operator]),
    ("/v1/alerts", "/v1/alerts", &[Scope::Operator]),
    ("/v1/registry", "/v1/registry", &[Scope::Operator]),
    ("/v1/registry/history", "/v1/registry/history", &[Scope::Operator]),
];

/// Each route that writes, with a path that exists, a good body, and the scopes that it is for.
const WRITING: [(&str, &str, &str, &[Scope]); 4] = [
    (
        "POST",
        "/v1/occupancies",
        r#"{"dwelling": 2, "role": "tenant", "lives_there": true, "move_in": "2026-02-01", "certified": true}"#,
        &[Scope::Portal, Scope::Operator],
    ),
    (
        "PATCH",
        "/v1/occupancies/1",
        r#"{"keeps_hourly": true}"#,
        &[Scope::Portal, Scope::Operator],
    ),
    (
        "POST",
        "/v1/registry",
        r#"{"meter": [{"site": "EF789", "lot": "1"}]}"#,
        &[Scope::Operator],
    ),
    ("DELETE", "/v1/dwellings/1/data", "{}", &[Scope::Operator]),
];

#[tokio::test]
async fn the_matrix_of_routes_and_scopes_is_complete_and_holds() {
    let house = House::new();
    let moved = house
        .send(
            Method::POST,
            "/v1/occupancies",
            Scope::Operator,
            &move_in(1, "2026-01-01"),
        )
        .await;
    assert_eq!(moved.status, 201, "{}", moved.text());
    let contract = house.json("/openapi.json").await;
    let paths = contract["paths"].as_object().unwrap();
    let read = paths.values().filter(|path| path["get"].is_object()).count();
    assert_eq!(read, ROUTES.len(), "a route is missing from the matrix");
    let written: usize = paths
        .values()
        .map(|path| path.as_object().unwrap().len())
        .sum::<usize>()
        - read;
    assert_eq!(
        written,
        WRITING.len(),
        "a route that writes is missing from the matrix"
    );
    for (method, path, body, scopes) in WRITING {
        let none = house.ask(method.parse().unwrap(), path, &[]).await;
        assert_eq!(
            (none.status, none.problem().as_str()),
            (401, "unauthenticated"),
            "{method} {path}"
        );
        for scope in Scope::ALL {
            let body = serde_json::from_str(body).unwrap();
            let answer = house.send(method.parse().unwrap(), path, scope, &body).await;
            let may = answer.status < 300;
            assert_eq!(
                may,
                scopes.contains(&scope),
                "{method} {path} as {}: {}",
                scope.name(),
                answer.text()
            );
            if !may {
                assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"));
            }
        }
    }
    for (pattern, path, scopes) in ROUTES {
        let said = &paths[pattern]["get"]["security"][0]["token"];
        let said: Vec<&str> = said
            .as_array()
            .map(|scopes| scopes.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
        assert_eq!(said, names, "what the contract says of {pattern}");
        let none = house.ask(Method::GET, path, &[]).await;
        if scopes.is_empty() {
            assert_eq!(none.status, 200, "{path}");
            continue;
        }
        assert_eq!(
            (none.status, none.problem().as_str()),
            (401, "unauthenticated"),
            "{path}"
        );
        assert_eq!(none.header("www-authenticate"), r#"Bearer realm="releve""#);
        for wrong in ["Bearer nobody", "Basic abc", "Bearer ", "nonsense"] {
            let answer = house.ask(Method::GET, path, &[("authorization", wrong)]).await;
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (401, "unauthenticated")
            );
            assert!(answer.header("www-authenticate").contains("invalid_token"));
        }
        for scope in Scope::ALL {
            let bearer = format!("Bearer {}", house.token(scope));
            let answer = house.ask(Method::GET, path, &[("authorization", &bearer)]).await;
            if scopes.contains(&scope) {
                assert_eq!(answer.status, 200, "{path} as {}", scope.name());
            } else {
                assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"));
                assert!(answer.header("www-authenticate").contains("insufficient_scope"));
            }
            assert!(!answer.text().contains(house.token(scope)));
        }
    }
}

#[tokio::test]
async fn a_removed_token_stops_at_once() {
    use crate::store::Store;

    let house = House::new();
    assert_eq!(house.get("/v1/meters").await.status, 200);
    assert!(house.store.remove_token("operator").unwrap());
    assert_eq!(house.get("/v1/meters").await.status, 401);
}

#[tokio::test]
async fn mistakes_name_the_parameter_and_the_nearest_valid_one() {
    let house = House::new();
    for (path, status, problem, parameter, nearest) in [
        (
            "/v1/sites?adress=x",
            400,
            "unknown-parameter",
            "adress",
            Some("address"),
        ),
        (
            "/v1/dwellings/1/consumption?form=2026-01-01",
            400,
            "unknown-parameter",
            "form",
            Some("from"),
        ),
        ("/v1/dwellings/1?x=1", 400, "unknown-parameter", "x", None),
        ("/healthz?verbose", 400, "unknown-parameter", "verbose", None),
        (
            "/v1/sites?code=AB123&address=x",
            400,
            "invalid-parameter",
            "address",
            None,
        ),
        ("/v1/sites?code=12345", 400, "invalid-parameter", "code", None),
        ("/v1/sites?limit=0", 400, "invalid-parameter", "limit", None),
        ("/v1/sites?limit=1001", 400, "invalid-parameter", "limit", None),
        ("/v1/sites?cursor=zz", 400, "invalid-parameter", "cursor", None),
        ("/v1/readings?after=00", 400, "invalid-parameter", "after", None),
        (
            "/v1/sites/AB123/dwellings?lot=1&serial=2",
            400,
            "invalid-parameter",
            "serial",
            None,
        ),
        ("/v1/dwellings/x", 400, "invalid-parameter", "id", None),
        (
            "/v1/dwellings/1/consumption?from=2026-02-30",
            400,
            "invalid-parameter",
            "from",
            None,
        ),
        (
            "/v1/dwellings/1/consumption?to=1/2/2026",
            400,
            "invalid-parameter",
            "to",
            None,
        ),
        (
            "/v1/dwellings/1/consumption?from=2026-02-01&to=2026-02-01",
            400,
            "invalid-parameter",
            "to",
            None,
        ),
        (
            "/v1/dwellings/1/consumption?step=minute",
            400,
            "invalid-parameter",
            "step",
            None,
        ),
        (
            "/v1/dwellings/1/consumption?from=1990-01-01&step=day",
            400,
            "invalid-parameter",
            "step",
            None,
        ),
        (
            "/v1/meters/C19UA145842/readings?source=radio",
            400,
            "invalid-parameter",
            "source",
            None,
        ),
        (
            "/v1/meters/C19UA145842/readings?register=now",
            400,
            "invalid-parameter",
            "register",
            None,
        ),
        (
            "/v1/meters/C19UA145842/readings?from=yesterday",
            400,
            "invalid-parameter",
            "from",
            None,
        ),
    ] {
        let answer = house.get(path).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (status, problem),
            "{path}"
        );
        let body = answer.json();
        assert_eq!(body["parameter"], parameter, "{path}");
        assert_eq!(body["nearest"].as_str(), nearest, "{path}");
    }
    for (path, problem) in [
        ("/v1/sites/ZZ999/dwellings", "not-found"),
        ("/v1/dwellings/99", "not-found"),
        ("/v1/dwellings/99/consumption", "not-found"),
        ("/v1/meters/99999999", "not-found"),
        ("/v1/meter", "no-such-route"),
        ("/", "no-such-route"),
    ] {
        let answer = house.get(path).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (404, problem),
            "{path}"
        );
    }
    assert_eq!(house.get("/v1/meter").await.json()["nearest"], "/v1/meters");
}

#[tokio::test]
async fn other_methods_are_refused() {
    let house = House::new();
    let bearer = format!("Bearer {}", house.token(Scope::Operator));
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = house
            .ask(method, "/v1/sites", &[("authorization", &bearer)])
            .await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (405, "method-not-allowed")
        );
        assert!(answer.header("allow").contains("GET"));
    }
    let head = house.ask(Method::HEAD, "/healthz", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test]
async fn a_client_that_has_the_answer_is_told_so() {
    let house = House::new();
    let bearer = format!("Bearer {}", house.token(Scope::Operator));
    let first = house.get("/v1/sites").await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let known = [
        ("authorization", bearer.as_str()),
        ("if-none-match", tag.as_str()),
    ];
    let again = house.ask(Method::GET, "/v1/sites", &known).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), tag);
    let other = house.ask(Method::GET, "/v1/meters", &known).await;
    assert_eq!(other.status, 200);
    assert_ne!(other.header("etag"), tag);
    // A problem has no tag, and whoever may not ask learns nothing from one.
    let nobody = house
        .ask(Method::GET, "/v1/sites", &[("if-none-match", &tag)])
        .await;
    assert_eq!((nobody.status, nobody.header("etag")), (401, ""));
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_say_so() {
    let house = House::new();
    let plain = house.ask(Method::GET, "/openapi.json", &[]).await;
    let zipped = house
        .ask(Method::GET, "/openapi.json", &[("accept-encoding", "gzip")])
        .await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert_eq!(zipped.body[..2], [0x1F, 0x8B]);
    assert!(zipped.body.len() < plain.body.len() / 3);
    assert_eq!(zipped.header("etag"), plain.header("etag"));
}

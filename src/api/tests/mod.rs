//! The API over a real store, asked in process.

mod access;
mod alerts;
mod caretaker;
mod contract;
mod erasures;
mod evaluation;
mod evidence;
mod figures;
mod formats;
mod lists;
mod memory;
mod occupancies;
mod registry;
mod slots;
mod sockets;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use decoders::reading::{Quantity, Unit};
use http_body_util::BodyExt;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use tower::ServiceExt;
use wmbus::{Address, Decimal};

use super::{Context, Scope, Secret, router};
use crate::registry::{Change, Dwelling, Factor, Installation, Kind, Meter, MeterAddress, Point, Site};
use crate::store::{
    Channel, DwellingId, Facts, Flags, Ingest, InstallationId, MeterId, PointId, READ, Sighting, SiteId,
    Source, SqliteStore, Store, StoredReading, Telegram,
};

/// A service over a store of its own, with a token of each scope, at a fixed hour.
pub(super) struct House {
    pub(super) router: Router,
    pub(super) store: Arc<SqliteStore>,
    tokens: Vec<(Scope, Secret)>,
    folder: PathBuf,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The instant at which all tests ask.
pub(super) const NOW: &str = "2026-03-15T12:00:00+01:00";

impl House {
    /// Two sites, three dwellings, seven meters, no readings.
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("releve-api-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let store = Arc::new(SqliteStore::create(&folder.join("releve.db")).unwrap());
        store.apply(0, &registry()).unwrap();
        let tokens: Vec<(Scope, Secret)> = Scope::ALL
            .into_iter()
            .map(|scope| (scope, Secret::generate().unwrap()))
            .collect();
        for (scope, secret) in &tokens {
            store
                .add_token(&secret.token(scope.name(), *scope, at(NOW)))
                .unwrap();
        }
        let context = Context::new(Arc::clone(&store) as Arc<dyn Store>).with_clock(|| at(NOW));
        Self {
            router: router(context),
            store,
            tokens,
            folder,
        }
    }

    pub(super) fn token(&self, scope: Scope) -> &str {
        let (_, secret) = self.tokens.iter().find(|(known, _)| *known == scope).unwrap();
        secret.reveal()
    }

    /// With any headers, and no token but what is among them.
    pub(super) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    /// With a body, as one who has a token of a scope.
    pub(super) async fn send(&self, method: Method, path: &str, scope: Scope, body: &Value) -> Answer {
        self.send_with(method, path, scope, &[], body).await
    }

    /// The same with more headers.
    pub(super) async fn send_with(
        &self,
        method: Method,
        path: &str,
        scope: Scope,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token(scope)))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    /// As the operator.
    pub(super) async fn get(&self, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token(Scope::Operator));
        self.ask(Method::GET, path, &[("authorization", &bearer)]).await
    }

    /// As the operator, who expects an answer.
    pub(super) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/json");
        answer.json()
    }

    pub(super) fn read(&self, meter: i64, channel: Channel, rows: &[(&str, Source, i64)]) {
        let readings: Vec<StoredReading> = rows
            .iter()
            .map(|(instant, source, value)| reading(channel, at(instant), *source, *value))
            .collect();
        self.store.add_readings(MeterId(meter), &readings).unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Answer {
    pub(super) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The name of a problem, its status checked against the one in the body.
    pub(super) fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let body = self.json();
        assert_eq!(body["status"], self.status);
        assert!(!body["title"].as_str().unwrap().is_empty());
        assert!(!body["detail"].as_str().unwrap().is_empty());
        body["type"]
            .as_str()
            .unwrap()
            .strip_prefix("urn:releve:problem:")
            .unwrap()
            .to_owned()
    }
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn water() -> Channel {
    Channel::index(Quantity::Volume, Unit::CubicMetre)
}

pub(super) fn heat() -> Channel {
    Channel::index(Quantity::HeatCost, Unit::AllocationUnit)
}

pub(super) fn reading(channel: Channel, at: Timestamp, source: Source, value: i64) -> StoredReading {
    StoredReading {
        channel,
        at,
        source,
        value,
        resolution: if channel == heat() { 0 } else { -3 },
        flags: Flags::NONE,
        stamp: None,
    }
}

/// A telegram that was read, as the pipeline hands it over.
pub(super) fn telegram(meter: i64, received_at: Timestamp, readings: Vec<StoredReading>) -> Ingest {
    Ingest::Telegram(Telegram {
        meter: MeterId(meter),
        received_at,
        assumed: false,
        digest: received_at.as_second().unsigned_abs(),
        octets: vec![0x44; 20],
        radio: "cellar".into(),
        rssi_dbm: Some(-71),
        outcome: READ.into(),
        evidence: None,
        facts: Facts {
            opened: true,
            more: vec![("fabrication_no".into(), "00987654".into())],
            ..Facts::default()
        },
        readings,
    })
}

pub(super) fn stranger(number: u32, received_at: Timestamp) -> Ingest {
    Ingest::Stranger(Sighting {
        address: address(number, 0x07),
        received_at,
        rssi_dbm: None,
        radio: "attic".into(),
    })
}

pub(super) fn address(number: u32, device_type: u8) -> Address {
    let [a, b, c, d] = number.to_le_bytes();
    Address::from_link_octets([0x2D, 0x2C, a, b, c, d, 0x1B, device_type])
}

/// Dwelling 1 of AB123: hot water (meter 1), two radiators (2, replaced by 3 on 10 March; and 4). Dwelling 2: hot
/// water (5). Dwelling 3, of another site: hot water (6). Meter 7 hangs nowhere and bears the number of meter 1.
fn registry() -> Vec<Change> {
    let site = |id, code: &str, name: &str, address: &str| {
        Change::Site(Site {
            id: SiteId(id),
            code: code.parse().unwrap(),
            name: name.to_owned(),
            address: address.to_owned(),
            time_zone: "Europe/Paris".to_owned(),
        })
    };
    let dwelling = |id, site, lot: &str, surface| {
        Change::Dwelling(Dwelling {
            id: DwellingId(id),
            site: SiteId(site),
            lot: lot.to_owned(),
            client_ref: Some(format!("LOC-{id:02}")),
            surface,
        })
    };
    let point = |id, dwelling, kind, room: &str| {
        Change::Point(Point {
            id: PointId(id),
            dwelling: DwellingId(dwelling),
            kind,
            room: room.to_owned(),
            number: 1,
        })
    };
    let meter = |id, number, device_type, serial: Option<&str>| {
        Change::Meter(Meter {
            id: MeterId(id),
            address: MeterAddress::from(address(number, device_type)),
            printed_serial: serial.map(str::to_owned),
        })
    };
    let installation = |meter, point, from: Option<&str>, until: Option<&str>| Installation {
        id: InstallationId(meter),
        point: PointId(point),
        meter: MeterId(meter),
        from: from.map(at),
        until: until.map(at),
        start_index: None,
        end_index: None,
    };
    let swap = "2026-03-10T09:00:00+01:00";
    vec![
        site(
            1,
            "AB123",
            "Résidence des Tilleuls",
            "12, rue de l'Église, 93100 Montreuil",
        ),
        site(
            2,
            "CD456",
            "Tour des Lilas",
            "1, place du Marché, 93260 Les Lilas",
        ),
        dwelling(1, 1, "A-007", Some(5432)),
        dwelling(2, 1, "A-008", None),
        dwelling(3, 2, "1", None),
        point(1, 1, Kind::HotWater, "Cuisine"),
        point(2, 1, Kind::Heating, "Salon"),
        point(3, 1, Kind::Heating, "Chambre"),
        point(4, 2, Kind::HotWater, "Cuisine"),
        point(5, 3, Kind::HotWater, ""),
        meter(1, 0x1111_1111, 0x06, Some("C19UA145842")),
        meter(2, 0x2222_2222, 0x08, None),
        meter(3, 0x3333_3333, 0x08, None),
        meter(4, 0x4444_4444, 0x08, Some("00123456")),
        meter(5, 0x5555_5555, 0x06, None),
        meter(6, 0x6666_6666, 0x06, None),
        meter(7, 0x1111_1111, 0x07, None),
        Change::Installation(installation(1, 1, None, None)),
        Change::Installation(Installation {
            end_index: Some(Decimal::new(210, 0)),
            ..installation(2, 2, None, Some(swap))
        }),
        Change::Installation(Installation {
            start_index: Some(Decimal::new(0, 0)),
            ..installation(3, 2, Some(swap), None)
        }),
        Change::Installation(installation(4, 3, None, None)),
        Change::Installation(installation(5, 4, None, None)),
        Change::Installation(installation(6, 5, None, None)),
        factor(2, 1500),
        factor(3, 1200),
        factor(4, 1063),
    ]
}

fn factor(installation: i64, thousandths: i64) -> Change {
    Change::Factor(Factor {
        installation: InstallationId(installation),
        from: None,
        value: Decimal::new(thousandths, -3),
    })
}

/// One value a day at local midnight, from 1 January 2026 on.
pub(super) fn daily(values: impl IntoIterator<Item = i64>, channel: Channel) -> Vec<StoredReading> {
    values
        .into_iter()
        .zip(0_i32..)
        .map(|(value, day)| {
            let midnight = at("2026-01-01T00:00:00+01:00") + (i64::from(day) * 24).hours();
            reading(channel, midnight, Source::Live, value)
        })
        .collect()
}

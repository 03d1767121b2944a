//! The resident's side of the demo: the portal in front of the building, and one household that has an account already.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use jiff::civil::Date;
use releve_portal::config::{Limits, Mail, Operator, Settings, Way};
use releve_portal::query::{self, DwellingBy, MoveIn, Query, Role};
use releve_portal::{App, Hidden, Language, Seed};
use tokio::net::TcpListener;

use crate::api::Secret;

/// Where somebody lives, as the registry says.
pub(super) struct Home<'a> {
    pub(super) site: &'a str,
    pub(super) lot: &'a str,
    /// The first day of the household.
    pub(super) since: Date,
}

/// The portal, ready to answer, and who may log in.
pub(super) struct Resident {
    listener: TcpListener,
    app: App,
    address: String,
    password: Hidden,
}

impl Resident {
    /// Opens the portal on its own database in a folder, and lets a household move in through the service's API: the portal knows no
    /// other way.
    pub(super) async fn move_in(
        service: &str,
        token: &Secret,
        listen: &str,
        folder: &Path,
        home: &Home<'_>,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            format!(
                "{listen}: {error}: is something else listening there? Try --portal 127.0.0.1:0 for any free port"
            )
        })?;
        let address = format!("http://{}", listener.local_addr()?);
        let service = query::Settings {
            address: service.parse()?,
            token: query::Token::new(token.reveal()).ok_or("a token that can't be sent")?,
            limit: Duration::from_secs(10),
        };
        let app = App::open(Settings {
            store: folder.join("portal.db"),
            public: address.clone(),
            behind_proxy: false,
            service: service.clone(),
            mail: Mail {
                from: "Espace résident <espace-resident@example.org>".to_owned(),
                way: Way::Outbox(folder.join("outbox")),
            },
            operator: Operator::default(),
            limits: Limits::default(),
        })?;
        let service = Query::new(service);
        let dwelling = service
            .dwellings(home.site, DwellingBy::Lot(home.lot))
            .await?
            .into_iter()
            .next()
            .ok_or("the simulated building has no dwellings: try --dwellings 12")?;
        let occupancy = service
            .move_in(
                &MoveIn {
                    dwelling: dwelling.id,
                    role: Role::Tenant,
                    lives_there: true,
                    move_in: home.since,
                    certified: true,
                    keeps_hourly: false,
                },
                "demo",
            )
            .await?;
        let random = Secret::generate()?;
        let password = Hidden::new(random.reveal().chars().rev().take(16).collect());
        app.seed(&Seed {
            email: EMAIL.to_owned(),
            name: "Camille Exemple".to_owned(),
            password: password.clone(),
            language: Language::French,
            occupancy: occupancy.id,
            dwelling: dwelling.id,
            label: format!("{}, lot {}", home.site, home.lot),
            role: occupancy.role,
            from: occupancy.from,
            keeps_hourly: occupancy.keeps_hourly,
        })
        .await?;
        Ok(Self {
            listener,
            app,
            address,
            password,
        })
    }

    /// Where the pages are, and how to get in.
    pub(super) fn introduction(&self) -> String {
        format!(
            "The resident's pages:    {}\n  log in as {EMAIL} with the password {}",
            self.address,
            self.password.reveal()
        )
    }

    /// Answers until the end.
    pub(super) async fn serve(self, end: impl Future<Output = ()>) {
        releve_portal::serve(self.listener, self.app, end).await;
    }
}

/// The address of the demo's household.
const EMAIL: &str = "camille@example.org";

//! The socket: bounded connections, heads and waits, and a shutdown that finishes what is in hand.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Extension;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::guard::Peer;

/// Answers until `shutdown` resolves; then takes no more connections, finishes the requests in hand, and returns.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) {
    let router = app.router();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let (closing, told) = watch::channel(());
    let sweeper = tokio::spawn(sweep(app.clone()));
    let carrier = tokio::spawn(carry(app.clone()));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = &mut shutdown => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        // Those that have ended need not be remembered.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let router = router.clone().layer(Extension(Peer(peer.ip().to_canonical())));
                let told = told.clone();
                connections.spawn(async move {
                    converse(stream, router, told).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Mostly no file descriptors left: the next connection to end gives some back.
                tracing::warn!(event = "connection.refused", error = %error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = closing.send(());
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        tracing::warn!(
            event = "stop.cut_off",
            "some requests did not end in time and were cut off"
        );
    }
    sweeper.abort();
    carrier.abort();
    if tokio::time::timeout(GRACE, app.settle()).await.is_err() {
        tracing::warn!(
            event = "mail.kept",
            "some mails did not leave in time; they do after the next start"
        );
    }
}

/// Ends what is over, at once and then again and again.
async fn sweep(app: App) {
    let mut often = tokio::time::interval(SWEEP);
    loop {
        often.tick().await;
        app.sweep().await;
        app.checkpoint().await;
    }
}

/// Carries the mails of before, and then again and again those whose turn it is.
async fn carry(app: App) {
    app.carry_all_mails().await;
    let mut often = tokio::time::interval(CARRY);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        often.tick().await;
        app.carry_mails().await;
    }
}

async fn converse(stream: TcpStream, router: axum::Router, mut told: watch::Receiver<()>) {
    // Answers are written at once; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_OCTETS);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // What goes wrong here is the client's connection; nothing to be done about it.
        _ = connection.as_mut() => return,
        _ = told.changed() => {}
        () = tokio::time::sleep(OLDEST) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(GRACE, connection).await;
}

/// Between two looks for what is over.
const SWEEP: Duration = Duration::from_secs(600);

/// Between two looks for mails whose turn it is.
const CARRY: Duration = Duration::from_secs(10);

/// Connections at once.
const CONNECTIONS: usize = 512;

/// A client has this long to send the head of its next request.
const HEAD: Duration = Duration::from_secs(30);

/// Nobody needs a longer head.
const HEAD_OCTETS: usize = 16 * 1024;

/// After this a connection is told to go, so that none is held for ever.
const OLDEST: Duration = Duration::from_secs(600);

/// At shutdown, and for old connections, requests in hand have this long.
const GRACE: Duration = Duration::from_secs(10);

/// Before accepting again after a failure.
const PAUSE: Duration = Duration::from_millis(100);

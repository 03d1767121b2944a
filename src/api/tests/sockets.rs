//! Real sockets: TCP and Unix, heads that are too long, and an end that finishes what is in hand.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::oneshot;

use super::House;
use crate::api::{Context, Listener, serve};
use crate::store::Store;

struct Served {
    address: String,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<()>,
}

async fn served(house: &House, address: &str) -> Served {
    let listener = Listener::bind(address).await.unwrap();
    let address = listener.address().to_owned();
    let context = Context::new(Arc::clone(&house.store) as Arc<dyn Store>);
    let (stop, stopped) = oneshot::channel::<()>();
    let done = tokio::spawn(serve(listener, context, async move {
        let _ = stopped.await;
    }));
    Served { address, stop, done }
}

const REQUEST: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn said(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn answers_over_tcp_until_it_is_told_to_stop() {
    let house = House::new();
    let served = served(&house, "127.0.0.1:0").await;
    let connect = async || TcpStream::connect(&served.address).await.unwrap();
    assert!(said(connect().await, REQUEST).await.starts_with("HTTP/1.1 200"));
    // A head that is too long is refused and not buffered for ever.
    let long = format!("GET /healthz HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(100_000));
    let refused = said(connect().await, &long).await;
    assert!(
        refused.is_empty() || refused.starts_with("HTTP/1.1 431"),
        "{refused}"
    );
    // A connection that idles does not hold up the end.
    let idle = connect().await;
    served.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), served.done)
        .await
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(&served.address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn answers_over_a_unix_socket_and_takes_the_file_away() {
    let house = House::new();
    let path = house.folder.join("api.sock");
    let address = format!("unix:{}", path.display());
    // One that a dead process left.
    drop(UnixListener::bind(&path).unwrap());
    let served = served(&house, &address).await;
    let stream = UnixStream::connect(&path).await.unwrap();
    assert!(said(stream, REQUEST).await.starts_with("HTTP/1.1 200"));
    // Somebody answers there: not taken over.
    let second = Listener::bind(&address).await.unwrap_err().to_string();
    assert!(second.contains("another process answers there"), "{second}");
    served.stop.send(()).unwrap();
    served.done.await.unwrap();
    assert!(!path.exists());
    std::fs::write(&path, "mine").unwrap();
    let third = Listener::bind(&address).await.unwrap_err().to_string();
    assert!(third.contains("no socket"), "{third}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

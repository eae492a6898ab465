//! Connections: how many there are at once, and how long one may keep the server waiting.
//!
//! A client that opens connections and says nothing, or its request byte by byte, holds what others need. So a request's head has [`HEAD`] (its body's time is
//! the API's to say), and there are at most as many connections as the process has files for; whoever comes then waits in the kernel's queue.
//!
//! HTTP/1.1 alone: whoever wants HTTP/2 has a proxy with TLS in front, and that speaks HTTP/1.1 to what is behind it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt, service_fn};

/// From the first byte of a connection, or the end of the answer before, to the end of a request's head. Longer than clients keep an idle
/// connection for the next request, so that hardly one meets its end with a request under way.
const HEAD: Duration = Duration::from_secs(95);
/// Files of the process that are not for connections: the store, calls to others.
const OTHER_FILES: u64 = 512;
/// More than this one process cannot serve well.
const MOST: u64 = 20_000;
/// Before another try when no connection can be accepted, for want of files say.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is stopped, then until the requests under way are answered.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(most()));
    loop {
        let accepted = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (accept(&listener).await, permit)
        };
        let ((stream, address), permit) = tokio::select! {
            accepted = accepted => accepted,
            () = stop.cancelled() => break,
        };
        let router = router.clone();
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(address));
            router.clone().oneshot(request)
        });
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection ended badly");
            }
            drop(permit);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// The next connection, however long it takes.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Small answers go out at once. A connection that refuses is one that has ended.
                drop(stream.set_nodelay(true));
                return (stream, address);
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// As many as there are files for.
fn most() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let files = files.and_then(|row| row.split_whitespace().next()?.parse().ok()).unwrap_or(MOST);
    usize::try_from(files.saturating_sub(OTHER_FILES).clamp(OTHER_FILES / 2, MOST)).unwrap_or(usize::MAX)
}

/// Gone before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What a client gets that sends this and then nothing.
    async fn told(sent: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let who = |ConnectInfo(address): ConnectInfo<SocketAddr>| async move { address.ip().to_string() };
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, Router::new().route("/", get(who)), stop.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(sent).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        stop.cancel();
        serving.await.unwrap();
        answer
    }

    // Time passes when nothing else happens: the server is the one that ends these connections.
    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_for_ever() {
        assert_eq!(told(b"").await, "");
        assert_eq!(told(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await, "");
        let answer = told(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("127.0.0.1"), "{answer}");
    }
}

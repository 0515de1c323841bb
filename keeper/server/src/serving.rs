//! Serving a router: how long a client may take, how many there may be, and how it ends.

use axum::{
    Json, Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tower_service::Service;

/// How long requests under way may take once it is to stop. A stream ends only when its reader goes, and would keep it for ever.
pub const GRACE: Duration = Duration::from_secs(5);
/// How long an answer may take to begin, the request's body included.
const ANSWER: Duration = Duration::from_secs(30);
/// Requests at once on one connection of HTTP/2.
const STREAMS: u32 = 100;
/// After this much silence on a connection of HTTP/2 the other end is asked whether it is there, and has as long to say so.
const SILENCE: Duration = Duration::from_secs(20);
/// After an `accept` that failed for want of descriptors or memory.
const BREATH: Duration = Duration::from_secs(1);

/// What clients may take of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How long the head of a request may take to come in, the wait for the next one on an open connection of HTTP/1 included.
    pub header: Duration,
    /// Connections at once, at least 1. Whoever comes then waits until one ends.
    pub connections: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { header: Duration::from_secs(10), connections: 256 }
    }
}

/// Serves a [`crate::router`] until `stop` is done; requests under way are answered first, within [`GRACE`]. A handler finds the client's
/// address as axum's `ConnectInfo<SocketAddr>`.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(bounds.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let (graceful, mut connections) = (GracefulShutdown::new(), JoinSet::new());
    let accepting = async {
        loop {
            while connections.try_join_next().is_some() {}
            // Nobody closes it.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) if is_clients(&error) => continue,
                Err(error) if is_exhaustion(&error) => {
                    sleep(BREATH).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let router = router.clone();
            let watcher = graceful.watcher();
            connections.spawn(async move {
                connection(stream, peer, router, bounds.header, watcher).await;
                drop(place);
            });
        }
    };
    tokio::select! {
        failed = accepting => failed?,
        () = stop => {}
    }
    drop(listener);
    // What is cut off is cut off with the tasks, which end here.
    drop(timeout(GRACE, graceful.shutdown()).await);
    Ok(())
}

/// One client, until it goes, is too slow, or the server is to stop.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    header: Duration,
    watcher: hyper_util::server::graceful::Watcher,
) {
    // Small answers must not wait for each other.
    drop(stream.set_nodelay(true));
    let spoke = Arc::new(AtomicBool::new(false));
    let service = {
        let spoke = Arc::clone(&spoke);
        service_fn(move |request: Request<Incoming>| {
            spoke.store(true, Ordering::Relaxed);
            answer(router.clone(), request, peer)
        })
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(SILENCE)
        .keep_alive_timeout(SILENCE)
        .max_concurrent_streams(STREAMS);
    let mut serving = pin!(watcher.watch(builder.serve_connection(TokioIo::new(stream), service)));
    // The version is told by the first bytes, for which hyper waits without an end.
    tokio::select! {
        // An error is the client's: it went, or spoke no HTTP.
        ended = &mut serving => return drop(ended),
        () = sleep(header) => {}
    }
    if spoke.load(Ordering::Relaxed) {
        drop(serving.await);
    }
}

async fn answer(mut router: Router, request: Request<Incoming>, peer: SocketAddr) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    match timeout(ANSWER, router.call(request)).await {
        Ok(answered) => answered,
        Err(_) => {
            let why = serde_json::json!({ "error": "the request was not answered within 30 s; was all of it sent?" });
            Ok((StatusCode::REQUEST_TIMEOUT, Json(why)).into_response())
        }
    }
}

/// The client went before it was accepted.
fn is_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// `ENFILE`, `EMFILE`, `ENOBUFS`, `ENOMEM`: it passes when others are done.
fn is_exhaustion(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory || matches!(error.raw_os_error(), Some(12 | 23 | 24 | 105))
}

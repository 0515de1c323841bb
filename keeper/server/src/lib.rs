//! What is known of protocols, for others to read: gRPC (SPEC D8) and REST (SPEC D14), on one port or on two, from one [`StateSource`].
//!
//! Nothing can be changed there, and nobody is asked who they are: bind it to loopback or a private network. [`webhook`] is apart from it:
//! what comes in there has a signature, and says no more than that it is worth looking at the chain.

mod board;
mod grpc;
mod rest;
mod source;
mod state;
mod webhook;

pub use board::Board;
pub use source::{Points, SeriesQuery, SourceError, StateSource};
pub use state::{AuditReport, ProtocolId, ProtocolState, StateError};
pub use webhook::{Activity, Notice, RawContract, SigningKey, webhook};

/// The protocol as `proto/ballast/v1/protocol_state.proto` defines it.
#[allow(clippy::all, unreachable_pub)]
pub mod v1 {
    tonic::include_proto!("ballast.v1");
}

use axum::Router;
use std::{io, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::oneshot, time::sleep};

/// How long requests under way may take once it is to stop. A stream ends only when its reader goes, and would keep it for ever.
pub const GRACE: Duration = Duration::from_secs(5);

const GRPC: &str = "/ballast.v1.ProtocolStates/{method}";

/// Both interfaces.
pub fn router(source: Arc<dyn StateSource>) -> Router {
    // Paths of gRPC begin with the package's name, those of REST with /v1; whatever is neither is answered by REST.
    let states = states(Arc::clone(&source));
    rest::router(source).route_service(GRPC, states)
}

/// gRPC alone.
pub fn grpc_router(source: Arc<dyn StateSource>) -> Router {
    Router::new().route_service(GRPC, states(source))
}

/// REST alone.
pub fn rest_router(source: Arc<dyn StateSource>) -> Router {
    rest::router(source)
}

fn states(source: Arc<dyn StateSource>) -> v1::protocol_states_server::ProtocolStatesServer<grpc::States> {
    v1::protocol_states_server::ProtocolStatesServer::new(grpc::States::new(source))
}

/// Serves a [`router`] until `stop` is done; requests under way are answered first, within [`GRACE`].
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, stopped) = oneshot::channel::<()>();
    let until = async {
        stop.await;
        drop(stopping);
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(until);
    let late = async {
        // Its other end is dropped when it is to stop.
        let _ = stopped.await;
        sleep(GRACE).await;
    };
    tokio::select! {
        served = serving => served,
        () = late => Ok(()),
    }
}

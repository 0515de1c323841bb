//! What is known of protocols, for others to read: gRPC (SPEC D8) and REST (SPEC D14), on one port or on two, from one [`StateSource`].
//!
//! Nothing can be changed there, and nobody is asked who they are: bind it to loopback or a private network. [`webhook`] is apart from it:
//! what comes in there has a signature, and says no more than that it is worth looking at the chain.

mod board;
mod grpc;
mod rest;
mod serving;
mod source;
mod state;
mod webhook;

pub use board::{Board, BoardBounds, Dropped};
pub use serving::{Bounds, GRACE, serve};
pub use source::{Points, SeriesQuery, SourceError, StateSource};
pub use state::{AuditReport, ProtocolId, ProtocolState, StateError};
pub use webhook::{Activity, Notice, RawContract, SigningKey, webhook};

/// The protocol as `proto/ballast/v1/protocol_state.proto` defines it.
#[allow(clippy::all, unreachable_pub)]
pub mod v1 {
    tonic::include_proto!("ballast.v1");
}

use axum::Router;
use std::sync::Arc;

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

//! Further public endpoints of the same chain, as of other operators, that can go down each for itself.

use crate::{DevnetError, anvil::CHAIN_ID, builder::Builder, listen, listener::Server, public_rpc};
use tokio::sync::watch;

/// A public endpoint without test methods. Dropping it closes it.
#[derive(Debug)]
pub struct Endpoint {
    server: Server,
    cut: watch::Sender<bool>,
}

impl Endpoint {
    pub(crate) async fn start(builder: Builder) -> Result<Self, DevnetError> {
        let server = listen("public RPC", 0, public_rpc::router(builder, CHAIN_ID, false)).await?;
        let cut = server.cutter();
        Ok(Self { server, cut })
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// Closes all connections, and new ones as soon as they are made, until it is up again.
    pub fn set_down(&self, down: bool) {
        self.cut.send_replace(down);
    }
}

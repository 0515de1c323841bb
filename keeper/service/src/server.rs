//! What the service serves: protocol states over gRPC, the same and series, the dashboard and the risk over REST, and Alchemy's webhook.
//!
//! ▪ Nothing of it can stop the keeper or hold it up: each listener is a task of its own, and one that cannot listen is an error in the log and
//! tries again. Nothing can be changed through any of them.

mod dashboard;
mod follow;
mod guard;
mod risk;
mod shown;

use crate::{
    Config, ConfigError, Keeper, Observer, Scorer,
    config::secret,
    history::{Historian, Memory},
    market::Market,
    shared::Shared,
};
use alloy::primitives::Address;
use ballast_chain::{Conditions, Deployment};
use ballast_server::{Bounds, Notice, SigningKey, StateSource, grpc_router, rest_router, router, serve, webhook};
use follow::Follower;
use guard::guarded;
use shown::Shown;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

/// What a listener serves, and a router of it for each time it listens.
type Listens = (&'static str, SocketAddr, Box<dyn Fn() -> axum::Router + Send + Sync>);

const SIGNING_KEY: &str = "BALLAST_ALCHEMY_SIGNING_KEY";
/// Between two tries to listen.
const AGAIN: Duration = Duration::from_secs(10);
/// How long requests that are under way may take once the service ends. Streams have no end of their own.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// Notices that are not looked at yet.
const NOTICES: usize = 64;

/// Everything that is served, before it is.
pub(crate) struct Server {
    config: crate::ServerConfig,
    follower: Mutex<Option<Follower>>,
    shown: Arc<Shown>,
    shared: Arc<Shared>,
    conditions: Arc<Mutex<Option<Conditions>>>,
    key: Option<SigningKey>,
    /// Addresses whose activity is worth a look.
    ours: Vec<Address>,
    /// Somebody says that something happened.
    hint: Arc<Notify>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Server {
    /// `None` if nothing is to be served.
    ///
    /// # Errors
    /// If the webhook's signing key or the URL of Redis is not there, or is none.
    pub(crate) fn new(
        config: &Config,
        observer: &Observer,
        historian: Option<&Historian>,
        scorer: Arc<Scorer>,
        market: Arc<Market>,
    ) -> Result<Option<Self>, ConfigError> {
        let wanted = config.server.clone();
        if !wanted.shows() && wanted.webhook.is_none() {
            return Ok(None);
        }
        let holds = "the signing key of the webhook, as Alchemy's dashboard shows it";
        let key = match wanted.webhook {
            Some(_) => Some(
                SigningKey::new(&secret(SIGNING_KEY, holds)?)
                    .ok_or(ConfigError::MissingSecret { name: SIGNING_KEY, holds })?,
            ),
            None => None,
        };
        let memory: Option<Arc<Memory>> = historian.map(|historian| historian.memory().clone());
        let shared = Arc::new(config.cache.shared(config.server.limit()?)?);
        let (shown, conditions) = (Arc::new(Shown::new(memory, shared.clone())), Arc::new(Mutex::new(None)));
        let follower = wanted.shows().then(|| Follower {
            observer: observer.beside(),
            scorer,
            market,
            shown: shown.clone(),
            conditions: conditions.clone(),
        });
        Ok(Some(Self {
            ours: ours(observer.deployment()),
            config: wanted,
            follower: Mutex::new(follower),
            shown,
            shared,
            conditions,
            key,
            hint: Arc::default(),
        }))
    }

    /// Serves until `stop` is ready, and then for as long as requests under way may take.
    pub(crate) async fn run(&self, stop: impl Future<Output = ()>) {
        let (stopping, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for (what, address, router) in self.listeners() {
            tasks.spawn(listen(what, address, router, self.config.bounds(), stopped.clone()));
        }
        let mut following = JoinSet::new();
        if let Some(follower) = self.follower.lock().unwrap_or_else(PoisonError::into_inner).take() {
            following.spawn(follower.run());
        }
        if let Some(notices) = self.webhook(&mut tasks, &stopped) {
            following.spawn(heed(notices, self.ours.clone(), self.hint.clone()));
        }
        stop.await;
        stopping.send_replace(true);
        if timeout(LAST_ANSWERS, async { while tasks.join_next().await.is_some() {} }).await.is_err() {
            tracing::debug!("streams that were open are cut off");
        }
    }

    fn listeners(&self) -> Vec<Listens> {
        let source = || -> Arc<dyn StateSource> { self.shown.clone() };
        let (grpc, rest, both) = (source(), source(), source());
        let shared = || self.shared.clone();
        let (of_grpc, of_rest, of_both) = (shared(), shared(), shared());
        match (self.config.grpc, self.config.rest) {
            (Some(one), Some(other)) if one == other => {
                vec![("gRPC and REST", one, Box::new(move || guarded(router(both.clone()), of_both.clone())))]
            }
            (one, other) => {
                let grpc = one.map(|at| -> Listens {
                    ("gRPC", at, Box::new(move || guarded(grpc_router(grpc.clone()), of_grpc.clone())))
                });
                let rest = other.map(|at| -> Listens {
                    ("REST", at, Box::new(move || guarded(rest_router(rest.clone()), of_rest.clone())))
                });
                grpc.into_iter().chain(rest).collect()
            }
        }
    }

    fn webhook(&self, tasks: &mut JoinSet<()>, stopped: &watch::Receiver<bool>) -> Option<mpsc::Receiver<Notice>> {
        let (config, key) = (self.config.webhook?, self.key.clone()?);
        let (told, notices) = mpsc::channel(NOTICES);
        let router = move || webhook(key.clone(), told.clone());
        tasks.spawn(listen(
            "Alchemy's webhook",
            config.listen,
            Box::new(router),
            self.config.bounds(),
            stopped.clone(),
        ));
        Some(notices)
    }
}

/// Listens until it is told to stop, however often that fails.
async fn listen(
    what: &'static str,
    address: SocketAddr,
    router: Box<dyn Fn() -> axum::Router + Send + Sync>,
    bounds: Bounds,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let mut told = stopped.clone();
        let stop = async move {
            // An error would mean that nobody is left to say stop.
            drop(told.wait_for(|stopped| *stopped).await);
        };
        let served = match TcpListener::bind(address).await {
            Ok(listener) => {
                tracing::info!(%address, what, "the server listens");
                serve(listener, router(), bounds, stop).await
            }
            Err(error) => Err(error),
        };
        match served {
            Ok(()) => return,
            Err(error) => tracing::error!(%address, what, %error, "the server does not listen; it is tried again"),
        }
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = sleep(AGAIN) => {}
        }
    }
}

/// Every contract of the deployment.
fn ours(deployment: &Deployment) -> Vec<Address> {
    let fixed = [deployment.vault, deployment.hub, deployment.kill_switch];
    fixed.into_iter().chain(deployment.venues.iter().map(|venue| venue.adapter)).collect()
}

/// A notice is a hint that it is worth looking at the chain, and nothing else of it is believed.
async fn heed(mut notices: mpsc::Receiver<Notice>, ours: Vec<Address>, hint: Arc<Notify>) {
    while let Some(notice) = notices.recv().await {
        let concerns = notice.activities.iter().any(|activity| {
            let to = activity.to_address;
            ours.contains(&activity.from_address) || to.is_some_and(|to| ours.contains(&to))
        });
        if concerns {
            tracing::info!(
                id = notice.id,
                "Alchemy says that something happened; the next look at the chain is a cycle"
            );
            hint.notify_one();
        }
    }
}

impl Keeper {
    /// Serves what is configured until `stop` is ready; otherwise only waits for it.
    pub(crate) async fn serve_until(&self, mut stopped: watch::Receiver<bool>) {
        let stop = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
        match &self.server {
            Some(server) => server.run(stop).await,
            None => stop.await,
        }
    }

    /// Ready when somebody says that something happened on the chain.
    pub(crate) async fn hinted(&self) {
        match &self.server {
            Some(server) => server.hint.notified().await,
            None => std::future::pending().await,
        }
    }

    /// What the watcher saw is shown.
    pub(crate) fn show_conditions(&self, seen: &Conditions) {
        if let Some(server) = &self.server {
            *server.conditions.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen.clone());
        }
    }
}

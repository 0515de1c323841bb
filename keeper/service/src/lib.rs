//! The running keeper: observe → decide → execute, and the schedule around it. It wires the parts and decides nothing itself.
//!
//! - [`Config`] is the operator's file, checked before anything is contacted.
//! - [`Observer`] takes snapshots and needs no key and no store: the dry run is an observer and `decide`.
//! - [`Keeper`] holds the writer's lease, settles what an earlier run left, and runs cycles.
//! - [`Supervisor`] is whoever started the service and restarts it when it is stuck.
//! - The watcher of the kill switch trips what holds and takes home what is to be left, block by block, beside the cycles.
//! - Beside the cycles a historian writes what they saw to the history, and a server shows what is known; neither can stop them.
//! - Detectors off the chain are asked with each snapshot; what two kinds of them agree on is an alarm.
//! - [`Scorer`] scores the venues' risk with each snapshot; a decision goes by the operator's scores, or by the higher if that is wanted.
//! - [`market`] asks others about venues and coins; what contradicts the chain is a doubt that the decision holds for.
//! - [`doctor`] looks at everything a keeper needs and says what to do.
//! - [`quality`] says how good the decisions of a month were.
//! - [`exit`] is the emergency exit: simulate, show, send.

mod alarms;
mod approval;
mod calls;
mod config;
mod cycle;
pub mod doctor;
pub mod exit;
mod heartbeat;
mod history;
mod keeper;
pub mod market;
mod observer;
pub mod quality;
mod retreat;
mod scorer;
mod server;
mod service;
mod shared;
mod supervisor;
mod watcher;

pub use approval::{ApprovalDesk, ApprovalRequest};
pub use config::{
    AlarmsConfig, AttestorConfig, AttestorPolicyConfig, CacheConfig, ChainConfig, Config, ConfigError, ExecutionConfig,
    ExploitsConfig, GivesConfig, HeartbeatConfig, HistoryConfig, KeyConfig, KeysConfig, MarketConfig, MvrvConfig,
    PolicyConfig, QuantityConfig, QuotedConfig, RpcConfig, SafeConfig, SentimentConfig, ServerConfig, SimulationConfig,
    SourceConfig, SourceKind, StoreConfig, StrategyConfig, TriggersConfig, UnitConfig, WatcherConfig, WebhookConfig,
    secret,
};
pub use cycle::{Cycle, CycleError};
pub use keeper::{Keeper, StartError};
pub use observer::{Observer, ObserverError};
pub use scorer::Scorer;
pub use supervisor::{Supervisor, SupervisorError};

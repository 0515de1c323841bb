//! The keeper's view of the chain: contract bindings, RPC providers, snapshots read at one block, and the simulation
//! of transactions before they are signed.
//!
//! - [`RpcPool`] holds the RPC endpoints, finds the newest block they all serve and notes where they disagree.
//! - [`Reader`] turns one block into a [`Snapshot`](ballast_types::Snapshot); what cannot be read is marked, not guessed.
//! - [`ConditionReader`] asks the kill switch what holds, at one block.
//! - [`Simulator`] executes an exact transaction in-process on the state of a block; its gas and logs are those of the receipt. Before
//!   a signature [`Simulator::confirm`] has block, state and outcome confirmed by others.
//! - [`Executed`] is what the hub's event says of a rebalance.
//! - [`Deployment`] is the address book, checked against the chain before anything else is done.

mod aave;
pub mod adaptive_curve;
mod attestor_slot;
pub mod bindings;
mod conditions;
mod deployment;
mod endpoint;
mod executed;
mod metamorpho;
mod multicall;
mod pool;
mod reader;
pub mod revert;
mod second_opinion;
mod simulator;

pub use attestor_slot::{ATTESTOR_SLOT, AttestorSlot, AttestorSlotError};
pub use conditions::{
    ConditionReader, Conditions, GovernanceCondition, TokenCondition, Trigger, TwoStep, VenueCondition,
};
pub use deployment::{Deployment, DeploymentError, FeedRef, VenueRef};
pub use endpoint::redact;
pub use executed::{Executed, Leg, Malformed, rebalances};
pub use multicall::Unanswered;
pub use pool::{
    Difference, EndpointReport, Head, NoQuorum, PoolError, PoolSettings, READMIT_AFTER, Rate, RpcPool, Testimony,
    Vitals, Vouched, majority,
};
pub use reader::{HeadAge, ReadError, Reader};
pub use second_opinion::{Disagreement, Discrepancy, Opinion, SecondOpinion, SecondOpinionError, compare};
pub use simulator::{
    AccessChoice, AccountRead, BlockContext, Confirmation, HeadError, Overrides, ReadSet, Simulation, SimulationError,
    Simulator, SpecId, TxPlan, Unconfirmed,
};

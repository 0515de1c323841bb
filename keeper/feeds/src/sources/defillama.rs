//! DefiLlama: yields of pools (<https://yields.llama.fi>), prices of tokens (<https://coins.llama.fi>), and hacks and audits of protocols
//! (<https://api.llama.fi>).
//!
//! Shapes: <https://api-docs.defillama.com>, sections "yields", "coins" and "TVL", free tier, and "hacks", whose paid path `/api/hacks` has the shape of the
//! free `/hacks`; the lending sides of `/chartLendBorrow` are behind a paid key and are not used.

mod audits;
mod hacks;
mod prices;
mod yields;

pub use audits::{AuditListing, Audited, DefiLlamaAudits};
pub use hacks::{DefiLlamaHacks, HackedProtocol, Incident, Incidents};
pub use prices::{Coin, DefiLlamaPrices, PRICES_URL};
pub use yields::{DefiLlamaYields, Pool, Quoted, YIELDS_URL};

/// Of the lists of protocols and of hacks.
pub const API_URL: &str = "https://api.llama.fi";

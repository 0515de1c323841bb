//! DefiLlama: yields of pools (<https://yields.llama.fi>) and prices of tokens (<https://coins.llama.fi>).
//!
//! Shapes: <https://api-docs.defillama.com>, sections "yields" and "coins", free tier; the lending sides of `/chartLendBorrow` are behind
//! a paid key and are not used.

mod prices;
mod yields;

pub use prices::{Coin, DefiLlamaPrices, PRICES_URL};
pub use yields::{DefiLlamaYields, Pool, Quoted, YIELDS_URL};

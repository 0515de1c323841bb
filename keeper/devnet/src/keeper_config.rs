//! The keeper's configuration for a devnet.

use crate::{
    address_book::AddressBook,
    deploy::{ATTESTOR_ALIAS, FEED_HEARTBEAT_ETH, KEEPER_ALIAS},
};
use std::fmt::Write;

/// What the hub lets one venue have at most, in basis points of NAV.
pub const HUB_MAX_POSITION: u16 = 5_000;

/// A complete configuration file for `ballast run --config`, with the store beside it.
///
/// `max_position` is the most of NAV that the keeper puts into one venue, in basis points. The secrets it needs are in [`SECRETS`].
#[must_use]
pub fn keeper_config(book: &AddressBook, max_position: u16) -> String {
    let mut venues = String::new();
    for venue in &book.venues {
        let _ = write!(
            venues,
            "\n[[venues]]\nname = \"{}\"\nkind = \"{}\"\nadapter = \"{}\"\nrisk_score = {}\nmax_position = {max_position}\n",
            venue.name, venue.kind, venue.adapter, venue.risk_score
        );
    }
    format!(
        "\
[chain]
id = {chain_id}
rpc = [\"{rpc}\"]

[contracts]
vault = \"{vault}\"
hub = \"{hub}\"
kill_switch = \"{kill_switch}\"
{venues}
[eth_usd]
aggregator = \"{eth_usd}\"
heartbeat = {FEED_HEARTBEAT_ETH}

[policy]
reserve = 500
max_position = {max_position}
horizon_hours = 720
min_gain = 10
expected_gas = 1100000
slippage = 1
max_risk_score = 70
max_head_age = 300

[keeper]
type = \"kms\"
key = \"{KEEPER_ALIAS}\"

[attestor]
type = \"kms\"
key = \"{ATTESTOR_ALIAS}\"

[kms]
region = \"us-east-1\"
endpoint = \"{kms}\"

[relay]
url = \"{relay}\"

[store]
path = \"keeper.sqlite\"

[heartbeat]
budget = 10000

[execution]
confirmations = 1
decide_every = 5
",
        chain_id = book.chain_id,
        rpc = book.endpoints.rpc,
        vault = book.contracts.vault,
        hub = book.contracts.hub,
        kill_switch = book.contracts.kill_switch,
        eth_usd = book.protocols.feeds.eth_usd,
        kms = book.endpoints.kms,
        relay = book.endpoints.relay,
    )
}

/// Environment variables that a keeper on the devnet needs. The devnet's KMS endpoint wants a signed request, by whomever.
pub const SECRETS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "devnet"),
    ("AWS_SECRET_ACCESS_KEY", "devnet"),
    ("BALLAST_RELAY_KEY", "0x2000000000000000000000000000000000000000000000000000000000000001"),
];

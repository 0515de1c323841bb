//! Sources of what is known of protocols on their recorded answers.

use super::sources::{Case, bounds, http, id};
use ballast_feeds::sources::{
    defillama::{DefiLlamaAudits, DefiLlamaHacks, HackedProtocol},
    immunefi::Immunefi,
    nexus_mutual::NexusMutual,
    subgraph::{DollarToken, Subgraph, UniswapSwaps},
};
use ballast_types::Metric;

pub fn hacks(url: &str) -> DefiLlamaHacks {
    let protocols = [("Euler V1", "euler"), ("Compound", "compound-v2"), ("Compound V2", "compound-v2")];
    let protocols = protocols.map(|(name, protocol)| HackedProtocol::new(name, protocol).unwrap()).to_vec();
    DefiLlamaHacks::new(http(url), protocols, bounds())
}

pub fn audits(url: &str) -> DefiLlamaAudits {
    DefiLlamaAudits::new(http(url), &[("aave-v3", "aave-v3")], bounds()).unwrap()
}

pub fn bounties(url: &str) -> Immunefi {
    Immunefi::new(http(url), &[("aave", "aave-v3"), ("compoundfinance", "compound-v3")], bounds()).unwrap()
}

pub fn cover(url: &str) -> NexusMutual {
    NexusMutual::new(http(url), &[(118, "aave-v3")], bounds()).unwrap()
}

pub fn swaps(url: &str) -> UniswapSwaps {
    let subgraph = Subgraph::new(http(url), "subgraphs/id/uniswap");
    let pool = "0x3416cF6C708Da44DB2624D63ea0AAef7113527C6";
    UniswapSwaps::new(subgraph, pool, DollarToken::Zero, "uniswap/usdc-usdt/swaps", bounds()).unwrap()
}

pub fn all() -> Vec<Case> {
    vec![
        Case {
            name: "defillama hacks",
            build: |url| Box::new(hacks(url)),
            latest: include_str!("../recorded/defillama_hacks.json"),
            value: "/0/amount",
            list: "",
            series: id("euler", Metric::LostUsd),
            expected: 197_000_000.0,
            history: None,
        },
        Case {
            name: "defillama audits",
            build: |url| Box::new(audits(url)),
            latest: include_str!("../recorded/defillama_protocols.json"),
            value: "/0/audits",
            list: "",
            series: id("aave-v3", Metric::AuditReports),
            expected: 2.0,
            history: None,
        },
        Case {
            name: "immunefi",
            build: |url| Box::new(bounties(url)),
            latest: include_str!("../recorded/immunefi_bounties.json"),
            value: "/1/maxBounty",
            list: "",
            series: id("aave-v3", Metric::BountyUsd),
            expected: 1_000_000.0,
            history: None,
        },
        Case {
            name: "nexus mutual",
            build: |url| Box::new(cover(url)),
            latest: include_str!("../recorded/nexus_capacity.json"),
            value: "/0/minAnnualPrice",
            list: "",
            series: id("aave-v3", Metric::CoverPrice),
            expected: 0.021_5,
            history: None,
        },
        Case {
            name: "uniswap swaps subgraph",
            build: |url| Box::new(swaps(url)),
            latest: include_str!("../recorded/uniswap_swaps.json"),
            value: "/data/swaps/1/amountUSD",
            list: "/data/swaps",
            series: id("uniswap/usdc-usdt/swaps", Metric::VolumeUsd),
            expected: 251_020.25,
            history: Some((include_str!("../recorded/uniswap_swaps.json"), "/data/swaps")),
        },
    ]
}

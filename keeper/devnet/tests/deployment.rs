//! The real protocols and Ballast on a fresh devnet, as deployed for `make run`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy::{
    providers::{Provider, ProviderBuilder},
    sol,
};
use ballast_devnet::{DevnetConfig, accounts::Role, deploy::Terms, market::Market, prepared};
use std::path::PathBuf;

sol! {
    #[sol(rpc)]
    interface IRoles {
        function hasRole(bytes32 role, address account) external view returns (bool);
        function getThreshold() external view returns (uint256);
        function getOwners() external view returns (address[] memory);
        function totalAssets() external view returns (uint256);
        function operationalStatus() external view returns (bool, string memory);
        function settledSize(address adapter) external view returns (uint256);
        function getMinDelay() external view returns (uint256);
    }
}

fn project_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

// SPEC G1, X6
#[tokio::test(flavor = "multi_thread")]
async fn ballast_is_handed_over_to_safe_and_timelock() {
    let root = project_root();
    let directory = root.join("target/test-devnet/deployment");
    let (devnet, book) = prepared::start(DevnetConfig::new(&root), &Terms::default(), &directory).await.unwrap();

    let rpc = ProviderBuilder::new().connect_http(devnet.rpc_url().parse().unwrap());
    let admin = alloy::primitives::B256::ZERO;
    for contract in [book.contracts.vault, book.contracts.hub, book.contracts.kill_switch] {
        let roles = IRoles::new(contract, &rpc);
        assert!(roles.hasRole(admin, book.contracts.timelock).call().await.unwrap(), "{contract}: timelock governs");
        assert!(
            !roles.hasRole(admin, Role::Deployer.address().unwrap()).call().await.unwrap(),
            "{contract}: deployer is out"
        );
    }
    for (safe, owners, threshold) in [(book.contracts.governance, 5, 3), (book.contracts.emergency, 3, 2)] {
        let safe = IRoles::new(safe, &rpc);
        assert_eq!(safe.getThreshold().call().await.unwrap(), alloy::primitives::U256::from(threshold));
        assert_eq!(safe.getOwners().call().await.unwrap().len(), owners);
    }
    let status = IRoles::new(book.contracts.kill_switch, &rpc).operationalStatus().call().await.unwrap();
    assert!(status._0, "not operational: {}", status._1);
    let venues: std::collections::BTreeSet<_> = book.venues.iter().map(|venue| venue.venue).collect();
    assert_eq!((book.venues.len(), venues.len()), (4, 4), "four venues, each of its own");
    for venue in &book.venues {
        let settled = IRoles::new(book.contracts.kill_switch, &rpc).settledSize(venue.adapter).call().await.unwrap();
        assert!(settled > alloy::primitives::U256::ZERO, "{} has a checkpoint", venue.name);
    }
    assert!(rpc.get_balance(book.keeper).await.unwrap() > alloy::primitives::U256::ZERO);

    // A stored state is a live chain: people can act on it.
    let market = Market::new(&devnet, &book).unwrap();
    market.mint_usdc(Role::Depositor(0).address().unwrap(), 1_000_000_000).await.unwrap();
    market.deposit_by_permit(Role::Depositor(0), 1_000_000_000).await.unwrap();
    market.borrow_aave(1_000_000).await.unwrap();
    market.repay_morpho(1_000_000).await.unwrap();
    market.pass_time(3_600).await.unwrap();
    let assets = IRoles::new(book.contracts.vault, &rpc).totalAssets().call().await.unwrap();
    assert_eq!(assets, alloy::primitives::U256::from(1_000_000_000));
    devnet.shutdown().await.unwrap();
}

//! `ballast story`: from deposit to redemption on a local chain with the real protocols. Every step is checked; the first one
//! that did not truly happen ends the story with an error.

mod exit;
mod history;
mod summary;
mod witness;

use crate::{
    local::{self, MAX_POSITION, amount, keeper_process::KeeperProcess, logged},
    output,
};
use alloy::{
    primitives::{Address, U256, keccak256},
    providers::Provider,
};
use ballast_chain::bindings::Vault;
use ballast_devnet::{
    Devnet, DevnetConfig, accounts::Role, address_book::AddressBook, deploy::Terms, keeper_config::keeper_config,
    market::Market, prepared,
};
use ballast_service::{Config, Observer};
use ballast_types::{Snapshot, VenueReading};
use clap::Args;
use eyre::{OptionExt, WrapErr, ensure};
use serde_json::Value;
use std::{fs, path::PathBuf, process::ExitCode, time::Duration};
use summary::{Deposit, ListedVenue, Protocol, Rebalance, Refused, Replay, Summary, Target};
use witness::Witness;

/// Real time between blocks while the keeper works.
const BLOCK_TIME: Duration = Duration::from_millis(1_500);
/// What each depositor brings, base units of USDC.
const DEPOSITS: [u64; 3] = [30_000_000_000, 20_000_000_000, 10_000_000_000];
const HOUR: u64 = 3_600;
const MILLION: u64 = 1_000_000_000_000;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where node_modules and the contracts are
    #[arg(long, default_value = ".")]
    project_root: PathBuf,
    /// Where summary.json and the keeper's files are written; emptied first
    #[arg(long, default_value = "target/run")]
    out: PathBuf,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let root = local::project_root(&arguments.project_root)?;
    local::emptied(&arguments.out)?;
    println!("Starting a local chain with Aave V3, Morpho, Safe and Ballast …");
    let (devnet, book) = prepared::start(DevnetConfig::new(&root), &Terms::default(), &arguments.out).await?;
    let told = tell(&devnet, &book, &arguments.out).await;
    devnet.shutdown().await?;
    let mut summary = told?;
    summary.backtest = Some(history::backtest(&arguments.out)?);
    let path = arguments.out.join("summary.json");
    fs::write(&path, serde_json::to_string_pretty(&summary)? + "\n")
        .wrap_err_with(|| format!("cannot write {}", path.display()))?;
    println!("\nEvery step happened. {}", path.display());
    Ok(ExitCode::SUCCESS)
}

async fn tell(devnet: &Devnet, book: &AddressBook, out: &std::path::Path) -> eyre::Result<Summary> {
    let config_path = out.join("keeper.toml");
    fs::write(&config_path, keeper_config(book, MAX_POSITION))?;
    let config = Config::load(&config_path)?;
    let market = Market::new(devnet, book)?;
    let story = Story {
        devnet,
        book,
        witness: Witness::start(market.rpc().clone()).await?,
        observer: Observer::connect(&config).await?,
        keeper: KeeperProcess { config: config_path },
        market,
    };
    story.tell().await
}

struct Story<'a> {
    devnet: &'a Devnet,
    book: &'a AddressBook,
    market: Market<'a>,
    witness: Witness,
    observer: Observer,
    keeper: KeeperProcess,
}

impl Story<'_> {
    async fn tell(&self) -> eyre::Result<Summary> {
        let first_block = self.market.rpc().get_block_number().await?;
        let protocols = self.protocols().await?;
        self.market.refresh_feeds().await?;
        let venues = self.venues().await?;

        let deposits = self.deposits().await?;
        let mut rebalances = vec![self.rebalance("The keeper puts the idle money to work").await?];
        let mut refused = vec![self.refusal("It is asked again at once").await?];

        heading("Seven hours pass; on Aave borrowers repay, on Morpho they draw");
        self.market.pass_time(7 * HOUR).await?;
        self.market.repay_aave(25 * MILLION).await?;
        self.market.borrow_morpho(3 * MILLION).await?;
        rebalances.push(self.rebalance("The keeper follows the rates").await?);

        heading("A day passes and USDC's feed stays silent past its heartbeat");
        self.devnet.builder().advance_time(26 * HOUR).await?;
        self.devnet.builder().build_block().await?;
        refused.push(self.refusal("A decision on a stale price").await?);
        self.market.refresh_feeds().await?;

        let replay = self.replay(&rebalances).await?;
        let (kill_switch, exit) = self.ending().await?;
        let redemptions = self.redemptions(&exit.left_meanwhile).await?;
        // NAV and not totalAssets: the last one to leave takes what had not been released to the share price, too.
        let left = self.market.read(self.book.contracts.vault, Vault::navCall {}).await?;
        let unredeemed_assets = amount(left._0)?;
        ensure!(unredeemed_assets <= 3, "{unredeemed_assets} base units are left in the vault, expected at most 3");

        Ok(Summary {
            chain_id: self.book.chain_id,
            block_range: [first_block, self.market.rpc().get_block_number().await?],
            protocols,
            venues,
            deposits,
            rebalances,
            refused,
            replay,
            kill_switch,
            exit,
            redemptions,
            unredeemed_assets,
            backtest: None,
        })
    }

    async fn protocols(&self) -> eyre::Result<Vec<Protocol>> {
        heading("The chain holds");
        let (protocols, contracts) = (&self.book.protocols, &self.book.contracts);
        let known: [(&'static str, Address); 11] = [
            ("Aave V3 Pool", protocols.aave.pool),
            ("Aave V3 rate strategy", protocols.aave.rate_strategy),
            ("Morpho Blue", protocols.morpho.blue),
            ("Morpho AdaptiveCurveIrm", protocols.morpho.irm),
            ("MetaMorpho", protocols.morpho.meta_morpho),
            ("Aave V3 Prime Pool", protocols.aave_prime.pool),
            ("MetaMorpho Prime", protocols.morpho_prime.meta_morpho),
            ("Circle USDC", protocols.usdc),
            ("Safe 1.4.1", protocols.safe.singleton),
            ("OpenZeppelin TimelockController", contracts.timelock),
            ("Ballast Vault", contracts.vault),
        ];
        let mut listed = Vec::new();
        for (name, address) in known {
            let code = self.market.rpc().get_code_at(address).await?;
            ensure!(!code.is_empty(), "there is no code at {name}'s address {address}");
            println!("  {name:<32} {address}");
            listed.push(Protocol { name, address, code_hash: keccak256(&code) });
        }
        Ok(listed)
    }

    async fn venues(&self) -> eyre::Result<Vec<ListedVenue>> {
        heading("The vault lists");
        let snapshot = self.observer.snapshot().await?;
        println!("{}", output::venues(&snapshot));
        let listed: Vec<ListedVenue> = self
            .book
            .venues
            .iter()
            .map(|venue| {
                let seen = snapshot.venues.iter().find(|seen| seen.adapter == venue.adapter);
                let VenueReading::Read { size, .. } = seen.ok_or_eyre("a venue that is not observed")?.reading else {
                    eyre::bail!("{} cannot be read", venue.name)
                };
                Ok(ListedVenue {
                    name: venue.name.clone(),
                    kind: venue.kind.clone(),
                    adapter: venue.adapter,
                    venue: venue.venue,
                    risk_score: venue.risk_score,
                    size: size.0,
                })
            })
            .collect::<eyre::Result<_>>()?;
        ensure!(listed.len() >= 4, "only {} venues are listed", listed.len());
        Ok(listed)
    }

    async fn deposits(&self) -> eyre::Result<Vec<Deposit>> {
        heading("Three depositors come");
        let mut deposits = Vec::new();
        for (index, assets) in DEPOSITS.into_iter().enumerate() {
            let role = Role::Depositor(index);
            let account = role.address()?;
            self.market.mint_usdc(account, assets).await?;
            let by_permit = index == DEPOSITS.len() - 1;
            let receipt = if by_permit {
                self.market.deposit_by_permit(role, assets).await?
            } else {
                self.market.deposit(role, assets).await?
            };
            let event = logged::<Vault::Deposit>(&receipt, self.book.contracts.vault)?;
            ensure!(event.assets == U256::from(assets), "the vault took {} instead of {assets}", event.assets);
            ensure!(self.witness.has_seen(receipt.transaction_hash).await, "the watcher misses public transactions");
            println!("  {account} deposits {} USDC{}", whole(assets), if by_permit { " with a permit" } else { "" });
            deposits.push(Deposit {
                account,
                assets: assets.into(),
                shares: amount(event.shares)?,
                tx: receipt.transaction_hash,
            });
        }
        Ok(deposits)
    }

    async fn rebalance(&self, title: &str) -> eyre::Result<Rebalance> {
        heading(title);
        let before = self.observer.snapshot().await?;
        let cycle = self.cycle().await?;
        let landing = &cycle["outcome"]["landing"];
        ensure!(cycle["outcome"]["state"] == "final", "expected a rebalance, got {:#}", cycle["record"]["decision"]);
        let reconciliation = &landing["reconciliation"];
        let moved = &reconciliation["rebalance"];
        let rebalance = Rebalance {
            tx: field(landing, "tx_hash")?,
            block: field(landing, "block_number")?,
            proof: field(&cycle, "decision_hash")?,
            targets: self.targets(&cycle, &before)?,
            nav_before: decimal(moved, "nav_before")?,
            nav_after: decimal(moved, "nav_after")?,
            gas_used: field(reconciliation, "gas_used")?,
            gas_simulated: field(reconciliation, "gas_simulated")?,
            balances_equal: reconciliation["logs_equal"] == true && moved["balances_equal"] == true,
            private: !self.witness.has_seen(field(landing, "tx_hash")?).await,
            bundle_hash: field(landing, "bundle_hash")?,
            decision_ms: field(&cycle, "decision_ms")?,
        };
        ensure!(rebalance.gas_used == rebalance.gas_simulated, "gas differs from the simulation: {rebalance:?}");
        ensure!(rebalance.balances_equal, "balances differ from the simulation: {reconciliation:#}");
        ensure!(rebalance.private, "the rebalance was seen in the public pool");

        println!("before\n{}", output::venues(&before));
        println!("after\n{}", output::venues(&self.observer.snapshot().await?));
        let prediction = &cycle["record"]["decision"]["prediction"];
        println!(
            "  yield on NAV {} → {}; gas {} as simulated, in block {} by private bundle, proof {}",
            percent(prediction, "apr_before")?,
            percent(prediction, "apr_after")?,
            rebalance.gas_used,
            rebalance.block,
            rebalance.proof,
        );
        Ok(rebalance)
    }

    /// One cycle of the keeper, with blocks coming.
    async fn cycle(&self) -> eyre::Result<Value> {
        self.devnet.builder().start_interval(BLOCK_TIME).await;
        let cycle = self.keeper.call(&["run", "--once"]).await;
        self.devnet.builder().stop_interval().await;
        cycle
    }

    fn targets(&self, cycle: &Value, snapshot: &Snapshot) -> eyre::Result<Vec<Target>> {
        let targets =
            cycle["record"]["decision"]["action"]["targets"].as_array().ok_or_eyre("the cycle has no targets")?;
        targets
            .iter()
            .map(|target| {
                let adapter: Address = field(target, "adapter")?;
                let venue = snapshot.venues.iter().find(|venue| venue.adapter == adapter);
                let venue = venue.ok_or_eyre("a target outside the snapshot")?.name.clone();
                Ok(Target { venue, bps: field(target, "bps")? })
            })
            .collect()
    }

    async fn refusal(&self, title: &str) -> eyre::Result<Refused> {
        heading(title);
        let cycle = self.cycle().await?;
        ensure!(cycle["outcome"].is_null(), "expected a refusal, got {:#}", cycle["outcome"]);
        let gates = cycle["record"]["decision"]["gates"].as_array().ok_or_eyre("the cycle has no gates")?;
        let failed: Vec<String> = gates
            .iter()
            .filter(|gate| gate["passed"] == false)
            .filter_map(|gate| Some(format!("{}: {}", gate["id"].as_str()?, gate["detail"].as_str()?)))
            .filter(|reason| !reason.contains("not evaluated"))
            .collect();
        ensure!(!failed.is_empty(), "a hold without a reason");
        for reason in &failed {
            println!("  HOLD  {reason}");
        }
        Ok(Refused { reason: failed.join("; ") })
    }

    async fn replay(&self, rebalances: &[Rebalance]) -> eyre::Result<Replay> {
        heading("Somebody checks the first rebalance");
        let tx = rebalances.first().ok_or_eyre("no rebalance to replay")?.tx.to_string();
        let report = self.keeper.call(&["replay", &tx]).await?;
        let equal = report["equal"] == true;
        ensure!(equal, "the replay differs: {report:#}");
        println!("  replay of {tx}: equal, field by field");
        Ok(Replay { equal })
    }
}

fn heading(text: &str) {
    println!("\n{text}");
}

fn field<T: serde::de::DeserializeOwned>(value: &Value, name: &str) -> eyre::Result<T> {
    serde_json::from_value(value[name].clone()).wrap_err_with(|| format!("{name} in {value:#}"))
}

/// An amount that is written as a decimal string.
fn decimal(value: &Value, name: &str) -> eyre::Result<u128> {
    field::<String>(value, name)?.parse().wrap_err_with(|| format!("{name} is not a decimal number"))
}

fn percent(value: &Value, name: &str) -> eyre::Result<String> {
    Ok(ballast_types::Apr(decimal(value, name)?).percent())
}

fn whole(base_units: u64) -> u64 {
    base_units / 1_000_000
}

fn decimal_usdc(base_units: u128) -> String {
    ballast_types::Assets(base_units).to_string()
}

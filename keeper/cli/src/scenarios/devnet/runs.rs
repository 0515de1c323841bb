//! Runs on a venue against the contracts, with the vault's own keeper as a service beside them: borrowers draw all that the venue has within so many
//! blocks, then a part of what is still in it is lost.
//!
//! The keeper decides as ever but asks more of a move than any rate pays, so that what leaves the venue is what its watcher takes home. It has as
//! long as it needs for each block: how many blocks things take is seen here, how much of a slot they take in `make bench`.

use super::{
    stage::People,
    timeline::{Change, Place},
};
use crate::local::{
    MAX_POSITION, amount,
    blocks::block_per_bundle,
    keeper_process::{KeeperProcess, RunningKeeper},
};
use alloy::{
    primitives::{Address, B256, U256, keccak256},
    providers::Provider,
    rpc::types::Filter,
    sol_types::{SolEvent, SolValue},
};
use ballast_chain::{
    Trigger,
    bindings::{IAavePool, KillSwitchManager, StrategyHub, Vault},
};
use ballast_devnet::keeper_config::keeper_config;
use ballast_service::Config;
use ballast_store::Location;
use eyre::{OptionExt, bail, ensure};
use serde::Serialize;
use serde_json::json;
use std::{fs, path::Path, time::Duration, time::Instant};

/// The venue: most of it is free to be drawn.
const PLACE: Place = Place::AavePrime;
/// `VenueTriggers.CONFIRM_BLOCKS`.
const CONFIRM_BLOCKS: u64 = 25;
/// Blocks from one draw to the next.
const DRAW_EVERY: u64 = 5;
/// Blocks between the last draw and the loss: more than the trigger takes.
const UNTIL_LOSS: u64 = 35;
/// Storage slots among which a pool's reserves are looked for.
const POOL_SLOTS: u64 = 128;
/// How long anything may take before it is given up. Nothing is held against it.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What interest, rounding and dust may move of a part.
const ROUNDING: f64 = 1e-3;

/// What must become of the position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Expected {
    /// The keeper takes it home.
    Home,
    /// Nothing is left to take when the venue may be closed.
    TooLate,
    /// The configuration leaves it there.
    Left,
}

/// A run on the venue.
#[derive(Clone, Copy, Debug)]
pub(super) struct VenueRun {
    pub(super) id: &'static str,
    /// In which everything is drawn, evenly.
    blocks: u64,
    /// Percent of each position that is lost at the end.
    lost: u32,
    expects: Expected,
}

/// What became of it, in blocks and fractions.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RunVerdict {
    pub(super) id: &'static str,
    blocks: u64,
    lost: u32,
    expected: Expected,
    /// What of NAV was in the venue.
    held: f64,
    /// From the block in which too much was on loan to the trip.
    tripped: u64,
    /// From the trip to the position's way home, if it came.
    home_after: Option<u64>,
    /// What of the position came home.
    home: f64,
    /// What of NAV was less at the end.
    loss: f64,
    /// What is not as it had to be.
    pub(super) failures: Vec<String>,
}

pub(super) fn all() -> [VenueRun; 4] {
    let run = |id, blocks, expects| VenueRun { id, blocks, lost: 50, expects };
    [
        run("run-block", 1, Expected::TooLate),
        run("run-20-minutes", 100, Expected::TooLate),
        run("run-30-minutes", 150, Expected::Home),
        run("run-30-minutes-left", 150, Expected::Left),
    ]
}

/// Plays a run from the state that the chain is in. The keeper's files go to `directory`.
pub(super) async fn play(people: &People<'_>, run: VenueRun, directory: &Path) -> eyre::Result<RunVerdict> {
    let (keeper, store) = configured(people, run, directory)?;
    let adapter = people.adapter(PLACE)?;
    let mut service = keeper.spawn(&["run"], &directory.join(format!("{}.log", run.id)))?;
    let mut drawn = Drawn { people, run, store, adapter, seen: Seen::default() };
    drawn.until("its first decision", async || service.said("hold", |_| true)).await?;
    let (held, nav) = (drawn.value().await?, drawn.nav().await?);
    drawn.everything(&mut service).await?;
    let remains = drawn.value().await?;
    lose(people, run.lost).await?;
    let after = drawn.nav().await?;
    let stopped = service.stop().await?;
    ensure!(stopped.success(), "the service did not stop cleanly: {stopped}");
    drawn.verdict((held, nav), remains, after)
}

fn configured(people: &People<'_>, run: VenueRun, directory: &Path) -> eyre::Result<(KeeperProcess, Location)> {
    let text = keeper_config(people.book, MAX_POSITION)
        .replace("min_gain = 10\n", "min_gain = 10000\n")
        .replace("keeper.sqlite", &format!("{}.sqlite", run.id));
    let left = if run.expects == Expected::Left { "\n[watcher]\nretreat = []\n" } else { "" };
    let path = directory.join(format!("{}.toml", run.id));
    fs::write(&path, format!("{text}{left}"))?;
    let config = Config::load(&path)?;
    ensure!(
        config.policy().min_gain.0 > 0 && text.contains("min_gain = 10000"),
        "the keeper could still move by itself"
    );
    Ok((KeeperProcess { config: path }, config.store.location()?))
}

/// What the chain has said, by block.
#[derive(Debug, Default)]
struct Seen {
    /// The first block in which too much was on loan.
    visible: Option<u64>,
    armed: Option<u64>,
    tripped: Option<u64>,
    home: Option<u64>,
    /// The keeper has said that the position is not coming.
    stays: bool,
}

/// A run under way.
struct Drawn<'a> {
    people: &'a People<'a>,
    run: VenueRun,
    store: Location,
    adapter: Address,
    seen: Seen,
}

impl Drawn<'_> {
    async fn head(&self) -> eyre::Result<u64> {
        Ok(self.people.market.rpc().get_block_number().await?)
    }

    async fn value(&self) -> eyre::Result<u128> {
        let call = StrategyHub::positionStateCall { adapter: self.adapter };
        amount(self.people.market.read(self.people.book.contracts.hub, call).await?.value)
    }

    async fn nav(&self) -> eyre::Result<u128> {
        amount(self.people.market.read(self.people.book.contracts.vault, Vault::navCall {}).await?._0)
    }

    async fn available(&self) -> eyre::Result<u128> {
        let protocols = &self.people.book.protocols;
        let call = IAavePool::getVirtualUnderlyingBalanceCall { asset: protocols.usdc };
        Ok(self.people.market.read(protocols.aave_prime.pool, call).await?)
    }

    /// Draws everything, block by block, and lets the keeper do at each what it has to.
    async fn everything(&mut self, service: &mut RunningKeeper) -> eyre::Result<()> {
        let (before, all) = (self.head().await?, self.available().await?);
        let mut next = self.run.blocks.min(DRAW_EVERY);
        loop {
            let elapsed = self.head().await? + 1 - before;
            if elapsed > self.run.blocks + UNTIL_LOSS {
                return Ok(());
            }
            let drawn = elapsed.min(self.run.blocks);
            let left = all * u128::from(self.run.blocks - drawn) / u128::from(self.run.blocks);
            if elapsed >= next && next <= self.run.blocks && self.available().await? > left {
                next = if drawn == self.run.blocks { u64::MAX } else { (drawn + DRAW_EVERY).min(self.run.blocks) };
                self.people.make(Change::LendOut { place: PLACE, left: u64::try_from(left)? }).await?;
            } else {
                self.people.devnet.builder().build_block().await?;
            }
            self.keeper_acts(service).await?;
        }
    }

    /// Waits for whatever the keeper has to do in the block after the head.
    async fn keeper_acts(&mut self, service: &mut RunningKeeper) -> eyre::Result<()> {
        let head = self.head().await?;
        let switch = self.people.book.contracts.kill_switch;
        let evaluate = KillSwitchManager::evaluateCall { trigger: Trigger::Utilisation as u8, adapter: self.adapter };
        if self.seen.armed.is_none() && self.people.market.read(switch, evaluate).await?.holds {
            self.seen.visible = Some(head);
            self.seen.armed =
                Some(self.until("the arming", async || self.event::<KillSwitchManager::Armed>(switch).await).await?);
        }
        let confirmable =
            self.seen.armed.is_some_and(|armed| self.seen.tripped.is_none() && head >= armed + CONFIRM_BLOCKS - 1);
        if confirmable {
            let tripped = async || self.event::<KillSwitchManager::VenueTripped>(switch).await;
            self.seen.tripped = Some(self.until("the trip", tripped).await?);
        }
        if self.seen.tripped.is_none() || self.seen.home.is_some() || self.seen.stays {
            return Ok(());
        }
        let hub = self.people.book.contracts.hub;
        let what = "the position to leave, or the keeper to say why it does not";
        let decided = async || {
            if let Some(home) = self.event::<StrategyHub::RiskReduced>(hub).await? {
                return Ok(Some(Some(home)));
            }
            let says = ["a position that is to come home remains", "a position stays in a venue that is closed"];
            for message in says {
                if service.said(message, |_| true)?.is_some() {
                    return Ok(Some(None));
                }
            }
            Ok(None)
        };
        let home = self.until(what, decided).await?;
        (self.seen.home, self.seen.stays) = (home, home.is_none());
        Ok(())
    }

    /// The block in which a contract logged this of the venue, if it has.
    async fn event<E: SolEvent>(&self, from: Address) -> eyre::Result<Option<u64>> {
        let filter = Filter::new().address(from).event_signature(E::SIGNATURE_HASH).from_block(0);
        let topic = self.adapter.into_word();
        let logs = self.people.market.rpc().get_logs(&filter).await?;
        Ok(logs.iter().rev().find(|log| log.topics().contains(&topic)).and_then(|log| log.block_number))
    }

    /// Looks until there is an answer; each bundle of the keeper gets its block meanwhile, and nothing else does.
    async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> eyre::Result<Option<T>>) -> eyre::Result<T> {
        let started = Instant::now();
        let looking = async {
            loop {
                if let Some(found) = look().await? {
                    return Ok(found);
                }
                ensure!(started.elapsed() < PATIENCE, "{}: waited {PATIENCE:?} for {what}", self.run.id);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            biased;
            found = looking => found,
            failed = block_per_bundle(self.people.devnet, self.people.market.rpc(), &self.store) => match failed? {},
        }
    }

    fn verdict(self, (held, nav): (u128, u128), remains: u128, after: u128) -> eyre::Result<RunVerdict> {
        let Seen { visible, tripped, home, .. } = self.seen;
        let (visible, tripped) =
            (visible.ok_or_eyre("it was never lent out")?, tripped.ok_or_eyre("it was not tripped")?);
        let part = |part: u128, of: u128| part as f64 / (of as f64).max(1.0);
        let VenueRun { id, blocks, lost, expects } = self.run;
        let verdict = RunVerdict {
            id,
            blocks,
            lost,
            expected: expects,
            held: part(held, nav),
            tripped: tripped - visible,
            home_after: home.map(|home| home - tripped),
            home: 1.0 - part(remains, held).min(1.0),
            loss: 1.0 - part(after, nav).min(1.0),
            failures: Vec::new(),
        };
        Ok(RunVerdict { failures: verdict.faults(), ..verdict })
    }
}

/// Takes away so many percent of what everybody has in the pool, as a loss that its depositors bear does: what a share of theirs is worth.
async fn lose(people: &People<'_>, percent: u32) -> eyre::Result<()> {
    let (rpc, protocols) = (people.market.rpc(), &people.book.protocols);
    let (pool, asset) = (protocols.aave_prime.pool, protocols.usdc);
    let reserve = people.market.read(pool, IAavePool::getReserveDataCall { asset }).await?;
    let word = |index: u128| (U256::from(reserve.currentLiquidityRate) << 128) | U256::from(index);
    for base in 0..POOL_SLOTS {
        // `mapping(address => ReserveData)`: rate and index share the second word of a reserve.
        let slot = U256::from_be_bytes(keccak256((asset, U256::from(base)).abi_encode()).0) + U256::from(1);
        if rpc.get_storage_at(pool, slot).await? != word(reserve.liquidityIndex) {
            continue;
        }
        let left = reserve.liquidityIndex / 100 * u128::from(100 - percent);
        let parameters = json!([pool, B256::from(slot), B256::from(word(left))]);
        rpc.raw_request::<_, bool>("anvil_setStorageAt".into(), parameters).await?;
        people.devnet.builder().build_block().await?;
        return Ok(());
    }
    bail!("the reserve of USDC is in none of the pool's first {POOL_SLOTS} mappings")
}

impl RunVerdict {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.tripped != 1 + CONFIRM_BLOCKS {
            faults.push(format!(
                "tripped {} blocks after it was visible, expected {}",
                self.tripped,
                1 + CONFIRM_BLOCKS
            ));
        }
        let all = self.held * f64::from(self.lost) / 100.0;
        let (home_after, home, loss) = match self.expected {
            Expected::Home => (Some(1), 1.0, 0.0),
            Expected::TooLate | Expected::Left => (None, 0.0, all),
        };
        if self.home_after != home_after || (self.home - home).abs() > ROUNDING {
            faults.push(format!("{:.1} % came home, {:?} blocks after the trip", self.home * 100.0, self.home_after));
        }
        if (self.loss - loss).abs() > ROUNDING {
            faults.push(format!("{:.2} % of NAV were lost, expected {:.2} %", self.loss * 100.0, loss * 100.0));
        }
        faults
    }

    /// Above [`Self::row`].
    pub(super) fn header() -> String {
        "| run | all drawn within | tripped | home | taken home | NAV lost |\n| --- | --- | --- | --- | --- | --- |"
            .into()
    }

    /// One line of the table.
    pub(super) fn row(&self) -> String {
        let blocks = |count: u64| if count == 1 { "1 block".to_owned() } else { format!("{count} blocks") };
        format!(
            "| {} | {} | {} | {} | {:.1} % | {:.2} % |{}",
            self.id,
            blocks(self.blocks),
            blocks(self.tripped),
            self.home_after.map_or_else(|| "–".into(), blocks),
            self.home * 100.0,
            self.loss * 100.0,
            if self.failures.is_empty() { "" } else { " NOT AS EXPECTED" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(expected: Expected, tripped: u64, home_after: Option<u64>, home: f64, loss: f64) -> Vec<String> {
        let verdict = RunVerdict {
            id: "",
            blocks: 1,
            lost: 50,
            expected,
            held: 0.3,
            tripped,
            home_after,
            home,
            loss,
            failures: Vec::new(),
        };
        verdict.faults()
    }

    #[test]
    fn a_run_that_is_tripped_late_left_late_or_costs_something_else_is_a_failure() {
        assert!(ended(Expected::Home, 26, Some(1), 1.0, 0.0).is_empty());
        assert!(ended(Expected::TooLate, 26, None, 0.0, 0.15).is_empty());
        assert!(ended(Expected::Left, 26, None, 0.0, 0.15).is_empty());
        let of = |faults: Vec<String>| faults.join("; ");
        assert_eq!(
            of(ended(Expected::Home, 27, Some(1), 1.0, 0.0)),
            "tripped 27 blocks after it was visible, expected 26"
        );
        assert_eq!(
            of(ended(Expected::Home, 26, Some(2), 1.0, 0.0)),
            "100.0 % came home, Some(2) blocks after the trip"
        );
        assert_eq!(of(ended(Expected::Left, 26, None, 0.0, 0.0)), "0.00 % of NAV were lost, expected 15.00 %");
        assert_eq!(ended(Expected::TooLate, 26, Some(1), 1.0, 0.0).len(), 2, "it was not too late");
    }
}

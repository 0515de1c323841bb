//! The soak itself: slot after slot, what the schedule has for it, what befalls the keeper's work, and a block.

use crate::{
    census::Census,
    promises,
    rng::Rng,
    schedule::{self, Event, HOUR, Schedule},
    service::Service,
    support::{DEPOSIT, Endpoint, Keeper, Stage, project_root, store_when_there},
    world::{self, World},
};
use alloy::{
    primitives::B256,
    providers::{DynProvider, Provider},
};
use ballast_devnet::{DevnetConfig, SLOT_SECONDS, deploy::Terms};
use ballast_store::{Attempt, AttemptId, State, Store};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// A slot in which the keeper has nothing under way: the service looks at the head once a second, and decides every 25 blocks.
const IDLE_SLOT: Duration = Duration::from_millis(40);
/// No slot is longer than Ethereum's, however slow the keeper.
const LONGEST_SLOT: Duration = Duration::from_secs(SLOT_SECONDS);
/// How long a relay that is asked takes to say no, and the keeper to see its block.
const A_MOMENT: Duration = Duration::from_millis(700);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// States of past blocks, as a full node has them.
const KEPT_STATES: u32 = 128;
/// The deepest reorganisation.
const DEEPEST: u64 = 3;
/// Slots between two looks at the process and at the public pool.
const WEIGH_EVERY: u64 = 25;
/// Slots before the service is started again, as a service manager waits a moment.
const RESTART_AFTER: u64 = 3;
/// Slots without faults at the end, in which everything under way must come to its end.
const QUIET: u64 = 150;

pub(crate) struct Soak {
    pub(crate) stage: Stage,
    pub(crate) keeper: Keeper,
    pub(crate) service: Service,
    pub(crate) census: Census,
    pub(crate) hours: u64,
    /// The keeper account's nonce at the start.
    pub(crate) nonce_before: u64,
    /// Hashes that the public pool has shown.
    pub(crate) public: Vec<B256>,
    pending: alloy::primitives::U256,
    endpoints: Vec<Endpoint>,
    store: Store,
    world: World,
    schedule: Schedule,
    rng: Rng,
    rpc: DynProvider,
    /// Chain time of the start, and of the newest block.
    began: u64,
    now: u64,
    head: u64,
    /// Until when (chain time) these last.
    ill: Ailments,
    /// Nothing happens any more.
    quiet: bool,
    /// Slots since the service ended.
    down_for: u64,
    work: Work,
}

/// Ends of what goes on, chain time; 0 is none.
#[derive(Default)]
struct Ailments {
    rpc: u64,
    relay: u64,
    kms: u64,
    hurry: u64,
    feed: u64,
}

/// The attempt that is under way, and what is to befall it.
#[derive(Default)]
struct Work {
    attempt: Option<AttemptId>,
    since: u64,
    fate: Fate,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Nothing,
    /// SIGKILL after so many looks at it.
    Killed(u64),
    /// Its block is replaced once it is in one: before the keeper has seen it, or after.
    Reorganised { seen: bool },
    /// Blocks do not wait for it.
    Hurried,
}

impl Soak {
    pub(crate) async fn start(hours: u64, seed: u64, folder: PathBuf) -> Self {
        let mut config = DevnetConfig::new(project_root());
        config.kept_states = Some(KEPT_STATES);
        let stage = Stage::on(config, &Terms::default()).await;
        stage.deposit(DEPOSIT).await;
        let mut endpoints = Vec::new();
        for _ in 0..3 {
            endpoints.push(Endpoint::start(&stage.devnet.rpc_url()).await);
        }
        let urls: Vec<String> = endpoints.iter().map(|endpoint| endpoint.url.clone()).collect();
        // One more than the deepest reorganisation: what is final stays.
        let confirmations = i64::try_from(DEEPEST + 1).unwrap();
        let keeper = stage
            .keeper()
            .set("chain.rpc", urls)
            .set("chain.timeout", 1)
            .set("relay.timeout", 1)
            .set("execution.confirmations", confirmations)
            .set("execution.decide_every", 25);
        let rpc = stage.rpc();
        let pending = rpc.new_pending_transactions_filter(false).await.unwrap();
        let nonce_before = rpc.get_transaction_count(stage.book.keeper).await.unwrap();
        let mut service = Service::new(keeper.clone(), folder);
        service.start();
        let store = store_when_there(&keeper.store_path()).await;
        let mut rng = Rng::new(seed);
        let schedule = schedule::draw(&mut rng.fork(), hours);
        let built = stage.devnet.builder().build_block().await.unwrap();
        Self {
            stage,
            keeper,
            service,
            census: Census::default(),
            hours,
            nonce_before,
            public: Vec::new(),
            pending,
            endpoints,
            store,
            world: World::new(),
            schedule,
            rng,
            rpc,
            began: built.timestamp,
            now: built.timestamp,
            head: built.number,
            ill: Ailments::default(),
            quiet: false,
            down_for: 0,
            work: Work::default(),
        }
    }

    /// All of it, and whether every promise was kept.
    ///
    /// # Errors
    /// The promise that was broken.
    pub(crate) async fn through(mut self) -> Result<Census, String> {
        let mut events = std::mem::take(&mut self.schedule).into_iter().peekable();
        while self.now < self.began + self.hours * HOUR {
            while let Some((_, event)) = events.next_if(|(at, _)| self.began + at <= self.now) {
                self.happen(event).await;
            }
            self.recover().await;
            self.slot().await;
        }
        self.quiet = true;
        self.work.fate = Fate::Nothing;
        self.recover().await;
        for _ in 0..QUIET {
            self.slot().await;
        }
        let code = self.service.stop().await;
        self.look_at_pool().await;
        promises::check(self, code).await
    }

    async fn happen(&mut self, event: Event) {
        self.census.event(&event);
        let ends = |slots: u64| self.now + slots * SLOT_SECONDS;
        match event {
            Event::Kill => self.service.kill().await,
            Event::Reorganise { depth, again } => self.reorganise(depth, again).await,
            Event::Rpc { which, illness, slots } => {
                self.ill.rpc = ends(slots);
                for (number, endpoint) in self.endpoints.iter().enumerate() {
                    endpoint.falls_ill(which.contains(&number).then_some(illness));
                }
            }
            Event::Relay { fault, slots } => {
                self.ill.relay = ends(slots);
                self.stage.devnet.relay_faults().set(fault);
            }
            Event::Kms { fault, slots } => {
                self.ill.kms = ends(slots);
                self.stage.devnet.kms().set_fault(fault);
            }
            Event::BaseFee(gwei) => world::set_base_fee(&self.stage, gwei).await,
            Event::Hurry { slots } => self.ill.hurry = ends(slots),
            Event::FeedSilent { slots } => {
                self.ill.feed = ends(slots);
                world::silence_feed(&self.stage, true).await.unwrap();
            }
            // The oracles of the markets stand still with the feed.
            _ if self.ill.feed > 0 => self.census.refused_acts += 1,
            act => {
                if let Err(error) = self.world.act(&self.stage, &act).await {
                    println!("the market refuses {act:?}: {error}");
                    self.census.refused_acts += 1;
                }
                self.head = self.rpc.get_block_number().await.unwrap();
            }
        }
    }

    /// What has lasted long enough ends; once it is quiet, everything.
    async fn recover(&mut self) {
        let (now, quiet) = (self.now, self.quiet);
        let over = |until: &mut u64| {
            let over = *until > 0 && (quiet || now >= *until);
            *until = if over { 0 } else { *until };
            over
        };
        if over(&mut self.ill.rpc) {
            self.endpoints.iter().for_each(|endpoint| endpoint.falls_ill(None));
        }
        if over(&mut self.ill.relay) {
            self.stage.devnet.relay_faults().clear();
        }
        if over(&mut self.ill.kms) {
            self.stage.devnet.kms().clear_fault();
        }
        if over(&mut self.ill.feed) {
            world::silence_feed(&self.stage, false).await.unwrap();
        }
        over(&mut self.ill.hurry);
    }

    /// One slot and its block.
    async fn slot(&mut self) {
        self.wait_for_the_keeper().await;
        let built = self.stage.devnet.builder().build_block().await.unwrap();
        self.head = built.number;
        self.now = built.timestamp;
        self.census.blocks += 1;
        if self.census.blocks.is_multiple_of(WEIGH_EVERY) {
            self.service.weigh(self.now - self.began);
            self.look_at_pool().await;
        }
        if !self.service.runs() {
            self.down_for += 1;
            if self.down_for > RESTART_AFTER {
                self.down_for = 0;
                self.service.start();
            }
        }
    }

    /// The slot is as long as the keeper has something to do in it.
    async fn wait_for_the_keeper(&mut self) {
        sleep(IDLE_SLOT).await;
        let started = Instant::now();
        let mut last = None;
        let mut changed = Instant::now();
        while started.elapsed() < LONGEST_SLOT && self.service.runs() {
            let open = self.store.open_attempts().await.unwrap().pop();
            let Some(attempt) = open else { return self.work.end(self.head, &mut self.census) };
            if self.work.attempt != Some(attempt.id) {
                self.take_up(&attempt).await;
            }
            if last != Some(attempt.state) {
                (last, changed) = (Some(attempt.state), Instant::now());
            }
            if self.befall(&attempt).await || self.is_served(&attempt, changed.elapsed()) {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Whether the block may come.
    fn is_served(&self, attempt: &Attempt, unchanged: Duration) -> bool {
        if self.ill.hurry > 0 || self.work.fate == Fate::Hurried {
            return true;
        }
        let ahead = attempt.facts.target_block.is_some_and(|target| self.head < target);
        match attempt.state {
            State::Submitted if ahead => attempt.facts.bundle_hash.is_some() || unchanged > A_MOMENT,
            // Its block is there; the keeper has not seen it yet.
            State::Submitted => unchanged > 2 * A_MOMENT,
            State::Included => true,
            _ => false,
        }
    }

    /// An attempt that is seen for the first time: something befalls most of them.
    async fn take_up(&mut self, attempt: &Attempt) {
        self.work.end(self.head, &mut self.census);
        let mortal = self.now < self.began + self.hours * HOUR / 2;
        self.work = Work { attempt: Some(attempt.id), since: self.head, fate: Fate::Nothing };
        if self.quiet {
            return;
        }
        match self.rng.below(20) {
            0..7 if mortal => self.work.fate = Fate::Killed(self.rng.below(60)),
            7..11 => self.work.fate = Fate::Reorganised { seen: self.rng.chance(500) },
            11..13 => self.work.fate = Fate::Hurried,
            13 => {
                let event = schedule::relay(&mut self.rng);
                self.happen(event).await;
            }
            14 => {
                let event = schedule::kms(&mut self.rng);
                self.happen(event).await;
            }
            15 => {
                let event = schedule::rpc(&mut self.rng);
                self.happen(event).await;
            }
            _ => {}
        }
    }

    /// What is to befall it, if it is time; whether it did.
    async fn befall(&mut self, attempt: &Attempt) -> bool {
        let target = attempt.facts.target_block.unwrap_or(u64::MAX);
        match &mut self.work.fate {
            Fate::Killed(0) => {
                self.work.fate = Fate::Nothing;
                self.census.killed_at(attempt.state);
                self.service.kill().await;
                true
            }
            Fate::Killed(looks) => {
                *looks -= 1;
                false
            }
            Fate::Reorganised { seen } => {
                let ready = if *seen { State::Included } else { State::Submitted };
                if attempt.state != ready || !(target..target + DEEPEST).contains(&self.head) {
                    return false;
                }
                let depth = self.head - target + 1;
                self.work.fate = Fate::Nothing;
                let again = self.rng.chance(500);
                self.census.event(&Event::Reorganise { depth, again });
                self.reorganise(depth, again).await;
                true
            }
            Fate::Nothing | Fate::Hurried => false,
        }
    }

    async fn reorganise(&mut self, depth: u64, again: bool) {
        world::reorganise(&self.stage, depth, again).await;
        self.head = self.rpc.get_block_number().await.unwrap();
    }

    async fn look_at_pool(&mut self) {
        self.public.extend(self.rpc.get_filter_changes::<B256>(self.pending).await.unwrap());
    }
}

impl Work {
    /// It is settled, or another has taken its place.
    fn end(&mut self, head: u64, census: &mut Census) {
        if self.attempt.take().is_some() {
            census.longest_attempt = census.longest_attempt.max(head.saturating_sub(self.since));
        }
        self.fate = Fate::Nothing;
    }
}

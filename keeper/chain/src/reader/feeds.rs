//! Price feeds, with the bounds that the kill switch holds them to.

use crate::{
    bindings::IAggregatorV3,
    deployment::FeedRef,
    multicall::{Answers, At, Batch, BatchError, Slot},
};
use alloy::{primitives::Address, providers::DynProvider};
use ballast_types::{FeedReading, FeedState, RoundId, Wad};

/// Longest name taken from a feed's own description, in characters.
const NAME_LENGTH: usize = 40;

/// What the kill switch says of one token's feed.
pub(super) struct Wanted {
    pub(super) token: Address,
    /// Zero where the switch has none.
    pub(super) aggregator: Address,
    pub(super) decimals: u8,
    /// Seconds.
    pub(super) heartbeat: u64,
    /// Outside of it the peg is lost. Absent for a token without a band, and while the peg trigger is not active.
    pub(super) band: Option<(Wad, Wad)>,
}

struct Questions {
    description: Slot<IAggregatorV3::descriptionCall>,
    decimals: Slot<IAggregatorV3::decimalsCall>,
    round: Slot<IAggregatorV3::latestRoundDataCall>,
}

impl Questions {
    fn ask(batch: &mut Batch, aggregator: Address) -> Self {
        Self {
            description: batch.add(aggregator, IAggregatorV3::descriptionCall {}),
            decimals: batch.add(aggregator, IAggregatorV3::decimalsCall {}),
            round: batch.add(aggregator, IAggregatorV3::latestRoundDataCall {}),
        }
    }
}

/// Reads the wanted feeds, and ETH/USD beside them. `grace` is the same for every feed of the switch, in seconds past the heartbeat.
pub(super) async fn read(
    wanted: &[Wanted],
    eth_usd: &FeedRef,
    grace: u64,
    provider: &DynProvider,
    at: At,
) -> Result<(Vec<FeedState>, FeedState), BatchError> {
    let mut batch = Batch::default();
    let asked: Vec<_> = wanted.iter().map(|feed| Questions::ask(&mut batch, feed.aggregator)).collect();
    let asked_eth = Questions::ask(&mut batch, eth_usd.aggregator);
    let answers = match batch.run(provider, at).await {
        Ok(answers) => Ok(answers),
        Err(BatchError::Refused(why)) => Err(why),
        Err(error) => return Err(error),
    };
    let answers = answers.as_ref();
    let feeds = wanted.iter().zip(&asked).map(|(feed, asked)| {
        let described = answers.ok().and_then(|answers| answers.get(asked.description).ok());
        let fallback = || format!("feed of {}", feed.token);
        FeedState {
            name: described.map_or_else(fallback, |name| name.chars().take(NAME_LENGTH).collect()),
            aggregator: feed.aggregator,
            decimals: feed.decimals,
            heartbeat: feed.heartbeat,
            grace,
            band: feed.band,
            reading: if feed.aggregator.is_zero() {
                FeedReading::Unreadable { why: format!("the kill switch has no feed for {}", feed.token) }
            } else {
                reading(answers, asked)
            },
        }
    });
    let eth_decimals = answers
        .map_err(ToString::to_string)
        .and_then(|answers| answers.get(asked_eth.decimals).map_err(|e| e.to_string()));
    let eth = FeedState {
        name: eth_usd.name.clone(),
        aggregator: eth_usd.aggregator,
        decimals: eth_decimals.as_ref().copied().unwrap_or_default(),
        heartbeat: eth_usd.heartbeat,
        grace,
        band: None,
        reading: match eth_decimals {
            Ok(_) => reading(answers, &asked_eth),
            Err(why) => FeedReading::Unreadable { why },
        },
    };
    Ok((feeds.collect(), eth))
}

fn reading(answers: Result<&Answers, &String>, asked: &Questions) -> FeedReading {
    round(answers, asked).unwrap_or_else(|why| FeedReading::Unreadable { why })
}

fn round(answers: Result<&Answers, &String>, asked: &Questions) -> Result<FeedReading, String> {
    let round = answers.map_err(String::clone)?.get(asked.round).map_err(|error| error.to_string())?;
    Ok(FeedReading::Round {
        answer: i128::try_from(round.answer).map_err(|_| format!("the answer {} is not a price", round.answer))?,
        updated_at: u64::try_from(round.updatedAt)
            .map_err(|_| format!("updatedAt {} is not a time", round.updatedAt))?,
        round_id: RoundId(round.roundId.to()),
        answered_in_round: RoundId(round.answeredInRound.to()),
    })
}

//! The states of the outbox and the only ways between them.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::str::FromStr;

/// Where an attempt stands.
///
/// ```text
///  decision:  proposed ─▶ gated ─▶ presimulated ─▶ attested ─┐
///                         ▲   └───┬────┘                      │
///                         └─ awaiting_safe                    │
///  call:      proposed ──────────────────────────────────────┴─▶ simulated ─▶ signed ─▶ submitted ─▶ included ─▶ final
///                                                                                          ▲   │         │
///                                                                      reorganised away    └───┼─────────┘
///                                                                                              │
///  any state before submitted ─▶ rejected | expired      submitted ─▶ included | reverted | replaced | expired
///  expired ─▶ rejected (given up)                        included ─▶ final | submitted
///  expired, rejected or replaced with signed bytes ─▶ submitted (found on chain after all)
/// ```
///
/// A transition is durable before its side effect: `signed` holds the bytes before anything may send them, `submitted`
/// is written before the relay is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The decision or the call is recorded; nothing else has happened.
    Proposed,
    /// Its gates passed and it is fresh.
    Gated,
    /// It ran on the head state with the attestor check overridden and did what was predicted.
    Presimulated,
    /// It is more than keeper and attestor may do alone: nothing is signed until the Safe has approved it. Others go on meanwhile.
    AwaitingSafe,
    /// The attestor signed the proof.
    Attested,
    /// The final calldata ran for the target block.
    Simulated,
    /// The transaction is signed and its bytes are stored.
    Signed,
    /// The bundle may have reached the relay.
    Submitted,
    /// A receipt with success exists on the canonical chain.
    Included,
    /// Included under enough blocks.
    Final,
    /// The account's nonce was used by another transaction.
    Replaced,
    /// Included, but the call reverted.
    Reverted,
    /// It can no longer land; another attempt may be made.
    Expired,
    /// It was refused, and so is its decision.
    Rejected,
}

/// Which line of the diagram an attempt follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    Decision,
    Call,
}

impl State {
    pub const ALL: [Self; 14] = [
        Self::Proposed,
        Self::Gated,
        Self::Presimulated,
        Self::AwaitingSafe,
        Self::Attested,
        Self::Simulated,
        Self::Signed,
        Self::Submitted,
        Self::Included,
        Self::Final,
        Self::Replaced,
        Self::Reverted,
        Self::Expired,
        Self::Rejected,
    ];

    /// The states that may follow this one.
    #[must_use]
    pub const fn successors(self, path: Path) -> &'static [Self] {
        use State::{
            Attested, AwaitingSafe, Expired, Final, Gated, Included, Presimulated, Proposed, Rejected, Replaced,
            Reverted, Signed, Simulated, Submitted,
        };
        match (self, path) {
            (Proposed, Path::Decision) => &[Gated, Rejected, Expired],
            (Proposed, Path::Call) => &[Simulated, Rejected, Expired],
            (Gated, Path::Decision) => &[Presimulated, AwaitingSafe, Rejected, Expired],
            (Presimulated, Path::Decision) => &[Attested, AwaitingSafe, Rejected, Expired],
            (AwaitingSafe, Path::Decision) => &[Gated, Rejected, Expired],
            (Attested, Path::Decision) => &[Simulated, Rejected, Expired],
            (Gated | Presimulated | AwaitingSafe | Attested, Path::Call) => &[],
            (Simulated, _) => &[Signed, Rejected, Expired],
            (Signed, _) => &[Submitted, Rejected, Expired],
            (Submitted, _) => &[Included, Reverted, Replaced, Expired],
            (Included, _) => &[Final, Submitted],
            (Expired, _) => &[Rejected, Submitted],
            // A signed transaction belongs to whoever has seen it; the record follows the chain, not the wish.
            (Rejected | Replaced, _) => &[Submitted],
            (Final | Reverted, _) => &[],
        }
    }

    #[must_use]
    pub fn may_become(self, next: Self, path: Path) -> bool {
        self.successors(path).contains(&next)
    }

    /// Nothing more is to be done for the attempt.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Final | Self::Replaced | Self::Reverted | Self::Expired | Self::Rejected)
    }

    /// Something is being done for it now, and of that there is one thing at a time. An attempt that waits for the Safe is neither settled
    /// nor under way.
    #[must_use]
    pub const fn is_under_way(self) -> bool {
        !self.is_settled() && !matches!(self, Self::AwaitingSafe)
    }

    /// The transaction is on the chain.
    #[must_use]
    pub const fn is_on_chain(self) -> bool {
        matches!(self, Self::Included | Self::Final | Self::Reverted)
    }

    /// The name used in the store, in configuration and in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Gated => "gated",
            Self::Presimulated => "presimulated",
            Self::AwaitingSafe => "awaiting_safe",
            Self::Attested => "attested",
            Self::Simulated => "simulated",
            Self::Signed => "signed",
            Self::Submitted => "submitted",
            Self::Included => "included",
            Self::Final => "final",
            Self::Replaced => "replaced",
            Self::Reverted => "reverted",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
        }
    }
}

/// By name, so that a new state changes no encoding that exists.
impl BorshSerialize for State {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        BorshSerialize::serialize(self.name(), writer)
    }
}

impl BorshDeserialize for State {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let name = String::deserialize_reader(reader)?;
        name.parse().map_err(|error: UnknownState| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a state, expected one of proposed, gated, … rejected")]
pub struct UnknownState(String);

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.name() == name).ok_or_else(|| UnknownState(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The table, written down a second time as the edges alone.
    const DECISION_EDGES: &[(&str, &str)] = &[
        ("proposed", "gated"),
        ("proposed", "rejected"),
        ("proposed", "expired"),
        ("gated", "presimulated"),
        ("gated", "rejected"),
        ("gated", "expired"),
        ("gated", "awaiting_safe"),
        ("presimulated", "awaiting_safe"),
        ("awaiting_safe", "gated"),
        ("awaiting_safe", "rejected"),
        ("awaiting_safe", "expired"),
        ("presimulated", "attested"),
        ("presimulated", "rejected"),
        ("presimulated", "expired"),
        ("attested", "simulated"),
        ("attested", "rejected"),
        ("attested", "expired"),
        ("simulated", "signed"),
        ("simulated", "rejected"),
        ("simulated", "expired"),
        ("signed", "submitted"),
        ("signed", "rejected"),
        ("signed", "expired"),
        ("submitted", "included"),
        ("submitted", "reverted"),
        ("submitted", "replaced"),
        ("submitted", "expired"),
        ("included", "final"),
        ("included", "submitted"),
        ("expired", "rejected"),
        ("expired", "submitted"),
        ("rejected", "submitted"),
        ("replaced", "submitted"),
    ];

    // SPEC X8
    #[test]
    fn every_pair_of_states_is_legal_exactly_if_it_is_an_edge() {
        for from in State::ALL {
            for to in State::ALL {
                let edge = DECISION_EDGES.contains(&(from.name(), to.name()));
                assert_eq!(from.may_become(to, Path::Decision), edge, "{from} -> {to}");
            }
        }
    }

    #[test]
    fn a_call_skips_what_only_a_decision_has() {
        for from in State::ALL {
            for to in State::ALL {
                let own = matches!(
                    from,
                    State::Proposed | State::Gated | State::Presimulated | State::AwaitingSafe | State::Attested
                );
                let legal = if own {
                    from == State::Proposed && matches!(to, State::Simulated | State::Rejected | State::Expired)
                } else {
                    from.may_become(to, Path::Decision)
                };
                assert_eq!(from.may_become(to, Path::Call), legal, "{from} -> {to}");
            }
        }
    }

    #[test]
    fn nothing_is_sent_without_having_been_simulated_and_signed() {
        for (path, before) in [(Path::Decision, State::Attested), (Path::Call, State::Proposed)] {
            let reaches = |goal: State, without: State| {
                let mut seen = vec![State::Proposed];
                let mut next = 0;
                while next < seen.len() {
                    for to in seen[next].successors(path) {
                        if *to != without && !seen.contains(to) && !to.is_settled() {
                            seen.push(*to);
                        }
                    }
                    next += 1;
                }
                seen.contains(&goal)
            };
            assert!(reaches(State::Submitted, State::Final));
            for gate in [State::Simulated, State::Signed] {
                assert!(!reaches(State::Submitted, gate), "{path:?}: submitted without {gate}");
            }
            if before != State::Proposed {
                assert!(!reaches(State::Simulated, before), "{path:?}: simulated without {before}");
            }
        }
    }

    #[test]
    fn names_are_read_back() {
        for state in State::ALL {
            assert_eq!(state.name().parse::<State>().unwrap(), state);
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        assert!("sent".parse::<State>().is_err());
    }
}

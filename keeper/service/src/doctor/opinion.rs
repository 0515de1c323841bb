//! The endpoint that executes what is to be signed as well, where one is configured.

use super::Finding;
use crate::{config::Config, keeper::second_opinion};
use ballast_chain::{SecondOpinionError, redact};

const CHECK: &str = "second opinion";

pub(super) async fn examine(config: &Config) -> Finding {
    let Some(url) = &config.simulation.second_opinion else {
        return Finding::ok(
            CHECK,
            "none is configured (simulation.second_opinion); the keeper's own EVM alone executes",
        );
    };
    let expected = "an endpoint of another operator, on the same chain, with eth_simulateV1";
    let opinion = match second_opinion(config).await {
        Ok(Some(opinion)) => opinion,
        Ok(None) => return Finding::ok(CHECK, "none is configured"),
        Err(error) => {
            let advice = match error {
                SecondOpinionError::BadUrl { .. } | SecondOpinionError::OtherChain { .. } => {
                    "correct simulation.second_opinion"
                }
                SecondOpinionError::NoMethod { .. } => {
                    "ask the provider for eth_simulateV1, name an endpoint that has it, or remove simulation.second_opinion"
                }
                SecondOpinionError::Unavailable { .. } => {
                    "check the URL, the provider's key and the network: the keeper does not start without it, and signs nothing while it is silent"
                }
            };
            return Finding::problem(CHECK, error.to_string(), expected, advice);
        }
    };
    let found = format!("{} executes by eth_simulateV1", opinion.label());
    if config.chain.rpc.iter().any(|rpc| redact(rpc) == redact(url)) {
        let found = format!("{found}, and is asked for the chain as well");
        let advice = "name another operator's: one that errs about the chain errs in both";
        return Finding::warning(CHECK, found, expected, advice);
    }
    Finding::ok(CHECK, found)
}

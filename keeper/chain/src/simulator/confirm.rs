//! The last check before a signature: nothing that one machine says is believed.

use super::{BlockContext, Checks, Overrides, Simulation, SimulationError, Simulator, Source, TxPlan};
use crate::{
    pool::{NoQuorum, Vouched},
    second_opinion::{Disagreement, SecondOpinionError},
};

/// Others say the same as the simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// Who vouches for block and state; `None` for a simulator over one provider, whom nobody checks.
    pub quorum: Option<Vouched>,
    /// The endpoint that executed the transaction as well, redacted; `None` if none is configured.
    pub second_opinion: Option<String>,
}

/// Why a simulated transaction must not be signed.
#[derive(Debug, thiserror::Error)]
pub enum Unconfirmed {
    #[error(transparent)]
    NoQuorum(#[from] NoQuorum),
    #[error(transparent)]
    Disagreement(#[from] Disagreement),
    #[error(transparent)]
    SecondOpinion(#[from] SecondOpinionError),
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    #[error("simulating the same transaction again gave something else; nothing was signed, report this")]
    Unstable,
}

impl Simulator {
    /// Has block and read state of a final simulation confirmed by a quorum of the pool, and the transaction executed by the second
    /// opinion. The two are asked at once.
    ///
    /// # Errors
    /// [`Unconfirmed`]: then `tx` must not be signed for `block`.
    pub async fn confirm(
        &self,
        tx: &TxPlan,
        block: &BlockContext,
        simulation: &Simulation,
    ) -> Result<Confirmation, Unconfirmed> {
        let (again, read, origin) = self.run(tx, block, &Overrides::default(), Checks::AsTheChain).await?;
        if again != *simulation {
            return Err(Unconfirmed::Unstable);
        }
        let quorum = async {
            let Source::Pool(pool) = &self.source else { return Ok(None) };
            let vouched = pool.vouch(origin, block, &read).await;
            if vouched.is_err() {
                // The next simulation is to read anew, from whoever is believed then.
                self.forget();
            }
            Ok::<_, Unconfirmed>(Some(vouched?))
        };
        let opinion = async {
            let Some(second) = &self.second_opinion else { return Ok(None) };
            second.confirm(tx, block, simulation).await?;
            Ok(Some(second.label().to_owned()))
        };
        let (quorum, second_opinion) = futures::try_join!(quorum, opinion)?;
        Ok(Confirmation { quorum, second_opinion })
    }
}

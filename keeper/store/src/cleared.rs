//! Leave to sign, which only a recorded simulation gives.

use crate::{AttemptId, Facts, State, Store, StoreError, Subject};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use serde_json::{Value, json};

/// The key of a stored simulation under which its id is.
pub const SIMULATION_ID: &str = "id";
const DOMAIN: &[u8] = b"ballast simulation 1";

/// A digest whose simulation is on record. Signers take nothing else, and nothing but [`Store::clear`] makes one: what was not simulated
/// and recorded cannot be signed.
///
/// ```compile_fail,E0451
/// // Nobody writes himself leave to sign.
/// let digest = ballast_types::B256::ZERO;
/// let forged = ballast_store::Cleared { digest, simulation: digest };
/// ```
///
/// ```compile_fail,E0599
/// // And nobody uses it twice.
/// fn twice(cleared: ballast_store::Cleared) -> (ballast_store::Cleared, ballast_store::Cleared) {
///     (cleared.clone(), cleared)
/// }
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "leave to sign that is not used"]
pub struct Cleared {
    digest: B256,
    simulation: B256,
}

impl Cleared {
    /// What may be signed.
    #[must_use]
    pub const fn digest(&self) -> B256 {
        self.digest
    }

    /// The id of the simulation, as it is on record.
    #[must_use]
    pub const fn simulation(&self) -> B256 {
        self.simulation
    }
}

/// The id of a simulation: `keccak256("ballast simulation 1" ‖ digest ‖ parent)`, where `digest` is what is to be signed because of it
/// and `parent` the hash of the block it was made on.
#[must_use]
pub fn simulation_id(digest: B256, parent: B256) -> B256 {
    keccak256([DOMAIN, digest.as_slice(), parent.as_slice()].concat())
}

/// The stored form of a simulation with its id in it. `simulation` must be an object; anything else is put under `result`.
#[must_use]
pub fn with_simulation_id(simulation: Value, digest: B256, parent: B256) -> Value {
    let mut simulation = if simulation.is_object() { simulation } else { json!({ "result": simulation }) };
    if let Value::Object(fields) = &mut simulation {
        fields.insert(SIMULATION_ID.to_owned(), json!(simulation_id(digest, parent)));
    }
    simulation
}

impl Store {
    /// Leave to sign `digest`, if the attempt's last transition on disk is the simulation of exactly that on block `parent`:
    /// the attestor's digest once it is presimulated, the transaction's once it is simulated.
    ///
    /// # Errors
    /// [`StoreError::NotCleared`]; [`StoreError::ReadOnly`] or [`StoreError::LeaseLost`] for who is not the writer.
    pub async fn clear(&self, attempt: AttemptId, digest: B256, parent: B256) -> Result<Cleared, StoreError> {
        // A session of the writer, so that whoever was taken over gets no leave any more.
        let mut session = self.write().await?;
        let found = session.attempt(attempt).await?;
        session.end().await?;
        let found = found.ok_or(StoreError::Unknown { what: "attempt", id: attempt.0 })?;
        let refuse = |why: String| StoreError::NotCleared { attempt: attempt.0, digest, why };
        if !matches!(found.state, State::Presimulated | State::Simulated) {
            return Err(refuse(format!("the attempt is {}, expected presimulated or simulated", found.state)));
        }
        let simulation = simulation_id(digest, parent);
        let recorded = found.facts.simulation.as_ref().and_then(|value| value.get(SIMULATION_ID));
        let recorded = recorded.and_then(Value::as_str).and_then(|text| text.parse::<B256>().ok());
        match recorded {
            Some(recorded) if recorded == simulation => Ok(Cleared { digest, simulation }),
            Some(recorded) => {
                Err(refuse(format!("the simulation on record is {recorded}, this would be {simulation}")))
            }
            None => Err(refuse("no simulation is on record".to_owned())),
        }
    }

    /// Leave to sign something that the keeper itself never sends, such as a Safe transaction's hash: records the call and its
    /// simulation in the outbox, where it ends at once as expired. Waits for nothing; while another attempt is under way it is refused.
    ///
    /// # Errors
    /// [`StoreError::Busy`], and as [`Self::clear`].
    pub async fn clear_off_chain(
        &self,
        purpose: &str,
        call: (Address, &Bytes),
        digest: B256,
        parent: B256,
        simulation: Value,
    ) -> Result<Cleared, StoreError> {
        let subject = Subject::Call(self.put_call(purpose, call.0, call.1).await?);
        let detail = json!({ "purpose": purpose, "digest": digest });
        let attempt = self.begin_attempt(subject, &detail).await?.id;
        let simulation = Some(with_simulation_id(simulation, digest, parent));
        let facts = Facts { simulation, ..Facts::default() };
        self.advance(attempt, State::Proposed, State::Simulated, &facts, &detail).await?;
        let cleared = self.clear(attempt, digest, parent).await?;
        let reason = "signed for others to send; nothing is sent from this outbox".to_owned();
        let facts = Facts { reason: Some(reason), ..Facts::default() };
        self.advance(attempt, State::Simulated, State::Expired, &facts, &detail).await?;
        Ok(cleared)
    }
}

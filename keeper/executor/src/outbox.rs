//! One attempt under way: every step goes to disk before what it announces is done.

use crate::{Executor, outcome::ExecuteError};
use ballast_store::{Attempt, AttemptId, Facts, State, Subject};
use serde_json::{Value, json};

/// An attempt and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) id: AttemptId,
    pub(crate) state: State,
}

impl From<&Attempt> for Job {
    fn from(attempt: &Attempt) -> Self {
        Self { id: attempt.id, state: attempt.state }
    }
}

impl Executor {
    /// Begins the next attempt.
    pub(crate) async fn begin(&self, subject: Subject, detail: Value) -> Result<Job, ExecuteError> {
        self.control.admit(State::Proposed)?;
        let job = Job::from(&self.store.begin_attempt(subject, &detail).await?);
        tracing::info!(attempt = job.id.0, to = %job.state, %detail, "outbox");
        self.control.beat();
        self.halt(job).await;
        Ok(job)
    }

    /// Writes the next state. In a drill, does not return from the state it is to halt after.
    pub(crate) async fn step(&self, job: &mut Job, to: State, facts: Facts, detail: Value) -> Result<(), ExecuteError> {
        self.control.admit(to)?;
        self.store.advance(job.id, job.state, to, &facts, &detail).await?;
        tracing::info!(attempt = job.id.0, from = %job.state, %to, %detail, "outbox");
        job.state = to;
        self.control.beat();
        self.halt(*job).await;
        Ok(())
    }

    async fn halt(&self, job: Job) {
        if self.config.halt_after == Some(job.state) {
            tracing::warn!(attempt = job.id.0, state = %job.state, "halted by executor.halt_after");
            std::future::pending::<()>().await;
        }
    }

    /// Ends an attempt without a landing.
    pub(crate) async fn end(&self, job: &mut Job, state: State, reason: String) -> Result<(), ExecuteError> {
        let detail = json!({ "reason": reason });
        self.step(job, state, Facts { reason: Some(reason), ..Facts::default() }, detail).await
    }
}

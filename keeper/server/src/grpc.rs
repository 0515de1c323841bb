//! `ballast.v1.ProtocolStates`.

use crate::{
    ProtocolId, ProtocolState, SourceError, StateSource,
    v1::{self, protocol_states_server::ProtocolStates},
};
use futures::stream::{self, BoxStream, StreamExt};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

pub(crate) struct States {
    source: Arc<dyn StateSource>,
}

impl States {
    pub(crate) fn new(source: Arc<dyn StateSource>) -> Self {
        Self { source }
    }
}

fn id(text: &str) -> Result<ProtocolId, Status> {
    text.parse().map_err(|error: crate::StateError| Status::invalid_argument(error.to_string()))
}

fn unavailable(error: SourceError) -> Status {
    Status::unavailable(error.to_string())
}

#[tonic::async_trait]
impl ProtocolStates for States {
    async fn get(&self, request: Request<v1::GetRequest>) -> Result<Response<v1::ProtocolState>, Status> {
        let id = id(&request.get_ref().protocol_id)?;
        let state = self.source.get(&id).await.map_err(unavailable)?;
        let unknown = || Status::not_found(format!("nothing is known of {id}; List names what there is"));
        state.map(|state| Response::new(state.into())).ok_or_else(unknown)
    }

    async fn list(&self, _: Request<v1::ListRequest>) -> Result<Response<v1::ListResponse>, Status> {
        let states = self.source.list().await.map_err(unavailable)?;
        Ok(Response::new(v1::ListResponse { states: states.into_iter().map(Into::into).collect() }))
    }

    type StreamStream = BoxStream<'static, Result<v1::ProtocolState, Status>>;

    async fn stream(&self, request: Request<v1::StreamRequest>) -> Result<Response<Self::StreamStream>, Status> {
        let wanted = request.get_ref().protocol_ids.iter().map(|text| id(text)).collect::<Result<_, _>>()?;
        let mut changes = self.source.changes();
        // What is there now is told first.
        changes.mark_changed();
        let told = Told {
            source: Arc::clone(&self.source),
            changes,
            wanted,
            last: BTreeMap::new(),
            due: VecDeque::new(),
            failed: false,
        };
        Ok(Response::new(stream::unfold(told, Told::next).boxed()))
    }
}

/// What one reader of a stream has been told.
struct Told {
    source: Arc<dyn StateSource>,
    changes: watch::Receiver<u64>,
    /// All if empty.
    wanted: BTreeSet<ProtocolId>,
    last: BTreeMap<ProtocolId, ProtocolState>,
    due: VecDeque<ProtocolState>,
    failed: bool,
}

impl Told {
    /// The next state that the reader does not know; nothing more after an error, or when the source is gone.
    async fn next(mut self) -> Option<(Result<v1::ProtocolState, Status>, Self)> {
        loop {
            if self.failed {
                return None;
            }
            if let Some(state) = self.due.pop_front() {
                self.last.insert(state.protocol_id.clone(), state.clone());
                return Some((Ok(state.into()), self));
            }
            self.changes.changed().await.ok()?;
            match self.source.list().await {
                Ok(states) => {
                    let is_wanted = |id: &ProtocolId| self.wanted.is_empty() || self.wanted.contains(id);
                    let is_news = |state: &ProtocolState| self.last.get(&state.protocol_id) != Some(state);
                    self.due =
                        states.into_iter().filter(|state| is_wanted(&state.protocol_id) && is_news(state)).collect();
                }
                Err(error) => {
                    self.failed = true;
                    return Some((Err(unavailable(error)), self));
                }
            }
        }
    }
}

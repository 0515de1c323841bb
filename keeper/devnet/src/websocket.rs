//! One WebSocket connection of the public endpoint: requests as over HTTP, and subscriptions.

use crate::{
    builder::NewHead,
    jsonrpc::{Request, RpcError, answer},
    public_rpc::PublicRpc,
    transaction::SignedTransaction,
};
use alloy::primitives::{B256, U64};
use axum::extract::ws::{Message, WebSocket};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        mpsc,
    },
    task::{AbortHandle, JoinSet},
};

/// Messages that a client may be behind before its subscriptions wait for it.
const OUTBOX: usize = 256;

/// Subscription ids are unguessable on real nodes; unique is enough here.
static SUBSCRIPTIONS: AtomicU64 = AtomicU64::new(0);

struct Connection {
    rpc: Arc<PublicRpc>,
    outbox: mpsc::Sender<Value>,
    subscriptions: Mutex<HashMap<String, AbortHandle>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        for (_, subscription) in self.subscriptions.get_mut().unwrap_or_else(PoisonError::into_inner).drain() {
            subscription.abort();
        }
    }
}

/// Serves `socket` until either side closes it.
pub(crate) async fn serve(socket: WebSocket, rpc: Arc<PublicRpc>) {
    let (mut sink, mut stream) = socket.split();
    let (outbox, mut outgoing) = mpsc::channel::<Value>(OUTBOX);
    let connection = Arc::new(Connection { rpc, outbox, subscriptions: Mutex::default() });
    // Dropping the set ends what is still being answered when the connection ends.
    let mut answering = JoinSet::new();
    loop {
        tokio::select! {
            message = stream.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let connection = connection.clone();
                    answering.spawn(async move { connection.answer_text(text.as_bytes()).await });
                }
                Some(Ok(Message::Binary(bytes))) => {
                    let connection = connection.clone();
                    answering.spawn(async move { connection.answer_text(&bytes).await });
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            Some(value) = outgoing.recv() => {
                if sink.send(Message::Text(value.to_string().into())).await.is_err() {
                    return;
                }
            }
            Some(_) = answering.join_next() => {}
        }
    }
}

impl Connection {
    async fn answer_text(self: &Arc<Self>, body: &[u8]) {
        let single = serde_json::from_slice::<Value>(body)
            .ok()
            .filter(Value::is_object)
            .and_then(|value| Request::parse(&value).ok());
        let reply = match single {
            Some(request) if request.method == "eth_subscribe" => {
                // The answer must be on its way before the first notification.
                match self.sources(&request) {
                    Ok(source) => {
                        let id = format!("{:#x}", U64::from(SUBSCRIPTIONS.fetch_add(1, Ordering::Relaxed) + 1));
                        self.send(answer(&request.id, Ok(json!(id)))).await;
                        self.start(id, source);
                        return;
                    }
                    Err(error) => answer(&request.id, Err(error)),
                }
            }
            Some(request) if request.method == "eth_unsubscribe" => answer(&request.id, self.unsubscribe(&request)),
            _ => self.rpc.answer_text(body).await,
        };
        self.send(reply).await;
    }

    async fn send(&self, value: Value) {
        // Fails only when the connection is gone, and everything here with it.
        drop(self.outbox.send(value).await);
    }

    fn sources(&self, request: &Request) -> Result<Source, RpcError> {
        let kind: String = request.param(0, "a kind of subscription")?;
        match kind.as_str() {
            "newHeads" => Ok(Source::Heads(self.rpc.builder.heads())),
            "logs" => {
                let criteria = request.optional(1, "a filter object")?.unwrap_or_else(|| json!({}));
                Ok(Source::Logs(self.rpc.builder.heads(), criteria))
            }
            "newPendingTransactions" => {
                let full = request.optional(1, "whether to send whole transactions")?.unwrap_or(false);
                Ok(Source::Pending(self.rpc.builder.arrivals(), full))
            }
            other => Err(RpcError::params(format!(
                "no subscription named {other}: newHeads, logs and newPendingTransactions are served"
            ))),
        }
    }

    fn start(self: &Arc<Self>, id: String, source: Source) {
        let (rpc, outbox, subscription) = (self.rpc.clone(), self.outbox.clone(), id.clone());
        let task = tokio::spawn(async move {
            let notify = |result: Value| {
                let message = json!({"jsonrpc": "2.0", "method": "eth_subscription", "params": {"subscription": subscription, "result": result}});
                let outbox = outbox.clone();
                async move { outbox.send(message).await.is_ok() }
            };
            match source {
                Source::Heads(mut heads) => {
                    while let Some(head) = next(&mut heads).await {
                        if !notify(head.header.clone()).await {
                            return;
                        }
                    }
                }
                Source::Pending(mut arrivals, full) => {
                    while let Some(transaction) = next(&mut arrivals).await {
                        if !notify(if full { json!(transaction.as_pending()) } else { json!(transaction.hash()) }).await
                        {
                            return;
                        }
                    }
                }
                Source::Logs(mut heads, criteria) => {
                    while let Some(head) = next(&mut heads).await {
                        for log in rpc.logs_in(head.hash, &criteria).await {
                            if !notify(log).await {
                                return;
                            }
                        }
                    }
                }
            }
        });
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner).insert(id, task.abort_handle());
    }

    fn unsubscribe(&self, request: &Request) -> Result<Value, RpcError> {
        let id: String = request.param(0, "a subscription id")?;
        let subscription = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        Ok(json!(subscription.inspect(AbortHandle::abort).is_some()))
    }
}

enum Source {
    Heads(broadcast::Receiver<Arc<NewHead>>),
    Pending(broadcast::Receiver<Arc<SignedTransaction>>, bool),
    Logs(broadcast::Receiver<Arc<NewHead>>, Value),
}

/// The next event; a subscriber that is too slow loses the oldest and goes on.
async fn next<T: Clone>(events: &mut broadcast::Receiver<T>) -> Option<T> {
    loop {
        match events.recv().await {
            Ok(event) => return Some(event),
            Err(RecvError::Lagged(lost)) => tracing::warn!(lost, "a WebSocket subscriber is too slow and lost events"),
            Err(RecvError::Closed) => return None,
        }
    }
}

impl PublicRpc {
    /// Logs of one block that match `criteria`.
    async fn logs_in(&self, block: B256, criteria: &Value) -> Vec<Value> {
        let mut criteria = criteria.clone();
        let Some(fields) = criteria.as_object_mut() else { return Vec::new() };
        fields.retain(|field, _| field == "address" || field == "topics");
        fields.insert("blockHash".into(), json!(block));
        let _unchanged = self.builder.read().await;
        match self.builder.node().get("eth_getLogs", json!([criteria])).await {
            Ok(logs) => logs,
            Err(error) => {
                tracing::warn!(%error, "logs of a new block could not be read for a subscriber");
                Vec::new()
            }
        }
    }
}

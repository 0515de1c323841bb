//! An RPC endpoint of the keeper: the devnet's, with illnesses.

use alloy::primitives::Address;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};

/// How an RPC endpoint is ill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Illness {
    /// It takes requests and does not answer them in time.
    Silent,
    /// It answers with HTTP 503.
    Down,
    /// It has not seen the newest blocks, this many of them.
    Behind(u64),
    /// It executes calls as ever, but neither traces them nor gives out the state of this account.
    Blind(Address),
}

/// Longer than the keeper waits for an answer.
const SILENCE: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub struct Endpoint {
    pub url: String,
    illness: Arc<Mutex<Option<Illness>>>,
    server: JoinHandle<()>,
}

/// What an endpoint answers without.
#[derive(Clone, Copy)]
enum Lost {
    NewestBlocks { head: u64 },
    State(Address),
}

#[derive(Clone)]
struct Proxy {
    upstream: String,
    client: reqwest::Client,
    illness: Arc<Mutex<Option<Illness>>>,
}

impl Endpoint {
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let illness = Arc::<Mutex<Option<Illness>>>::default();
        let proxy =
            Proxy { upstream: upstream.to_owned(), client: reqwest::Client::new(), illness: Arc::clone(&illness) };
        let router = Router::new().route("/", post(answer)).with_state(proxy);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, illness, server }
    }

    pub fn falls_ill(&self, illness: Option<Illness>) {
        *self.illness.lock().unwrap() = illness;
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(proxy): State<Proxy>, body: Bytes) -> Response {
    let illness = *proxy.illness.lock().unwrap();
    let answered = match illness {
        None => proxy.ask(body).await,
        Some(Illness::Down) => None,
        Some(Illness::Silent) => {
            tokio::time::sleep(SILENCE).await;
            None
        }
        Some(Illness::Behind(blocks)) => proxy.answer_late(&body, blocks).await,
        Some(Illness::Blind(account)) => proxy.answer_each(&body, Lost::State(account)).await,
    };
    match answered {
        Some(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

impl Proxy {
    /// What the devnet says; `None` if it does not answer.
    async fn ask(&self, body: impl Into<reqwest::Body>) -> Option<Bytes> {
        let request = self.client.post(&self.upstream).header(header::CONTENT_TYPE, "application/json");
        request.body(body).send().await.ok()?.bytes().await.ok()
    }

    /// As if the newest `blocks` blocks did not exist.
    async fn answer_late(&self, body: &[u8], blocks: u64) -> Option<Bytes> {
        let number = json!({"jsonrpc": "2.0", "id": 0, "method": "eth_blockNumber", "params": []});
        let head: Value = serde_json::from_slice(&self.ask(number.to_string()).await?).ok()?;
        let head = u64::from_str_radix(head["result"].as_str()?.strip_prefix("0x")?, 16).ok()?.saturating_sub(blocks);
        self.answer_each(body, Lost::NewestBlocks { head }).await
    }

    /// The answer to a request, or to each of a batch, without what is lost.
    async fn answer_each(&self, body: &[u8], lost: Lost) -> Option<Bytes> {
        let mut request: Value = serde_json::from_slice(body).ok()?;
        let Value::Array(batch) = &mut request else { return self.one(request, lost).await.map(text) };
        let mut answers = Vec::with_capacity(batch.len());
        for one in batch.drain(..) {
            answers.push(self.one(one, lost).await?);
        }
        Some(text(Value::Array(answers)))
    }

    async fn one(&self, request: Value, lost: Lost) -> Option<Value> {
        match lost {
            Lost::NewestBlocks { head } => self.one_late(request, head).await,
            Lost::State(account) => self.one_blind(&request, account).await,
        }
    }

    async fn one_blind(&self, request: &Value, account: Address) -> Option<Value> {
        let method = request["method"].as_str().unwrap_or_default();
        let named = request["params"][0].as_str().is_some_and(|named| named.eq_ignore_ascii_case(&account.to_string()));
        if method == "debug_traceCall" || (method.starts_with("eth_get") && named) {
            let error = json!({"code": -32_000, "message": "missing trie node"});
            return Some(json!({"jsonrpc": "2.0", "id": request["id"], "error": error}));
        }
        serde_json::from_slice(&self.ask(request.to_string()).await?).ok()
    }

    async fn one_late(&self, mut request: Value, head: u64) -> Option<Value> {
        let tag = json!(format!("{head:#x}"));
        for parameter in request["params"].as_array_mut()? {
            if *parameter == "latest" || *parameter == "pending" {
                *parameter = tag.clone();
            }
        }
        let mut answer: Value = serde_json::from_slice(&self.ask(request.to_string()).await?).ok()?;
        let result = &mut answer["result"];
        let height = |value: &Value| u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok();
        let newer = |value: &Value| height(value).is_some_and(|number| number > head);
        if request["method"] == "eth_blockNumber" {
            *result = tag;
        } else if newer(&result["blockNumber"]) || (result.get("parentHash").is_some() && newer(&result["number"])) {
            *result = Value::Null;
        }
        Some(answer)
    }
}

fn text(value: Value) -> Bytes {
    value.to_string().into()
}

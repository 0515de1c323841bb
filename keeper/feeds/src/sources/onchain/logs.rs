//! Events of a long stretch of blocks, a bounded number of blocks and of events at a time.

use super::rpc;
use crate::FeedError;
use alloy::{
    providers::{DynProvider, Provider},
    rpc::types::{Filter, Log},
};

/// Blocks of one request, to begin with: what public endpoints let through without a plan.
const CHUNK: u64 = 10_000;
/// Events of one answer that are aimed at; after one with more, fewer blocks are asked for.
const PAGE: usize = 5_000;
/// Events of one span. An hour of blocks has at most some thousands of one reserve; what has more is more than is wanted at once.
const MOST: usize = 250_000;

/// All logs of `filter` from one block to another, a page of whole blocks at a time, in order. An endpoint that refuses a stretch, because it
/// holds too many results or is too long for its plan, is asked for half of it, down to single blocks. What is in memory is one page.
pub(super) struct Pages<'a> {
    provider: &'a DynProvider,
    filter: &'a Filter,
    span: (u64, u64),
    from: Option<u64>,
    chunk: u64,
    read: usize,
    page: usize,
    most: usize,
}

impl<'a> Pages<'a> {
    /// From block `first` to block `last`, both included.
    pub(super) fn new(provider: &'a DynProvider, filter: &'a Filter, first: u64, last: u64) -> Self {
        let from = (first <= last).then_some(first);
        Self { provider, filter, span: (first, last), from, chunk: CHUNK, read: 0, page: PAGE, most: MOST }
    }

    /// The next page, each log with its number among all; `None` after the last. A page may be empty.
    ///
    /// # Errors
    /// [`FeedError::Rpc`] if the endpoint does not answer, [`FeedError::BadRequest`] if there are more logs than one span may have.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<(usize, Log)>>, FeedError> {
        let (first, last) = self.span;
        while let Some(from) = self.from {
            let to = last.min(from.saturating_add(self.chunk - 1));
            let asked = format!("for logs of blocks {from} to {to}");
            match self.provider.get_logs(&self.filter.clone().from_block(from).to_block(to)).await {
                Ok(mut logs) => {
                    if self.read + logs.len() > self.most {
                        return Err(FeedError::BadRequest {
                            what: format!("the logs of blocks {first} to {last}"),
                            why: format!(
                                "there are more than {} by block {to}, expected at most that many; ask for a shorter span",
                                self.most
                            ),
                        });
                    }
                    self.from = to.checked_add(1).filter(|next| *next <= last);
                    self.chunk = if logs.len() > self.page {
                        (self.chunk / 2).max(1)
                    } else {
                        self.chunk.saturating_mul(2).min(CHUNK)
                    };
                    logs.sort_by_key(|log| (log.block_number, log.log_index));
                    let before = self.read;
                    self.read += logs.len();
                    return Ok(Some(logs.into_iter().enumerate().map(|(n, log)| (before + n, log)).collect()));
                }
                // The endpoint itself says no: whatever its words, less may pass.
                Err(error) if error.is_error_resp() && to > from => self.chunk = (to - from).div_ceil(2),
                Err(error) => return Err(rpc(&asked)(error)),
            }
        }
        Ok(None)
    }
}

/// All of [`Pages`] at once, for who has to sort those of several filters: at most [`MOST`], beyond which it is refused.
///
/// # Errors
/// As [`Pages::next`].
pub(super) async fn backfill(
    provider: &DynProvider,
    filter: &Filter,
    first: u64,
    last: u64,
) -> Result<Vec<Log>, FeedError> {
    let (mut pages, mut logs) = (Pages::new(provider, filter, first, last), Vec::new());
    while let Some(page) = pages.next().await? {
        logs.extend(page.into_iter().map(|(_, log)| log));
    }
    Ok(logs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::{Json, Router, routing::post};
    use ballast_chain::RpcPool;
    use serde_json::{Value, json};
    use std::time::Duration;

    fn number(value: &Value) -> u64 {
        u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    /// Two logs in every block, the later one first.
    async fn answer(Json(request): Json<Value>) -> Json<Value> {
        let asked = &request["params"][0];
        let (from, to) = (number(&asked["fromBlock"]), number(&asked["toBlock"]));
        let word = |number: u64| format!("0x{number:064x}");
        let log = |block: u64, index: u64| {
            json!({
                "address": format!("0x{:040x}", 1), "topics": [word(7)], "data": "0x", "blockNumber": format!("{block:#x}"),
                "blockHash": word(block), "transactionHash": word(block), "transactionIndex": "0x0",
                "logIndex": format!("{index:#x}"), "removed": false
            })
        };
        let logs: Vec<_> = (from..=to).flat_map(|block| [log(block, 1), log(block, 0)]).collect();
        Json(json!({ "jsonrpc": "2.0", "id": request["id"], "result": logs }))
    }

    async fn provider() -> DynProvider {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        RpcPool::new(&[url], Duration::from_secs(20)).unwrap().primary().clone()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn pages_become_as_small_as_they_are_wanted_and_miss_nothing() {
        let (provider, filter) = (provider().await, Filter::new());
        let mut pages = Pages { page: 20, chunk: 100, ..Pages::new(&provider, &filter, 50, 449) };
        let (mut sizes, mut found) = (Vec::new(), Vec::new());
        while let Some(page) = pages.next().await.unwrap() {
            sizes.push(page.len());
            found.extend(page.into_iter().map(|(n, log)| (n, log.block_number.unwrap(), log.log_index.unwrap())));
        }
        let expected: Vec<_> = (50..450_u64)
            .flat_map(|block| [(block, 0), (block, 1)])
            .enumerate()
            .map(|(n, (block, index))| (n, block, index))
            .collect();
        assert_eq!(found, expected);
        assert!(sizes[3..].iter().all(|size| *size <= 40), "{sizes:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_span_with_more_logs_than_one_may_have_is_refused_and_says_how_many_are_let_through() {
        let (provider, filter) = (provider().await, Filter::new());
        let mut pages = Pages { most: 399, page: 20, chunk: 10, ..Pages::new(&provider, &filter, 1, 200) };
        let refused = loop {
            match pages.next().await {
                Ok(page) => assert!(page.is_some(), "it was let through"),
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, FeedError::BadRequest { .. }), "{refused}");
        let said = refused.to_string();
        assert!(
            said.contains("blocks 1 to 200") && said.contains("at most that many; ask for a shorter span"),
            "{said}"
        );
        assert!(Pages::new(&provider, &filter, 2, 1).next().await.unwrap().is_none());
    }
}

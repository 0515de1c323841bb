//! The public pool as `txpool_*` and the `pending` block show it.

use crate::{
    assembly::{Candidate, Parent, TimeRequest, assemble, senders_of},
    jsonrpc::{Request, RpcError},
    public_pool::PoolView,
    public_rpc::PublicRpc,
    transaction::SignedTransaction,
};
use alloy::{
    consensus::Transaction as _,
    primitives::{Address, U64},
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap};

impl PublicRpc {
    /// Runs `view` on (executable, queued) as of the head.
    async fn split_pool<T>(&self, view: impl FnOnce(PoolView<'_>, PoolView<'_>) -> T) -> Result<T, RpcError> {
        let _unchanged = self.builder.read().await;
        let senders = self.builder.public().senders();
        let nonces: HashMap<Address, u64> = self.builder.nonces(senders).await?;
        let pool = self.builder.public();
        let (executable, queued) = pool.split(&nonces);
        Ok(view(executable, queued))
    }

    pub(crate) async fn txpool_status(&self) -> Result<Value, RpcError> {
        self.split_pool(|executable, queued| json!({"pending": count(&executable), "queued": count(&queued)})).await
    }

    pub(crate) async fn txpool_content(&self) -> Result<Value, RpcError> {
        let full = |view: PoolView<'_>| by_address(view, |transaction| json!(transaction.as_pending()));
        self.split_pool(|executable, queued| json!({"pending": full(executable), "queued": full(queued)})).await
    }

    pub(crate) async fn txpool_content_from(&self, request: &Request) -> Result<Value, RpcError> {
        let account: Address = request.param(0, "an address")?;
        let mine = |mut view: PoolView<'_>| -> Map<String, Value> {
            view.remove(&account)
                .into_iter()
                .flatten()
                .map(|(nonce, transaction)| (nonce.to_string(), json!(transaction.as_pending())))
                .collect()
        };
        self.split_pool(|executable, queued| json!({"pending": mine(executable), "queued": mine(queued)})).await
    }

    pub(crate) async fn txpool_inspect(&self) -> Result<Value, RpcError> {
        let line = |transaction: &SignedTransaction| {
            let to = transaction.envelope.to().map_or_else(|| "contract creation".to_owned(), |to| to.to_string());
            json!(format!(
                "{to}: {} wei + {} gas × {} wei",
                transaction.envelope.value(),
                transaction.gas_limit(),
                transaction.max_fee()
            ))
        };
        self.split_pool(
            |executable, queued| json!({"pending": by_address(executable, line), "queued": by_address(queued, line)}),
        )
        .await
    }

    /// Public transactions that the next block would take if nothing private came first, in its order.
    async fn executable(&self) -> Result<Vec<SignedTransaction>, RpcError> {
        let _unchanged = self.builder.read().await;
        let head = self.builder.node().header("latest").await?;
        let next_base_fee = self.builder.node().header("pending").await?.base_fee();
        let candidates: Vec<Candidate> =
            self.builder.public().by_arrival().into_iter().map(Candidate::public).collect();
        let nonces = self.builder.nonces(senders_of(&candidates)).await?;
        let parent = Parent { timestamp: head.timestamp(), next_base_fee, gas_limit: head.gas_limit.to() };
        let plan = assemble(&candidates, &BTreeSet::new(), &nonces, parent, TimeRequest::default());
        Ok(plan
            .chosen
            .iter()
            .filter_map(|index| candidates.get(*index))
            .flat_map(|candidate| candidate.transactions.clone())
            .collect())
    }

    /// The block to come as the public can know it: the node's empty one with the executable public transactions in it.
    pub(crate) async fn pending_block(&self, request: &Request) -> Result<Value, RpcError> {
        let full = request.optional(1, "whether to return whole transactions")?.unwrap_or(false);
        let transactions: Vec<Value> = self
            .executable()
            .await?
            .iter()
            .map(|t| if full { json!(t.as_pending()) } else { json!(t.hash()) })
            .collect();
        let _unchanged = self.builder.read().await;
        let mut block = self.builder.node().call("eth_getBlockByNumber", json!(["pending", false])).await?;
        if let Some(fields) = block.as_object_mut() {
            fields.insert("transactions".into(), Value::Array(transactions));
            // Not known before the block is built.
            for unknown in ["hash", "nonce", "logsBloom"] {
                fields.insert(unknown.into(), Value::Null);
            }
        }
        Ok(block)
    }

    pub(crate) async fn pending_count(&self) -> Result<Value, RpcError> {
        Ok(json!(U64::from(self.executable().await?.len())))
    }

    pub(crate) async fn pending_by_index(&self, request: &Request) -> Result<Value, RpcError> {
        let index: U64 = request.param(1, "an index")?;
        Ok(self.executable().await?.get(index.to::<usize>()).map_or(Value::Null, |t| json!(t.as_pending())))
    }
}

fn count(view: &PoolView<'_>) -> U64 {
    U64::from(view.values().map(|queue| queue.len()).sum::<usize>())
}

fn by_address(view: PoolView<'_>, show: impl Fn(&SignedTransaction) -> Value) -> Map<String, Value> {
    view.into_iter()
        .map(|(sender, queue)| {
            let transactions: Map<String, Value> =
                queue.into_iter().map(|(nonce, transaction)| (nonce.to_string(), show(transaction))).collect();
            (sender.to_string(), Value::Object(transactions))
        })
        .collect()
}

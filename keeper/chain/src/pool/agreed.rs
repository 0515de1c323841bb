//! What a contract answers, where one endpoint's word is not enough.

use super::{PoolError, RpcPool};
use crate::endpoint::chain_text;
use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use futures::future::join_all;

impl RpcPool {
    /// What a call returns at the newest block on which a quorum agrees, if a quorum returns the same.
    ///
    /// # Errors
    /// As [`Self::head`]; [`PoolError::NoAgreement`] with what each endpoint says.
    pub async fn agreed_call(&self, to: Address, input: Bytes) -> Result<Bytes, PoolError> {
        let head = self.head().await?;
        if let Some(doubt) = head.doubts.first() {
            return Err(PoolError::NoAgreement { said: format!("{doubt:?}") });
        }
        let (request, at) = (TransactionRequest::default().to(to).input(input.into()), BlockId::hash(head.block.hash));
        let asked = self.nodes().enumerate().filter(|(_, node)| node.standing.is_good());
        let answers = join_all(asked.map(async |(index, node)| {
            let answer = node.endpoint.provider.call(request.clone()).block(at).await;
            (index, answer.map_err(|error| chain_text(&error)))
        }))
        .await;
        let said = |answer: &Bytes| answers.iter().filter(|(_, other)| other.as_ref() == Ok(answer)).count();
        let agreed =
            answers.iter().filter_map(|(_, answer)| answer.as_ref().ok()).find(|answer| said(answer) >= self.quorum);
        agreed.cloned().ok_or_else(|| {
            let each = answers.iter().map(|(index, answer)| {
                let answer = answer.as_ref().map_or_else(Clone::clone, ToString::to_string);
                format!("{} says {answer}", self.label(*index))
            });
            PoolError::NoAgreement { said: each.collect::<Vec<_>>().join(", ") }
        })
    }
}

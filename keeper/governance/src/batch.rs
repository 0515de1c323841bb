//! The file format of Safe's Transaction Builder, version 1.0: what its "drag and drop a JSON file" accepts, with the checksum that
//! tells it the file was not edited by hand
//! (<https://github.com/safe-global/safe-wallet-monorepo>, apps/tx-builder).

use alloy::primitives::{Address, B256, keccak256};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The version of the Transaction Builder whose exports these files are like.
const BUILDER_VERSION: &str = "1.18.2";

/// A batch file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    pub version: String,
    pub chain_id: String,
    /// Unix time, milliseconds.
    pub created_at: u64,
    pub meta: Meta,
    pub transactions: Vec<Transaction>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    pub name: String,
    pub description: String,
    pub tx_builder_version: String,
    pub created_from_safe_address: String,
    pub created_from_owner_address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<B256>,
}

/// One call, described so that the wallet can show its arguments: `data` stays empty then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    pub to: String,
    /// Wei.
    pub value: String,
    pub data: Option<String>,
    pub contract_method: ContractMethod,
    pub contract_inputs_values: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractMethod {
    pub inputs: Vec<Input>,
    pub name: String,
    pub payable: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    pub internal_type: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
}

/// A function and its arguments, each (name, type, value); an array is a JSON array in its value.
#[derive(Clone, Debug)]
pub struct Method {
    name: String,
    payable: bool,
    arguments: Vec<(&'static str, &'static str, String)>,
}

impl Method {
    #[must_use]
    pub fn new(name: &str, payable: bool, arguments: Vec<(&'static str, &'static str, String)>) -> Self {
        Self { name: name.into(), payable, arguments }
    }
}

impl Transaction {
    /// A call without value.
    #[must_use]
    pub fn new(to: Address, method: Method) -> Self {
        let input = |&(name, kind, _): &(&str, &str, String)| Input {
            internal_type: kind.to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
        };
        Self {
            to: to.to_string(),
            value: "0".into(),
            data: None,
            contract_method: ContractMethod {
                inputs: method.arguments.iter().map(input).collect(),
                name: method.name,
                payable: method.payable,
            },
            contract_inputs_values: method
                .arguments
                .into_iter()
                .map(|(name, _, value)| (name.to_owned(), value))
                .collect(),
        }
    }
}

impl Batch {
    /// A batch of `safe`, checksum included. `created` is Unix time in seconds.
    #[must_use]
    pub fn new(
        chain_id: u64,
        created: u64,
        safe: Address,
        name: &str,
        description: &str,
        transactions: Vec<Transaction>,
    ) -> Self {
        let mut batch = Self {
            version: "1.0".into(),
            chain_id: chain_id.to_string(),
            created_at: created * 1_000,
            meta: Meta {
                name: name.into(),
                description: description.into(),
                tx_builder_version: BUILDER_VERSION.into(),
                created_from_safe_address: safe.to_string(),
                created_from_owner_address: String::new(),
                checksum: None,
            },
            transactions,
        };
        batch.meta.checksum = Some(batch.checksum());
        batch
    }

    /// Whether the file is as it was written.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.meta.checksum == Some(self.checksum())
    }

    /// Keccak-256 of the file without its checksum and name, objects in the Transaction Builder's own spelling: the sorted keys as an
    /// array, then each value followed by a comma.
    #[must_use]
    pub fn checksum(&self) -> B256 {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(meta) = value.get_mut("meta").and_then(Value::as_object_mut) {
            meta.remove("checksum");
            meta.insert("name".into(), Value::Null);
        }
        keccak256(spelled(&value))
    }
}

fn spelled(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(spelled).collect::<Vec<_>>().join(",")),
        Value::Object(entries) => {
            let mut keys: Vec<&String> = entries.keys().collect();
            keys.sort();
            let names: Vec<Value> = keys.iter().map(|key| Value::from(key.as_str())).collect();
            let values: String = keys.iter().map(|key| format!("{},", spelled(&entries[*key]))).collect();
            format!("{{{}{values}}}", Value::Array(names))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy::primitives::{address, b256};

    /// An approval of 100,000 USDC that was exported by the Transaction Builder itself.
    fn exported() -> Batch {
        let method = Method::new(
            "approve",
            false,
            vec![
                ("spender", "address", "0x474e5Ded6b5D078163BFB8F6dBa355C3aA5478C8".into()),
                ("value", "uint256", "100000000000".into()),
            ],
        );
        let usdc = address!("A0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48");
        let safe = address!("A77DE01e157f9f57C7c4A326eeE9C4874D0598b6");
        let mut batch = Batch::new(1, 0, safe, "Transactions Batch", "", vec![Transaction::new(usdc, method)]);
        batch.created_at = 1_761_326_849_944;
        batch
    }

    // SPEC X6
    #[test]
    fn the_checksum_is_the_transaction_builders() {
        let expected = b256!("8b5032f716845c8b08bab3d63dbd9ba92e056f3557793cd041e59b84e16aa989");
        assert_eq!(exported().checksum(), expected);
    }

    #[test]
    fn any_edit_but_of_the_name_shows() {
        let mut batch = exported();
        batch.meta.checksum = Some(batch.checksum());
        batch.meta.name = "another".into();
        assert!(batch.is_intact());
        let text = serde_json::to_string(&batch).unwrap();
        for (from, to) in
            [("100000000000", "100000000001"), ("\"0\"", "\"1\""), ("approve", "transfer"), ("\"1\"", "\"8453\"")]
        {
            let edited: Batch = serde_json::from_str(&text.replacen(from, to, 1)).unwrap();
            assert!(!edited.is_intact(), "{from} → {to}");
        }
        let same: Batch = serde_json::from_str(&text).unwrap();
        assert!(same.is_intact());
    }
}

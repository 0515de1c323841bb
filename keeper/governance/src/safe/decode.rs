//! What a call does, in words that follow from its bytes alone.

use super::{
    approval::Approved,
    books::{Books, Kind},
    shown::{Shape, duration, shown},
    transaction::Call,
};
use crate::changes::ITimelock;
use alloy::{
    dyn_abi::{DynSolValue, EventExt, FunctionExt, JsonAbiExt},
    json_abi::Function,
    primitives::{Address, B256, Bytes, Log, Selector, U256, hex, keccak256},
    sol_types::{SolCall, SolValue},
};
use ballast_chain::bindings::StrategyHub;
use serde::{Deserialize, Serialize};

/// What is not in the files or has no function that is known, and what cannot be vouched for.
pub const UNKNOWN: &str = "UNKNOWN";

/// One call, decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Effect {
    /// Address and name; the name is [`UNKNOWN`] if the reader's files have none.
    pub target: String,
    /// The function's signature, or [`UNKNOWN`] and the selector.
    pub function: String,
    /// Wei sent along.
    pub value: String,
    pub arguments: Vec<Argument>,
    /// What follows from the call that its arguments do not say.
    pub notes: Vec<String>,
    /// The calls that this one makes later: what an operation of the timelock consists of.
    pub inner: Vec<Effect>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// With unit and names.
    pub value: String,
}

/// A setting that a call replaces: what it is now is read by this call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) target: Address,
    pub(super) kind: Kind,
    pub(super) getter: &'static Function,
    pub(super) data: Bytes,
}

impl Effect {
    /// Everything in it that is unknown.
    #[must_use]
    pub fn unknowns(&self) -> Vec<String> {
        let own = (self.target.contains(UNKNOWN) || self.function.contains(UNKNOWN))
            .then(|| format!("{} on {}", self.function, self.target));
        own.into_iter().chain(self.inner.iter().flat_map(Self::unknowns)).collect()
    }
}

/// Decodes calls by the reader's files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoder<'a> {
    pub(super) books: &'a Books,
    pub(super) safe: Address,
    pub(super) approved: Option<&'a Approved>,
}

impl Decoder<'_> {
    fn kind(&self, address: Address) -> (String, Option<Kind>) {
        match self.books.known(address) {
            Some(known) => (format!("{address} ({})", known.name), Some(known.kind)),
            // The Safe is named by whoever asks for the proposal.
            None if address == self.safe => (format!("{address} (this Safe)"), Some(Kind::Safe)),
            None => (format!("{address} {UNKNOWN}"), None),
        }
    }

    pub(super) fn effect(&self, call: &Call) -> Effect {
        let (target, kind) = self.kind(call.to);
        let mut effect = Effect {
            target,
            function: String::new(),
            value: call.value.to_string(),
            arguments: Vec::new(),
            notes: Vec::new(),
            inner: Vec::new(),
        };
        if call.data.is_empty() {
            effect.function = "plain transfer of ether".into();
            return effect;
        }
        let Some((function, values, kind)) = kind.and_then(|kind| decoded(kind, &call.data)) else {
            effect.function = match call.data.get(..4) {
                Some(selector) => format!("{UNKNOWN} {}", hex::encode_prefixed(selector)),
                None => format!("{UNKNOWN} {}", call.data),
            };
            return effect;
        };
        effect.function = function.signature();
        effect.arguments = function
            .inputs
            .iter()
            .zip(&values)
            .map(|(input, value)| Argument {
                name: input.name.clone(),
                kind: input.selector_type().into_owned(),
                value: shown(value, Shape::of(input), kind, self.books),
            })
            .collect();
        match kind {
            Kind::Timelock => self.operation(call, &mut effect),
            Kind::Hub => self.approval(call, &mut effect),
            Kind::Safe => effect.notes.extend(management(&function.name)),
            _ => {}
        }
        effect
    }

    /// What an operation of the timelock consists of, and its identifier.
    fn operation(&self, call: &Call, effect: &mut Effect) {
        let Some(operation) = Operation::of(&call.data) else { return };
        effect.notes.push(match operation.delay {
            Some(delay) => format!(
                "schedules operation {}: what is below happens only if it is executed, {} from then at the earliest",
                operation.id(),
                duration(delay)
            ),
            None => format!("executes operation {}", operation.id()),
        });
        if operation.calls.is_none() {
            effect.notes.push(format!("{UNKNOWN}: targets, values and payloads are not of one length"));
            effect.function = format!("{UNKNOWN} {}", effect.function);
        }
        effect.inner = operation.calls.iter().flatten().map(|call| self.effect(call)).collect();
    }

    fn approval(&self, call: &Call, effect: &mut Effect) {
        if let Ok(approve) = StrategyHub::approveCall::abi_decode(&call.data) {
            match self.approved.filter(|approved| approved.digest() == approve.digest) {
                Some(approved) => effect.notes.extend(approved.meaning(self.books)),
                None => effect.notes.push(
                    "a digest says nothing by itself: which decision, targets and amounts it is of is in the proposal only if \
                     it was made from the decision record (propose --approve-decision)"
                        .into(),
                ),
            }
        }
    }

    /// The settings that a call replaces, those of an operation included.
    pub(super) fn readings(&self, call: &Call) -> Vec<Reading> {
        let (_, kind) = self.kind(call.to);
        let Some((function, values, kind)) = kind.and_then(|kind| decoded(kind, &call.data)) else {
            return Vec::new();
        };
        if kind == Kind::Timelock
            && let Some(operation) = Operation::of(&call.data)
        {
            return operation.calls.iter().flatten().flat_map(|inner| self.readings(inner)).collect();
        }
        let Some((getter, arguments)) = getter(kind, &function.name) else { return Vec::new() };
        let arguments: Vec<DynSolValue> = arguments.iter().filter_map(|index| values.get(*index).cloned()).collect();
        let data = getter.abi_encode_input(&arguments).ok();
        data.map(|data| Reading { target: call.to, kind, getter, data: data.into() }).into_iter().collect()
    }

    /// An event in words; its address and topic if it is not known.
    pub(super) fn event(&self, log: &Log) -> String {
        let (target, kind) = self.kind(log.address);
        let topic = log.topics().first().copied().unwrap_or_default();
        let known = kind.and_then(|kind| kind.event(topic).map(|event| (event, kind)));
        let Some((event, kind, decoded)) =
            known.and_then(|(event, kind)| event.decode_log(&log.data).ok().map(|decoded| (event, kind, decoded)))
        else {
            return format!("{target}: event {topic}");
        };
        let (mut indexed, mut body) = (decoded.indexed.iter(), decoded.body.iter());
        let fields: Vec<String> = event
            .inputs
            .iter()
            .filter_map(|input| {
                let value = if input.indexed { indexed.next() } else { body.next() }?;
                Some(format!(
                    "{}: {}",
                    input.name,
                    shown(value, Shape::new(&input.name, &input.components), kind, self.books)
                ))
            })
            .collect();
        format!("{target}: {}({})", event.name, fields.join(", "))
    }

    /// What a reading answered.
    pub(super) fn answer(&self, reading: &Reading, data: &[u8]) -> Option<String> {
        let values = reading.getter.abi_decode_output(data).ok()?;
        let shown: Vec<String> = reading
            .getter
            .outputs
            .iter()
            .zip(&values)
            .map(|(output, value)| {
                let name = match (output.name.as_str(), reading.getter.name.as_str()) {
                    ("", "depositCap") => "cap",
                    ("", getter) => getter,
                    (name, _) => name,
                };
                let text = shown(value, Shape::new(name, &output.components), reading.kind, self.books);
                if values.len() == 1 || output.name.is_empty() { text } else { format!("{}: {text}", output.name) }
            })
            .collect();
        Some(shown.join(", "))
    }
}

/// Function and arguments, if the bytes are exactly its canonical encoding.
fn decoded(kind: Kind, data: &[u8]) -> Option<(&'static Function, Vec<DynSolValue>, Kind)> {
    let (selector, arguments) = data.split_first_chunk::<4>()?;
    let function = kind.function(Selector::from(*selector))?;
    let values = function.abi_decode_input(arguments).ok()?;
    (function.abi_encode_input(&values).ok()? == data).then_some((function, values, kind))
}

/// What says how a setting is now, and which of the call's arguments it takes.
fn getter(kind: Kind, setter: &str) -> Option<(&'static Function, &'static [usize])> {
    let (name, arguments): (&str, &[usize]) = match (kind, setter) {
        (Kind::Vault, "setDepositCap") => ("depositCap", &[]),
        (Kind::Vault, "setMaxLoss") => ("maxLossBps", &[]),
        (Kind::Vault, "setDailyLoss") => ("dailyLoss", &[]),
        (Kind::Vault, "setMaxGrowth") => ("maxGrowthBps", &[]),
        (Kind::Vault, "setHub") => ("hub", &[]),
        (Kind::Vault, "setAdapterCap" | "listAdapter" | "listVenue" | "delist") => ("adapterConfig", &[0]),
        (Kind::Hub, "setLimits") => ("limits", &[]),
        (Kind::Hub, "setAttestor") => ("attestor", &[]),
        (Kind::Hub, "setGracePeriod") => ("lastSeen", &[]),
        (Kind::Hub, "setRiskScore") => ("riskScore", &[0]),
        (Kind::Hub, "approve" | "revokeApproval") => ("approvedAt", &[0]),
        (Kind::KillSwitch, "setFeed") => ("feeds", &[0]),
        (Kind::Timelock, "updateDelay") => ("getMinDelay", &[]),
        (Kind::Vault | Kind::Hub | Kind::KillSwitch | Kind::Timelock, "grantRole" | "revokeRole") => {
            ("hasRole", &[0, 1])
        }
        (Kind::Safe, "addOwnerWithThreshold" | "removeOwner" | "changeThreshold") => ("getThreshold", &[]),
        (Kind::Safe, "swapOwner") => ("getOwners", &[]),
        _ => return None,
    };
    Some((kind.function_named(name)?, arguments))
}

fn management(function: &str) -> Option<String> {
    let note = match function {
        "enableModule" => "a module moves everything that the Safe can, without its owners",
        "setGuard" => "a guard can stop every transaction of the Safe",
        "setFallbackHandler" => "the handler answers for the Safe where it is asked for signatures (EIP-1271)",
        "approveHash" => {
            "the Safe approves a hash as an owner of another Safe; what the hash is of cannot be seen here"
        }
        _ => return None,
    };
    Some(note.into())
}

/// An operation of the timelock, scheduled or executed.
struct Operation {
    targets: Vec<Address>,
    values: Vec<U256>,
    payloads: Vec<Bytes>,
    predecessor: B256,
    salt: B256,
    /// Of a schedule.
    delay: Option<U256>,
    /// A single call's identifier is hashed otherwise.
    single: bool,
    /// `None` if the lists do not fit.
    calls: Option<Vec<Call>>,
}

alloy::sol! {
    interface ISingle {
        function schedule(address target, uint256 value, bytes data, bytes32 predecessor, bytes32 salt, uint256 delay) external;
        function execute(address target, uint256 value, bytes payload, bytes32 predecessor, bytes32 salt) external payable;
    }
}

impl Operation {
    fn of(data: &[u8]) -> Option<Self> {
        if let Ok(call) = ITimelock::scheduleBatchCall::abi_decode(data) {
            let lists = (call.targets, call.values, call.payloads);
            return Some(Self::new(lists, call.predecessor, call.salt, Some(call.delay), false));
        }
        if let Ok(call) = ITimelock::executeBatchCall::abi_decode(data) {
            let lists = (call.targets, call.values, call.payloads);
            return Some(Self::new(lists, call.predecessor, call.salt, None, false));
        }
        if let Ok(call) = ISingle::scheduleCall::abi_decode(data) {
            let lists = (vec![call.target], vec![call.value], vec![call.data]);
            return Some(Self::new(lists, call.predecessor, call.salt, Some(call.delay), true));
        }
        let call = ISingle::executeCall::abi_decode(data).ok()?;
        let lists = (vec![call.target], vec![call.value], vec![call.payload]);
        Some(Self::new(lists, call.predecessor, call.salt, None, true))
    }

    fn new(
        (targets, values, payloads): (Vec<Address>, Vec<U256>, Vec<Bytes>),
        predecessor: B256,
        salt: B256,
        delay: Option<U256>,
        single: bool,
    ) -> Self {
        let fits = targets.len() == values.len() && values.len() == payloads.len();
        let calls = fits.then(|| {
            let parts = targets.iter().zip(&values).zip(&payloads);
            parts.map(|((to, value), data)| Call { to: *to, value: *value, data: data.clone() }).collect()
        });
        Self { targets, values, payloads, predecessor, salt, delay, single, calls }
    }

    /// As `hashOperation` and `hashOperationBatch`.
    fn id(&self) -> B256 {
        match (self.single, self.calls.as_deref()) {
            (true, Some([call])) => {
                keccak256((call.to, call.value, call.data.clone(), self.predecessor, self.salt).abi_encode_params())
            }
            _ => {
                let lists = (self.targets.clone(), self.values.clone(), self.payloads.clone());
                keccak256((lists.0, lists.1, lists.2, self.predecessor, self.salt).abi_encode_params())
            }
        }
    }
}

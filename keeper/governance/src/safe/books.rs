//! What the addresses of a proposal are: by the reader's own files, never by the proposal's word.

use crate::{AddressBook, Deployed, FileError, Parameters, Role};
use alloy::{
    json_abi::{Event, Function, JsonAbi},
    primitives::{Address, B256, Selector},
};
use std::{collections::HashMap, path::Path, sync::LazyLock};

const VAULT: &str = include_str!("../../../../abi/Vault.json");
const HUB: &str = include_str!("../../../../abi/StrategyHub.json");
const KILL_SWITCH: &str = include_str!("../../../../abi/KillSwitchManager.json");
const ADAPTERS: [&str; 9] = [
    include_str!("../../../../abi/IAdapter.json"),
    include_str!("../../../../abi/AaveV3Adapter.json"),
    include_str!("../../../../abi/CompoundV3Adapter.json"),
    include_str!("../../../../abi/CurveStableSwapAdapter.json"),
    include_str!("../../../../abi/Erc4626Adapter.json"),
    include_str!("../../../../abi/PendlePtAdapter.json"),
    include_str!("../../../../abi/SwapAdapter.json"),
    include_str!("../../../../abi/UniswapV3LpAdapter.json"),
    include_str!("../../../../abi/OracleSwapper.json"),
];
/// OpenZeppelin's TimelockController 5.7.
const TIMELOCK: [&str; 16] = [
    "function getMinDelay() external view returns (uint256 delay)",
    "function updateDelay(uint256 newDelay) external",
    "function schedule(address target, uint256 value, bytes data, bytes32 predecessor, bytes32 salt, uint256 delay) external",
    "function scheduleBatch(address[] targets, uint256[] values, bytes[] payloads, bytes32 predecessor, bytes32 salt, uint256 delay) external",
    "function execute(address target, uint256 value, bytes payload, bytes32 predecessor, bytes32 salt) external payable",
    "function executeBatch(address[] targets, uint256[] values, bytes[] payloads, bytes32 predecessor, bytes32 salt) external payable",
    "function cancel(bytes32 id) external",
    "function hasRole(bytes32 role, address account) external view returns (bool holds)",
    "function grantRole(bytes32 role, address account) external",
    "function revokeRole(bytes32 role, address account) external",
    "function renounceRole(bytes32 role, address callerConfirmation) external",
    "event CallScheduled(bytes32 indexed id, uint256 indexed index, address target, uint256 value, bytes data, bytes32 predecessor, uint256 delay)",
    "event CallExecuted(bytes32 indexed id, uint256 indexed index, address target, uint256 value, bytes data)",
    "event CallSalt(bytes32 indexed id, bytes32 salt)",
    "event Cancelled(bytes32 indexed id)",
    "event MinDelayChange(uint256 oldDuration, uint256 newDuration)",
];
/// Safe 1.4.1: what manages owners, modules, guard and handler, and its events.
const SAFE: [&str; 22] = [
    "function addOwnerWithThreshold(address owner, uint256 _threshold) external",
    "function removeOwner(address prevOwner, address owner, uint256 _threshold) external",
    "function swapOwner(address prevOwner, address oldOwner, address newOwner) external",
    "function changeThreshold(uint256 _threshold) external",
    "function enableModule(address module) external",
    "function disableModule(address prevModule, address module) external",
    "function setGuard(address guard) external",
    "function setFallbackHandler(address handler) external",
    "function approveHash(bytes32 hashToApprove) external",
    "function getThreshold() external view returns (uint256 threshold)",
    "function getOwners() external view returns (address[] owners)",
    "event ExecutionSuccess(bytes32 indexed txHash, uint256 payment)",
    "event ExecutionFailure(bytes32 indexed txHash, uint256 payment)",
    "event AddedOwner(address indexed owner)",
    "event RemovedOwner(address indexed owner)",
    "event ChangedThreshold(uint256 threshold)",
    "event EnabledModule(address indexed module)",
    "event DisabledModule(address indexed module)",
    "event ChangedGuard(address indexed guard)",
    "event ChangedFallbackHandler(address indexed handler)",
    "event ApproveHash(bytes32 indexed approvedHash, address indexed owner)",
    "event SafeReceived(address indexed sender, uint256 value)",
];
const TOKEN: [&str; 6] = [
    "function approve(address spender, uint256 amount) external returns (bool)",
    "function transfer(address to, uint256 amount) external returns (bool)",
    "function allowance(address owner, address spender) external view returns (uint256 allowance)",
    "function balanceOf(address account) external view returns (uint256 balance)",
    "event Transfer(address indexed from, address indexed to, uint256 value)",
    "event Approval(address indexed owner, address indexed spender, uint256 value)",
];

/// What kind of contract an address is, and so how its calls are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Vault,
    Hub,
    KillSwitch,
    Timelock,
    Safe,
    Adapter,
    /// Amounts have these decimals.
    Token(u8),
    /// Somebody else's contract: its name is known, its calls are not.
    Other,
}

/// A contract that the reader's files know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// The functions and events of one kind of contract.
#[derive(Debug, Default)]
struct Interface {
    functions: HashMap<Selector, Function>,
    events: HashMap<B256, Event>,
}

impl Interface {
    fn of(abis: impl IntoIterator<Item = JsonAbi>) -> Self {
        let mut interface = Self::default();
        for abi in abis {
            interface.functions.extend(abi.functions().map(|function| (function.selector(), function.clone())));
            interface.events.extend(abi.events().map(|event| (event.selector(), event.clone())));
        }
        interface
    }

    fn json(texts: &[&str]) -> Self {
        Self::of(texts.iter().filter_map(|text| serde_json::from_str(text).ok()))
    }

    fn written(lines: &[&str]) -> Self {
        Self::of(JsonAbi::parse(lines.iter().copied()).ok())
    }
}

struct Interfaces {
    vault: Interface,
    hub: Interface,
    kill_switch: Interface,
    timelock: Interface,
    safe: Interface,
    adapter: Interface,
    token: Interface,
}

static INTERFACES: LazyLock<Interfaces> = LazyLock::new(|| Interfaces {
    vault: Interface::json(&[VAULT]),
    hub: Interface::json(&[HUB]),
    kill_switch: Interface::json(&[KILL_SWITCH]),
    timelock: Interface::written(&TIMELOCK),
    safe: Interface::written(&SAFE),
    adapter: Interface::json(&ADAPTERS),
    token: Interface::written(&TOKEN),
});

impl Kind {
    fn interface(self) -> Option<&'static Interface> {
        let all = &*INTERFACES;
        Some(match self {
            Self::Vault => &all.vault,
            Self::Hub => &all.hub,
            Self::KillSwitch => &all.kill_switch,
            Self::Timelock => &all.timelock,
            Self::Safe => &all.safe,
            Self::Adapter => &all.adapter,
            Self::Token(_) => &all.token,
            Self::Other => return None,
        })
    }

    /// The function with this selector.
    pub(super) fn function(self, selector: Selector) -> Option<&'static Function> {
        self.interface()?.functions.get(&selector)
    }

    /// The function of this name, where there is one.
    pub(super) fn function_named(self, name: &str) -> Option<&'static Function> {
        self.interface()?.functions.values().find(|function| function.name == name)
    }

    /// The event with this first topic.
    pub(super) fn event(self, topic: B256) -> Option<&'static Event> {
        self.interface()?.events.get(&topic)
    }
}

/// The files that the reader trusts: a deployment, and where there is one the address book of its chain and the parameter file.
#[derive(Clone, Debug)]
pub struct Books {
    pub(super) deployed: Deployed,
    addresses: Option<AddressBook>,
    parameters: Option<Parameters>,
}

#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the deployment file is of chain {deployed}, the {what} of chain {other}; expected files of one chain")]
    OtherChain { deployed: u64, what: &'static str, other: u64 },
}

impl Books {
    /// Reads the files.
    ///
    /// # Errors
    /// [`BooksError`].
    pub fn load(deployment: &Path, addresses: Option<&Path>, parameters: Option<&Path>) -> Result<Self, BooksError> {
        let deployed = Deployed::load(deployment)?;
        Self::new(
            deployed,
            addresses.map(AddressBook::load).transpose()?,
            parameters.map(Parameters::load).transpose()?,
        )
    }

    /// From files that are read already.
    ///
    /// # Errors
    /// [`BooksError::OtherChain`].
    pub fn new(
        deployed: Deployed,
        addresses: Option<AddressBook>,
        parameters: Option<Parameters>,
    ) -> Result<Self, BooksError> {
        let others = [
            ("address book", addresses.as_ref().map(|book| book.chain_id)),
            ("parameter file", parameters.as_ref().map(|file| file.chain_id)),
        ];
        for (what, other) in others {
            if let Some(other) = other.filter(|other| *other != deployed.chain_id) {
                return Err(BooksError::OtherChain { deployed: deployed.chain_id, what, other });
            }
        }
        Ok(Self { deployed, addresses, parameters })
    }

    /// The deployment.
    #[must_use]
    pub fn deployed(&self) -> &Deployed {
        &self.deployed
    }

    pub(super) fn known(&self, address: Address) -> Option<Known> {
        let deployed = &self.deployed;
        let ours = [
            (deployed.vault, Kind::Vault),
            (deployed.hub, Kind::Hub),
            (deployed.kill_switch, Kind::KillSwitch),
            (deployed.timelock, Kind::Timelock),
            (deployed.governance, Kind::Safe),
            (deployed.emergency, Kind::Safe),
        ];
        if let Some((_, kind)) = ours.into_iter().find(|(known, _)| *known == address) {
            return deployed.name_of(address).map(|name| Known { name: name.into(), kind });
        }
        if let Some(index) = deployed.adapters.iter().position(|adapter| *adapter == address) {
            let venue = self.parameters.as_ref().and_then(|file| file.venues.get(index));
            let name = venue.map_or_else(|| format!("position {}", index + 1), |venue| venue.name.clone());
            return Some(Known { name, kind: Kind::Adapter });
        }
        if let Some((part, name, entry)) =
            self.addresses.iter().flat_map(AddressBook::entries).find(|(_, _, entry)| entry.address.is(address))
        {
            let kind = match (part, entry.decimals) {
                ("tokens", Some(decimals)) => Kind::Token(decimals),
                _ => Kind::Other,
            };
            return Some(Known { name: name.clone(), kind });
        }
        let file = self.parameters.as_ref()?;
        let people = [(file.keeper, "keeper"), (file.attestor, "attestor")];
        people
            .into_iter()
            .find(|(written, _)| written.is(address))
            .map(|(_, name)| Known { name: name.into(), kind: Kind::Other })
    }

    /// The address, with its name where the files know one.
    pub(super) fn called(&self, address: Address) -> String {
        match self.known(address) {
            Some(known) => format!("{address} ({})", known.name),
            None => address.to_string(),
        }
    }
}

/// A role by its name.
pub(super) fn role(value: B256) -> String {
    Role(value).to_string()
}

//! Revert data as a person reads it: `CooldownActive(nextAllowed: 123)`.

use alloy::{
    dyn_abi::{DynSolValue, JsonAbiExt},
    hex,
    json_abi::{Error, JsonAbi},
    primitives::Selector,
    sol_types::{Panic, Revert, SolError},
};
use std::{collections::HashMap, sync::LazyLock};

const OWN_ABIS: [&str; 5] = [
    include_str!("../../../abi/Vault.json"),
    include_str!("../../../abi/StrategyHub.json"),
    include_str!("../../../abi/KillSwitchManager.json"),
    include_str!("../../../abi/IAdapter.json"),
    include_str!("../../../abi/SidePocket.json"),
];

/// Errors of the protocols behind the adapters that a move can run into: Aave V3.6 (`Errors.sol`), MetaMorpho (`ErrorsLib.sol`),
/// Circle's and OpenZeppelin's tokens. Morpho Blue reverts with strings.
const PROTOCOL_ERRORS: [&str; 20] = [
    "error CallerMustBePool()",
    "error InvalidAmount()",
    "error ReserveInactive()",
    "error ReserveFrozen()",
    "error ReservePaused()",
    "error SupplyCapExceeded()",
    "error NotEnoughAvailableUserBalance()",
    "error AssetNotListed()",
    "error AllCapsReached()",
    "error NotEnoughLiquidity()",
    "error SupplyCapExceeded(bytes32 id)",
    "error MarketNotEnabled(bytes32 id)",
    "error UnauthorizedMarket(bytes32 id)",
    "error MathOverflowedMulDiv()",
    "error AddressInsufficientBalance(address account)",
    "error AddressEmptyCode(address target)",
    "error FailedInnerCall()",
    "error FeedReverting()",
    "error AssetMismatch(address venueAsset, address vaultAsset)",
    "error SafeERC20FailedOperation(address token)",
];

static KNOWN: LazyLock<HashMap<Selector, Error>> = LazyLock::new(|| {
    let own = OWN_ABIS.iter().filter_map(|text| serde_json::from_str::<JsonAbi>(text).ok());
    let protocols = JsonAbi::parse(PROTOCOL_ERRORS).ok();
    own.chain(protocols)
        .flat_map(|abi| abi.errors().cloned().collect::<Vec<_>>())
        .map(|error| (error.selector(), error))
        .collect()
});

/// Describes what a call reverted with: a known custom error with its arguments, a revert string, a panic, or the raw selector.
#[must_use]
pub fn describe(data: &[u8]) -> String {
    if data.is_empty() {
        return "reverted without a reason".into();
    }
    if let Ok(Revert { reason }) = Revert::abi_decode(data) {
        return reason;
    }
    if let Ok(panic) = Panic::abi_decode(data) {
        return panic
            .kind()
            .map_or_else(|| format!("panic {:#x}", panic.code), |kind| format!("panic {:#04x}: {kind}", panic.code));
    }
    let Some((selector, arguments)) = data.split_first_chunk::<4>() else {
        return format!("reverted with {}", hex::encode_prefixed(data));
    };
    let Some(error) = KNOWN.get(selector) else {
        return format!("unknown error {} with {} bytes of arguments", hex::encode_prefixed(selector), arguments.len());
    };
    match error.abi_decode_input(arguments) {
        Ok(values) => {
            let named: Vec<String> = error
                .inputs
                .iter()
                .zip(&values)
                .map(
                    |(input, value)| {
                        if input.name.is_empty() { text(value) } else { format!("{}: {}", input.name, text(value)) }
                    },
                )
                .collect();
            format!("{}({})", error.name, named.join(", "))
        }
        Err(_) => format!("{}(malformed arguments {})", error.name, hex::encode_prefixed(arguments)),
    }
}

fn text(value: &DynSolValue) -> String {
    let list = |values: &[DynSolValue]| values.iter().map(text).collect::<Vec<_>>().join(", ");
    match value {
        DynSolValue::Bool(value) => value.to_string(),
        DynSolValue::Int(value, _) => value.to_string(),
        DynSolValue::Uint(value, _) => value.to_string(),
        DynSolValue::Address(value) => value.to_string(),
        DynSolValue::String(value) => format!("{value:?}"),
        DynSolValue::Bytes(value) => hex::encode_prefixed(value),
        DynSolValue::FixedBytes(value, size) => hex::encode_prefixed(value.get(..*size).unwrap_or(value.as_slice())),
        DynSolValue::Function(value) => value.to_string(),
        DynSolValue::Array(values) | DynSolValue::FixedArray(values) => format!("[{}]", list(values)),
        DynSolValue::Tuple(values) | DynSolValue::CustomStruct { tuple: values, .. } => format!("({})", list(values)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::bindings::{StrategyHub, Vault};
    use alloy::primitives::{Address, U256};

    #[test]
    fn every_abi_and_every_listed_error_is_known() {
        let own: usize =
            OWN_ABIS.iter().map(|text| serde_json::from_str::<JsonAbi>(text).unwrap().errors().count()).sum();
        assert!(own > 40);
        assert_eq!(JsonAbi::parse(PROTOCOL_ERRORS).unwrap().errors().count(), PROTOCOL_ERRORS.len());
        for text in OWN_ABIS {
            for error in serde_json::from_str::<JsonAbi>(text).unwrap().errors() {
                assert!(KNOWN.contains_key(&error.selector()), "{}", error.name);
            }
        }
    }

    #[test]
    fn custom_errors_are_named_with_their_arguments() {
        let cooldown = StrategyHub::CooldownActive { nextAllowed: U256::from(123) }.abi_encode();
        assert_eq!(describe(&cooldown), "CooldownActive(nextAllowed: 123)");
        let paused = Vault::EnforcedPause {}.abi_encode();
        assert_eq!(describe(&paused), "EnforcedPause()");
        let reason = StrategyHub::NotOperational { reason: "Oracle failure detected".into() }.abi_encode();
        assert_eq!(describe(&reason), "NotOperational(reason: \"Oracle failure detected\")");
        let adapter = Vault::VenueUnreadable { adapter: Address::repeat_byte(0x11) }.abi_encode();
        assert_eq!(describe(&adapter), "VenueUnreadable(adapter: 0x1111111111111111111111111111111111111111)");
    }

    #[test]
    fn strings_and_panics_are_said_plainly() {
        assert_eq!(describe(&Revert::from("insufficient liquidity").abi_encode()), "insufficient liquidity");
        let overflow = Panic::from(alloy::sol_types::PanicKind::UnderOverflow).abi_encode();
        assert_eq!(describe(&overflow), "panic 0x11: arithmetic underflow or overflow");
    }

    #[test]
    fn what_is_not_known_is_shown_as_it_is() {
        assert_eq!(describe(&[]), "reverted without a reason");
        assert_eq!(describe(&[1, 2]), "reverted with 0x0102");
        assert_eq!(describe(&[0xde, 0xad, 0xbe, 0xef, 0]), "unknown error 0xdeadbeef with 1 bytes of arguments");
        let mut short = StrategyHub::CooldownActive::SELECTOR.to_vec();
        short.push(7);
        assert_eq!(describe(&short), "CooldownActive(malformed arguments 0x07)");
    }
}

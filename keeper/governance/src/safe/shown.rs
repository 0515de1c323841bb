//! Values as a person reads them: amounts and times with their units, addresses and roles with their names.

use super::books::{Books, Kind, role};
use alloy::{
    dyn_abi::DynSolValue,
    json_abi::Param,
    primitives::{B256, U256, hex},
};
use ballast_types::Assets;

const SECONDS: [&str; 8] =
    ["delay", "newDelay", "grace", "heartbeat", "cooldown", "cooldownPeriod", "oldDuration", "newDuration"];
/// Amounts of the vault's asset among the arguments of Ballast's own contracts.
const AMOUNTS: [&str; 8] = ["cap", "assets", "minOut", "minAssets", "received", "turnover", "threshold", "nav"];
const UNIX_TIMES: [&str; 2] = ["expiry", "time"];

/// Shows one value of a call, an event or an answer by the name and type of its parameter.
pub(super) fn shown(value: &DynSolValue, parameter: Shape<'_>, kind: Kind, books: &Books) -> String {
    match value {
        DynSolValue::Address(address) => books.called(*address),
        DynSolValue::Uint(number, _) => format!("{number}{}", unit(*number, parameter.name, kind)),
        DynSolValue::Int(number, _) => number.to_string(),
        DynSolValue::Bool(yes) => yes.to_string(),
        DynSolValue::FixedBytes(word, 32) if parameter.name == "role" => format!("{} ({})", role(*word), hash(*word)),
        DynSolValue::FixedBytes(word, size) => hex::encode_prefixed(&word[..*size]),
        DynSolValue::Bytes(bytes) => hex::encode_prefixed(bytes),
        DynSolValue::String(text) => format!("{text:?}"),
        DynSolValue::Array(items) | DynSolValue::FixedArray(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(item, parameter, kind, books)).collect();
            format!("[{}]", items.join(", "))
        }
        DynSolValue::Tuple(fields) | DynSolValue::CustomStruct { tuple: fields, .. } => {
            let fields: Vec<String> = fields
                .iter()
                .enumerate()
                .map(|(i, field)| {
                    let shape = parameter.components.get(i).map_or(Shape::UNNAMED, Shape::of);
                    format!("{}: {}", shape.name, shown(field, shape, kind, books))
                })
                .collect();
            format!("({})", fields.join(", "))
        }
        DynSolValue::Function(function) => function.to_string(),
    }
}

/// Name and components of a parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape<'a> {
    pub(super) name: &'a str,
    components: &'a [Param],
}

impl<'a> Shape<'a> {
    const UNNAMED: Shape<'static> = Shape { name: "", components: &[] };

    pub(super) fn of(parameter: &'a Param) -> Self {
        Self { name: &parameter.name, components: &parameter.components }
    }

    pub(super) const fn new(name: &'a str, components: &'a [Param]) -> Self {
        Self { name, components }
    }
}

fn hash(word: B256) -> String {
    word.to_string()
}

fn unit(number: U256, name: &str, kind: Kind) -> String {
    let ours = matches!(kind, Kind::Vault | Kind::Hub | Kind::KillSwitch | Kind::Adapter);
    match (name, kind) {
        ("bpsPerYear", _) => " bps a year".into(),
        ("approvalFloor", _) => " whole units of the asset".into(),
        (name, _) if name == "bps" || name.ends_with("Bps") => " bps".into(),
        (name, _) if SECONDS.contains(&name) => format!(" s ({})", duration(number)),
        (name, _) if UNIX_TIMES.contains(&name) => " (Unix time)".into(),
        // The switch's thresholds are not amounts.
        (name, _) if ours && kind != Kind::KillSwitch && AMOUNTS.contains(&name) => match u128::try_from(number) {
            Ok(amount) => format!(" base units ({} USDC)", Assets(amount)),
            Err(_) => " base units (without limit)".into(),
        },
        ("amount" | "value" | "allowance" | "balance", Kind::Token(decimals)) => {
            format!(" base units ({})", with_decimals(number, decimals))
        }
        _ => String::new(),
    }
}

fn with_decimals(number: U256, decimals: u8) -> String {
    if number == U256::MAX {
        return "without limit".into();
    }
    let digits = format!("{number:0>width$}", number = number.to_string(), width = usize::from(decimals) + 1);
    let (whole, part) = digits.split_at(digits.len() - usize::from(decimals));
    if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
}

/// Seconds in the largest unit that divides them, or hours with what is left.
pub(super) fn duration(seconds: U256) -> String {
    let seconds: u64 = seconds.saturating_to();
    match seconds {
        s if s != 0 && s % 86_400 == 0 => format!("{} days", s / 86_400),
        s if s != 0 && s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s != 0 && s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{} h {} min {} s", s / 3_600, s % 3_600 / 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_times_carry_their_units() {
        let number = U256::from(500_000_000_000_u64);
        assert_eq!(unit(number, "cap", Kind::Vault), " base units (500000.000000 USDC)");
        assert_eq!(unit(U256::MAX, "cap", Kind::Vault), " base units (without limit)");
        assert_eq!(unit(number, "amount", Kind::Token(18)), " base units (0.000000500000000000)");
        assert_eq!(unit(number, "amount", Kind::Token(0)), " base units (500000000000)");
        assert_eq!(unit(U256::from(259_200), "newDelay", Kind::Timelock), " s (3 days)");
        assert_eq!(unit(U256::from(60), "bps", Kind::Vault), " bps");
        assert_eq!(unit(U256::from(3_725), "grace", Kind::Hub), " s (1 h 2 min 5 s)");
        assert_eq!(unit(U256::from(7), "threshold", Kind::KillSwitch), "");
    }
}

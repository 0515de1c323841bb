//! How values are written in a proposal: addresses with their checksum, numbers in decimal, so that a person can compare them.

/// An address with its EIP-55 checksum; any other spelling is refused.
pub(super) mod checksummed {
    use alloy::primitives::Address;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::safe) fn serialize<S: Serializer>(address: &Address, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&address.to_checksum(None))
    }

    pub(in crate::safe) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }

    pub(in crate::safe) fn parse(text: &str) -> Result<Address, String> {
        Address::parse_checksummed(text, None).map_err(|_| match text.parse::<Address>() {
            Ok(address) => {
                format!("{text} has a wrong checksum (EIP-55), expected {address} if no digit is mistyped")
            }
            Err(_) => format!("{text:?} is not an address"),
        })
    }
}

/// A list of such addresses.
pub(super) mod checksummed_list {
    use super::checksummed::parse;
    use alloy::primitives::Address;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::safe) fn serialize<S: Serializer>(list: &[Address], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|address| address.to_checksum(None)))
    }

    pub(in crate::safe) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Address>, D::Error> {
        let list = Vec::<String>::deserialize(deserializer)?;
        list.iter().map(|text| parse(text).map_err(D::Error::custom)).collect()
    }
}

/// An unsigned 256-bit number in decimal digits without leading zeros.
pub(super) mod decimal {
    use alloy::primitives::U256;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::safe) fn serialize<S: Serializer>(value: &U256, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_string())
    }

    pub(in crate::safe) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U256, D::Error> {
        let text = String::deserialize(deserializer)?;
        match U256::from_str_radix(&text, 10) {
            Ok(value) if value.to_string() == text => Ok(value),
            _ => Err(D::Error::custom(format!("{text:?} is not a number in decimal digits"))),
        }
    }
}

//! An address as a person writes it.

use alloy::primitives::Address;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// An address written with the checksum of [EIP-55](https://eips.ethereum.org/EIPS/eip-55), or the empty string where it is still
/// to be filled in. An address in any other spelling is refused: a mistyped digit would go unnoticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written(pub Option<Address>);

impl Written {
    /// Whether it is filled in with this address.
    #[must_use]
    pub fn is(self, address: Address) -> bool {
        self.0 == Some(address)
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(Self(None));
        }
        match Address::parse_checksummed(&text, None) {
            Ok(address) if address.is_zero() => Err(D::Error::custom("the zero address is nobody's")),
            Ok(address) => Ok(Self(Some(address))),
            Err(_) => Err(D::Error::custom(match text.parse::<Address>() {
                Ok(address) => {
                    format!("{text} has a wrong checksum (EIP-55), expected {address} if no digit is mistyped")
                }
                Err(_) => format!("{text:?} is not an address"),
            })),
        }
    }
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(address) => serializer.serialize_str(&address.to_checksum(None)),
            None => serializer.serialize_str(""),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<Written, String> {
        serde_json::from_value(text.into()).map_err(|error| error.to_string())
    }

    #[test]
    fn only_the_checksummed_spelling_is_read() {
        let right = "0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2";
        assert_eq!(read(right).unwrap().0.unwrap().to_string(), right);
        assert_eq!(read("").unwrap(), Written(None));
        for wrong in [right.to_lowercase(), right.replace("0x8", "0x9"), right.to_uppercase().replace("0X", "0x")] {
            assert!(read(&wrong).unwrap_err().contains("checksum"), "{wrong}");
        }
        assert!(read("0x12").unwrap_err().contains("is not an address"));
        assert!(read(&Address::ZERO.to_string()).unwrap_err().contains("zero address"));
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        for text in ["", "0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2"] {
            assert_eq!(serde_json::to_value(read(text).unwrap()).unwrap(), text);
        }
    }
}

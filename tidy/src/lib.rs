//! The rules of the house, as tests: sizes, folders, pure code, words, commits, and what ARCHITECTURE.md names.
//!
//! They read the sources as text, which rustfmt has laid out. What does not keep to a rule is listed in `exempt.rs` with its
//! reason; the lists only shrink.

#![cfg(test)]

mod architecture;
mod commits;
mod exempt;
mod folders;
mod purity;
mod run_folder;
mod sizes;
mod sources;
mod types;
mod words;

//! Usage against charging: what the UE side knows it used, and what the network side charged for.
//!
//! No run plays sessions yet, so there is only the account that a run's summary shows: empty, and said to be.

mod account;

pub use account::Account;

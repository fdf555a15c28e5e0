//! Where the program meets the world: text from outside, before it is shown ([`text`]), and files that are ours alone
//! ([`files`]), and the memory that there is ([`memory`]).

pub mod files;
pub mod memory;
pub mod text;

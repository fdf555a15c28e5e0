//! The core of a run, called with invented time: no socket, no file, no sleep.

mod bench;
mod fleet;
mod restart;

//! The first frame of each side: which versions it speaks. It never changes, so that any version can read it.

/// What one side says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The oldest version of the messages that this side speaks.
    pub oldest: u16,
    /// The newest one.
    pub newest: u16,
    /// The program and its version, for people.
    pub program: String,
}

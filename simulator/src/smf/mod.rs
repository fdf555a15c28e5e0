//! The SMF: PDU sessions of UEs (TS 24.501 §6, TS 23.502 §4.3), with the user plane and the charging of each.

use crate::{Chf, Upf};

/// Whom the SMF tells of sessions, synchronously: N4 and Nchf are not on the wire here.
pub struct Planes<'a> {
    /// The user plane.
    pub upf: &'a mut Upf,
    /// The charging function.
    pub chf: &'a mut Chf,
}

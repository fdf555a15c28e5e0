//! Why a UE asks for an RRC connection.

/// Why the UE asks for an RRC connection (TS 38.331 §6.2.2 `EstablishmentCause`, TS 24.501 Table 4.5.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EstablishmentCause {
    /// Signalling that the UE began.
    MoSignalling,
    /// Data that the UE has to send.
    MoData,
    /// The answer to paging.
    MtAccess,
}

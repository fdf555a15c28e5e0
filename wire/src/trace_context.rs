//! Which trace a run belongs to (W3C Trace Context, level 1): that of the pipeline that began it, or one of its own.

use ring::hmac;
use serde::{Deserialize, Serialize};

/// The number of a trace: what all spans and logs of a run have in common.
pub type TraceId = [u8; 16];

/// What a pipeline says of the span in which it began a run: the header `traceparent`, which pipelines put into `TRACEPARENT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceParent {
    /// The pipeline's trace.
    pub trace_id: TraceId,
    /// Its span that began the run.
    pub span_id: [u8; 8],
    /// Whether the pipeline keeps its own spans.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads `00-TRACE-SPAN-FLAGS` (§3.2); of a later version the same parts are read. `None`: it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let [version] = octets(parts.next()?)?;
        let trace_id = octets(parts.next()?)?;
        let span_id = octets(parts.next()?)?;
        let [flags] = octets(parts.next()?)?;
        let is_whole = version != 0 || parts.next().is_none();
        let is_one = version != 0xff && is_whole && trace_id != [0; 16] && span_id != [0; 8];
        is_one.then_some(Self { trace_id, span_id, sampled: flags & 1 != 0 })
    }
}

/// The trace of a run that no pipeline began: the same after a restart of its coordinator, and nobody else's.
pub fn trace_of(run_key: &[u8; 32]) -> TraceId {
    let drawn = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, run_key), b"roamstorm trace");
    let mut id = [0; 16];
    id.copy_from_slice(&drawn.as_ref()[..16]);
    id
}

/// Lowercase hexadecimal digits, two an octet, and no more.
fn octets<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut octets = [0; N];
    let is_lowercase = !text.bytes().any(|digit| digit.is_ascii_uppercase());
    (is_lowercase && hex::decode_to_slice(text, &mut octets).is_ok()).then_some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parent_is_read_as_the_specification_writes_it() {
        let parent = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        assert_eq!(hex::encode(parent.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(hex::encode(parent.span_id), "00f067aa0ba902b7");
        assert!(parent.sampled);
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-what-comes-later";
        assert!(!TraceParent::parse(later).unwrap().sampled);
        for wrong in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47366-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_run_has_a_trace_of_its_own() {
        assert_eq!(trace_of(&[7; 32]), trace_of(&[7; 32]));
        assert_ne!(trace_of(&[7; 32]), trace_of(&[8; 32]));
    }
}

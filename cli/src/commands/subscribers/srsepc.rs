//! srsepc: a line of user_db.csv.

use scenarios::Subscriber;

use super::{FIRST_SQN, amf_field};

/// Name, authentication, IMSI, key, OP type, OP or OPc, AMF, SQN, QCI, address allocation.
pub(super) fn line(subscriber: &Subscriber) -> String {
    let (imsi, k, amf) = (subscriber.imsi, subscriber.k, amf_field(subscriber));
    let (kind, operator) = match subscriber.op {
        Some(op) => ("op", op),
        None => ("opc", subscriber.opc),
    };
    format!("ue{},mil,{imsi},{k},{kind},{operator},{amf},{FIRST_SQN:012x},9,dynamic", subscriber.index + 1)
}

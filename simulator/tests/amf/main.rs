//! The AMF against a UE and a gNB that share nothing with it but the codecs.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "a test needs some instant to start from")]

mod bench;
mod criticality;
#[path = "../../../criticality/tests/damage/mod.rs"]
mod damage;
mod deregistration;
mod final_volumes;
mod gnb;
mod handover;
mod interleaving;
mod judged_by_others;
mod judgement;
mod mobility;
mod mutation;
mod ran;
mod registration;
mod service;
mod sessions;
mod subscriber;
mod ue;

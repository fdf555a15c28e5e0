//! NAS security mode control, UE side (TS 24.501 §5.4.2).

use oxirush_nas::nas_5gs::{
    Nas5gsMessage, NasFGmmCause, NasFGsMobileIdentity, NasMessageContainer, NasSecurityModeCommand,
    NasSecurityModeComplete, NasSecurityModeReject,
};
use oxirush_security::nas_5gs::KAmf;
use oxirush_security::{CipheringAlgorithm, IntegrityAlgorithm};

use super::identification;
use crate::common::nas_security::{Header, NasContext};
use crate::common::timers::Timer;
use crate::device::UeAction;
use crate::nas5g::attempt::{Running, Slot};
use crate::nas5g::ue::Ue;
use crate::outcome::Cause;
use crate::settings::UeSettings;

/// 5GMM cause #23: UE security capabilities mismatch.
const CAPABILITIES_MISMATCH: u8 = 23;
/// 5GMM cause #24: security mode rejected, unspecified.
const UNSPECIFIED: u8 = 24;

/// Why a SECURITY MODE COMMAND is not taken.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// It is answered with a SECURITY MODE REJECT of this 5GMM cause.
    Rejected(u8),
    /// Its COUNT was used before, or its MAC under the current context is wrong: it is discarded (§4.4.3.2).
    Replayed,
}

/// The context that a SECURITY MODE COMMAND takes into use, or why it is refused (§5.4.2.3, §5.4.2.5).
///
/// `octets` is the whole protected message, `pending` the ngKSI and KAMF of an authentication that no command has taken
/// into use yet.
fn judge(
    octets: &[u8],
    command: &NasSecurityModeCommand,
    settings: &UeSettings,
    current: Option<&NasContext>,
    pending: Option<(u8, &KAmf)>,
) -> Result<NasContext, Refusal> {
    let algorithms = command.selected_nas_security_algorithms.value;
    let (nea, nia) = (algorithms >> 4, algorithms & 0x0f);
    // Deviation: NIA0 is accepted where the settings list it, for cores that run without integrity in a lab. TS 24.501
    // §5.4.2.3 has it for emergency services alone.
    if !settings.integrity.contains(&nia) || !settings.ciphering.contains(&nea) {
        return Err(Refusal::Rejected(CAPABILITIES_MISMATCH));
    }
    let integrity =
        IntegrityAlgorithm::try_from(nia).map_err(|_| Refusal::Rejected(CAPABILITIES_MISMATCH))?;
    let ciphering =
        CipheringAlgorithm::try_from(nea).map_err(|_| Refusal::Rejected(CAPABILITIES_MISMATCH))?;
    let ng_ksi = command.ngksi.value & 0x0f;
    let fresh = pending.is_some_and(|(pending, _)| pending == ng_ksi);
    let mut context = match (pending, current) {
        (Some((_, k_amf)), _) if fresh => NasContext::fresh(k_amf, ng_ksi, integrity, ciphering),
        (_, Some(current)) if current.ng_ksi() == ng_ksi => current.with_algorithms(integrity, ciphering),
        _ => return Err(Refusal::Rejected(UNSPECIFIED)),
    };
    if context.unprotect(octets).is_none() {
        return Err(if fresh { Refusal::Rejected(UNSPECIFIED) } else { Refusal::Replayed });
    }
    // The replayed capabilities are judged once the MAC is right: a difference is a bidding down attack.
    if command.replayed_ue_security_capabilities.value.as_slice() != capability(settings).as_slice() {
        return Err(Refusal::Rejected(CAPABILITIES_MISMATCH));
    }
    Ok(context)
}

/// SECURITY MODE COMPLETE (TS 24.501 §8.2.26). `initial` is the complete initial NAS message that the network asks for,
/// or has seen the cleartext IEs of alone (§4.4.6).
fn complete(imeisv: Option<NasFGsMobileIdentity>, initial: Option<Vec<u8>>) -> NasSecurityModeComplete {
    let mut message = NasSecurityModeComplete::new();
    if let Some(imeisv) = imeisv {
        message.set_imeisv(imeisv);
    }
    if let Some(initial) = initial {
        message.set_nas_message_container(NasMessageContainer::new(initial));
    }
    message
}

/// SECURITY MODE REJECT (TS 24.501 §8.2.27).
fn reject(cause: u8) -> NasSecurityModeReject {
    NasSecurityModeReject::new(NasFGmmCause::new(cause))
}

/// The UE security capability that the settings announce (TS 24.501 §9.11.3.54): a bit for each algorithm, from the left.
pub(crate) fn capability(settings: &UeSettings) -> [u8; 2] {
    let bits =
        |algorithms: &[u8]| algorithms.iter().filter(|&&n| n < 8).fold(0u8, |octet, &n| octet | 0x80 >> n);
    [bits(&settings.ciphering), bits(&settings.integrity)]
}

/// SECURITY MODE COMMAND (TS 24.501 §5.4.2): `octets` is the whole protected message.
pub(crate) fn commanded(slot: &mut Slot, octets: &[u8], command: &NasSecurityModeCommand, ue: &mut Ue<'_>) {
    let pending = ue.mm.authentication.as_ref().and_then(|state| state.keys());
    match judge(octets, command, ue.settings, ue.mm.context.as_ref(), pending) {
        Ok(taken) => {
            ue.mm.context = Some(taken);
            ue.mm.secured = true;
            ue.mm.authentication = None;
            for timer in [Timer::T3516, Timer::T3520] {
                ue.stop(timer);
            }
            slot.resume(ue);
            let wanted = command.imeisv_request.as_ref().is_some_and(|request| request.value & 7 == 1);
            let imeisv = wanted.then(|| identification::imeisv(ue.usim.subscriber.imsi)).flatten();
            let again = command.additional_5g_security_information.as_ref().is_some_and(|info| info.rinmr());
            let (initial, unprotected) = slot.running().map_or((&[][..], false), Running::initial_message);
            let initial = ((unprotected || again) && !initial.is_empty()).then(|| initial.to_vec());
            let complete = Nas5gsMessage::new_5gmm(complete(imeisv, initial));
            let header = Header::IntegrityAndCipheringWithNewContext;
            let context = ue.mm.context.as_mut();
            if let Some(nas) = context.and_then(|current| current.protect(&complete, header)) {
                ue.out.push(UeAction::Uplink(nas));
            }
        }
        Err(Refusal::Rejected(cause)) => {
            if let Some(attempt) = slot.attempt() {
                attempt.refused = Some(Cause::SecurityModeRefused(cause));
            }
            ue.send(reject(cause));
        }
        // §4.4.3.2: a COUNT is accepted once.
        Err(Refusal::Replayed) => ue.unexpected("nas-replay"),
    }
}

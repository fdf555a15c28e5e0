//! Which slices a UE gets (TS 24.501 §5.5.1.2.4, TS 23.501 §5.15.5.2).

use identity::Snssai;
use oxirush_nas::nas_5gs::{NasNssai, NasRejectedNssai, NasSNssai, RejectedNssaiCause};

use super::settings::AmfSettings;

/// A set of the slices that the AMF serves: bit n stands for the n-th of its settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SliceSet(u64);

impl SliceSet {
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn of(self, served: &[Snssai]) -> impl Iterator<Item = Snssai> {
        served
            .iter()
            .take(AmfSettings::MAX_SLICES)
            .enumerate()
            .filter(move |(position, _)| self.0 >> position & 1 == 1)
            .map(|(_, slice)| *slice)
    }

    /// The allowed NSSAI as an IE. `None` when it is empty.
    pub(super) fn to_nssai(self, served: &[Snssai]) -> Option<NasNssai> {
        let slices: Vec<_> =
            self.of(served).map(|slice| NasSNssai::from_sst_sd(slice.sst, slice.sd)).collect();
        NasNssai::from_snssais(&slices).ok()
    }
}

/// The outcome of slice selection.
pub(super) struct Selection {
    pub(super) allowed: SliceSet,
    /// Requested and not served, or not subscribed.
    pub(super) rejected: Vec<Snssai>,
}

impl Selection {
    /// What is requested, served, supported where the UE is, and subscribed is allowed; who requests nothing gets what is
    /// subscribed.
    pub(super) fn new(
        served: &[Snssai],
        supported: &[Snssai],
        subscribed: Option<&[Snssai]>,
        requested: &[Snssai],
    ) -> Self {
        let may = |slice: &Snssai| {
            supported.contains(slice) && subscribed.is_none_or(|subscribed| subscribed.contains(slice))
        };
        let wants = |slice: &Snssai| requested.is_empty() || requested.contains(slice);
        let mut allowed = SliceSet::default();
        let mut count = 0;
        for (position, slice) in served.iter().take(AmfSettings::MAX_SLICES).enumerate() {
            if may(slice) && wants(slice) && count < MAX_ALLOWED {
                allowed.0 |= 1 << position;
                count += 1;
            }
        }
        let granted: Vec<_> = allowed.of(served).collect();
        let rejected = requested.iter().filter(|slice| !granted.contains(slice)).take(MAX_ALLOWED).copied();
        Self { allowed, rejected: rejected.collect() }
    }

    /// The rejected NSSAI as an IE, with the cause that they are not available in the PLMN. `None` when empty.
    pub(super) fn rejected_nssai(&self) -> Option<NasRejectedNssai> {
        let slices: Vec<_> =
            self.rejected.iter().map(|slice| NasSNssai::from_sst_sd(slice.sst, slice.sd)).collect();
        let entries: Vec<_> =
            slices.iter().map(|slice| (RejectedNssaiCause::NotAvailableInPlmnOrSnpn, slice)).collect();
        NasRejectedNssai::from_entries(&entries).ok()
    }
}

/// The slices of a NSSAI that a UE sent; one that is malformed counts as empty.
pub(super) fn requested(nssai: Option<&NasNssai>) -> Vec<Snssai> {
    let entries = nssai.map(NasNssai::parse_all).unwrap_or_default();
    entries.iter().take(MAX_ALLOWED).map(|entry| Snssai { sst: entry.sst, sd: entry.sd }).collect()
}

/// TS 24.501 §9.11.3.37: a requested, allowed or rejected NSSAI has up to eight entries.
const MAX_ALLOWED: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(sst: u8) -> Snssai {
        Snssai { sst, sd: None }
    }

    #[test]
    fn a_slice_is_allowed_when_served_subscribed_and_requested() {
        let served = [slice(1), slice(2), slice(3)];
        let selection =
            Selection::new(&served, &served, Some(&[slice(1), slice(2)]), &[slice(2), slice(3), slice(9)]);
        assert_eq!(selection.allowed.of(&served).collect::<Vec<_>>(), [slice(2)]);
        assert_eq!(selection.rejected, [slice(3), slice(9)]);
    }

    #[test]
    fn who_requests_nothing_gets_what_is_subscribed() {
        let served = [slice(1), slice(2)];
        let selection = Selection::new(&served, &served, Some(&[slice(2)]), &[]);
        assert_eq!(selection.allowed.of(&served).collect::<Vec<_>>(), [slice(2)]);
        assert!(selection.rejected.is_empty());
    }
}

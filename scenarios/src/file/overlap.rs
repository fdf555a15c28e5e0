//! Whether two groups of subscribers share an IMSI.

use crate::SubscriberGroup;

/// The places of two groups which overlap, the earlier group first.
pub(super) fn first_overlap(groups: &[SubscriberGroup]) -> Option<(usize, usize)> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    let first = |place: &usize| (groups[*place].first_imsi.digits(), groups[*place].first_imsi);
    order.sort_by_key(first);
    // In the order of the first IMSI, two groups overlap only if some neighbours do.
    order.windows(2).find_map(|pair| {
        let (low, high) = (pair[0], pair[1]);
        let offset = groups[high].first_imsi.offset_from(groups[low].first_imsi)?;
        (offset < groups[low].count).then_some((low.min(high), low.max(high)))
    })
}

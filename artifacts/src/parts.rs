//! Into which parts a file is cut, so that as many of them as are under way fit into the memory that there is for them.

/// How a file goes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// As one object in one request.
    Whole,
    /// In parts of so many octets, of which the last may have fewer.
    Parts(usize),
}

impl Cut {
    /// How a file of this length goes up; nothing where it cannot.
    pub(crate) fn of(octets: u64) -> Option<Self> {
        if octets <= SMALLEST_PART {
            return Some(Self::Whole);
        }
        // S3 takes 10,000 parts.
        let part = octets.div_ceil(MOST_PARTS).max(SMALLEST_PART).next_multiple_of(MIB);
        (part <= LARGEST_PART).then(|| Self::Parts(usize::try_from(part).unwrap_or(usize::MAX)))
    }
}

/// What so many octets take of [`MEMORY`].
pub(crate) fn units(octets: usize) -> u32 {
    u32::try_from(octets.div_ceil(1 << 20)).unwrap_or(u32::MAX).clamp(1, MEMORY)
}

const MIB: u64 = 1 << 20;
/// S3 takes 5 MiB and more; larger ones are fewer requests.
const SMALLEST_PART: u64 = 8 * MIB;
const MOST_PARTS: u64 = 10_000;
/// All parts under way together, in MiB.
pub(crate) const MEMORY: u32 = 16;
const LARGEST_PART: u64 = MEMORY as u64 * MIB;
/// The longest file that can go up.
pub(crate) const LONGEST_FILE: u64 = LARGEST_PART * MOST_PARTS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_cut_into_parts_that_s3_takes_and_memory_holds() {
        assert_eq!([0, 1, SMALLEST_PART].map(Cut::of), [Some(Cut::Whole); 3]);
        for octets in [SMALLEST_PART + 1, 1 << 30, 80 << 30, (80 << 30) + 1, LONGEST_FILE] {
            let Some(Cut::Parts(part)) = Cut::of(octets) else { panic!("{octets}") };
            let part = part as u64;
            assert!(
                octets.div_ceil(part) <= MOST_PARTS && (SMALLEST_PART..=LARGEST_PART).contains(&part),
                "{octets}"
            );
        }
        assert_eq!(Cut::of(LONGEST_FILE + 1), None);
        assert_eq!([0, 1, 8 << 20, 99 << 20].map(units), [1, 1, 8, 16]);
    }
}

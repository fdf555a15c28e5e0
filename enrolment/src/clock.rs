//! Clocks of two machines that should agree.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::Refusal;

/// Refuses one that is further away than is tolerated; all in seconds.
///
/// # Errors
/// [`Refusal::Clock`], with how far and in which direction.
pub fn judge(theirs_s: u64, ours_s: u64, tolerance_s: u64) -> Result<(), Refusal> {
    let ahead = i128::from(theirs_s) - i128::from(ours_s);
    if ahead.unsigned_abs() <= u128::from(tolerance_s) {
        return Ok(());
    }
    let ahead_s = i64::try_from(ahead).unwrap_or(if ahead > 0 { i64::MAX } else { i64::MIN });
    Err(Refusal::Clock { ahead_s })
}

/// A time in seconds since 1970, as ISO 8601 writes it, in UTC.
pub fn iso(seconds: u64) -> String {
    let time =
        i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| "far away".to_owned())
}

/// Seconds since 1970.
pub fn seconds(time: std::time::SystemTime) -> u64 {
    time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_the_tolerance_and_the_text_says_which_way() {
        assert_eq!(judge(1_000, 1_300, 300), Ok(()));
        assert_eq!(judge(1_300, 1_000, 300), Ok(()));
        let ahead = judge(8_200, 1_000, 300).unwrap_err().to_string();
        assert!(ahead.contains("7200 s ahead of"), "{ahead}");
        let behind = judge(0, 1_000, 300).unwrap_err().to_string();
        assert!(behind.contains("1000 s behind"), "{behind}");
        assert!(judge(u64::MAX, 0, 300).is_err() && judge(0, u64::MAX, 300).is_err());
    }
}

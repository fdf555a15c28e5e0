//! Where artifacts lie: `s3://BUCKET/PREFIX`.

use std::fmt;
use std::str::FromStr;

/// A bucket, and what the keys in it begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bucket's name.
    pub bucket: String,
    /// Without a slash at either end; may be empty.
    pub prefix: String,
}

impl Place {
    /// The key of a file below it.
    pub fn key(&self, path: &str) -> String {
        if self.prefix.is_empty() { path.to_owned() } else { format!("{}/{path}", self.prefix) }
    }

    /// The place of this name below it.
    #[must_use]
    pub fn within(&self, name: &str) -> Self {
        Self { bucket: self.bucket.clone(), prefix: self.key(name) }
    }

    /// The last part of the prefix: of a run's place, the run's name.
    pub fn name(&self) -> &str {
        self.prefix.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = |why: &str| format!("{why}; expected s3://BUCKET or s3://BUCKET/PREFIX");
        let rest = text.strip_prefix("s3://").ok_or_else(|| expected("it does not begin with s3://"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_');
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(fits) {
            return Err(expected("a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens"));
        }
        let prefix = prefix.trim_end_matches('/');
        let is_odd = |part: &str| part.is_empty() || part == "." || part == "..";
        if !prefix.is_empty() && prefix.split('/').any(is_odd) {
            return Err(expected("a prefix has no empty parts, and neither . nor .. among them"));
        }
        if prefix.chars().any(edges::text::is_unfit) || prefix.len() > LONGEST_PREFIX {
            return Err(expected("a prefix has at most 512 octets, and no control characters"));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// A key has at most 1,024 octets; the rest is for the run's name and its files.
const LONGEST_PREFIX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_buckets_and_prefixes() {
        let place: Place = "s3://runs.example/nightly/core/".parse().unwrap();
        assert_eq!((place.bucket.as_str(), place.prefix.as_str()), ("runs.example", "nightly/core"));
        assert_eq!(place.within("r-1").key("usage.csv"), "nightly/core/r-1/usage.csv");
        assert_eq!(place.within("r-1").to_string(), "s3://runs.example/nightly/core/r-1");
        assert_eq!(place.within("r-1").name(), "r-1");
        let bare: Place = "s3://bucket".parse().unwrap();
        assert_eq!((bare.key("a"), bare.to_string()), ("a".to_owned(), "s3://bucket".to_owned()));
        for wrong in [
            "",
            "bucket",
            "http://bucket/x",
            "s3://",
            "s3://ab",
            "s3://Bucket/x",
            "s3://bucket//x",
            "s3://bucket/../x",
            "s3://bucket/a\nb",
            "s3:///x",
        ] {
            let error = wrong.parse::<Place>().unwrap_err();
            assert!(error.contains("s3://BUCKET/PREFIX"), "{wrong:?}: {error}");
        }
    }
}

//! `manifest.ndjson`: what was pushed of a run, and beside it a signature. It is written last: where there is none, a push has not ended.
//!
//! ```text
//! line 1   the manifest: every file with its length and SHA-256
//! line 2   the signature of the octets of line 1, without the line's end; absent where nobody signed
//! ```

use serde::{Deserialize, Serialize};
use wire::Signature;

use crate::classes::Class;
use crate::settings::LockMode;

/// What was pushed of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of this manifest; it grows when an earlier program would misread a later one.
    pub form: u32,
    /// The run's name.
    pub run_id: String,
    /// The scenario's name.
    pub scenario: String,
    /// The run's seed.
    pub seed: u64,
    /// `pass`, `fail` or `invalid`.
    pub verdict: String,
    /// When it was pushed, RFC 3339, UTC.
    pub pushed_at: String,
    /// The program that pushed it.
    pub program: String,
    /// How the objects are locked, where they are: each until its `keep_until`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lock: Option<LockMode>,
    /// Every file, in the order of their paths.
    pub files: Vec<Entry>,
}

/// A file that was pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its path in the run folder.
    pub path: String,
    /// Its length.
    pub octets: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
    /// Why it is kept.
    pub class: Class,
    /// Until when it is kept at least, RFC 3339, UTC.
    pub keep_until: String,
    /// The object's version, where the bucket has versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
}

/// A manifest, the octets that are signed, and the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedManifest {
    /// What the octets say.
    pub manifest: Manifest,
    /// Line 1 without its end.
    pub octets: Vec<u8>,
    /// Line 2.
    pub signature: Option<Signature>,
}

impl Manifest {
    /// The entry of this path.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.files.iter().find(|entry| entry.path == path)
    }

    /// Octets of all files.
    pub fn octets(&self) -> u64 {
        self.files.iter().fold(0, |sum, entry| sum.saturating_add(entry.octets))
    }
}

impl SignedManifest {
    /// Reads both lines; a signature that is there is of the manifest.
    ///
    /// # Errors
    /// As part of a sentence about the manifest: what is wrong with it.
    pub fn read(content: &[u8]) -> Result<Self, String> {
        let mut lines = content.splitn(2, |octet| *octet == b'\n');
        let octets = lines.next().unwrap_or_default().to_vec();
        let form = serde_json::from_slice::<FormOnly>(&octets)
            .map_err(|error| format!("it is no manifest: {error}"))?
            .form;
        if form > FORM {
            return Err(format!(
                "it is of form {form}, and this program reads forms up to {FORM}: a newer roamstorm reads it"
            ));
        }
        let manifest: Manifest =
            serde_json::from_slice(&octets).map_err(|error| format!("it is no manifest: {error}"))?;
        if let Some(odd) = manifest.files.iter().find(|entry| !is_inside(&entry.path)) {
            return Err(format!("it names a path that leaves the run folder: {:?}", odd.path));
        }
        let rest = lines.next().unwrap_or_default().trim_ascii();
        let signature: Option<Signature> = match rest {
            [] => None,
            line => Some(
                serde_json::from_slice(line).map_err(|error| format!("its signature is none: {error}"))?,
            ),
        };
        if let Some(signature) = &signature {
            signature.is_of(&octets).map_err(|error| error.to_string())?;
        }
        Ok(Self { manifest, octets, signature })
    }

    /// Both lines.
    pub fn content(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut content = self.octets.clone();
        content.push(b'\n');
        if let Some(signature) = &self.signature {
            content.extend(serde_json::to_vec(signature)?);
            content.push(b'\n');
        }
        Ok(content)
    }
}

#[derive(Deserialize)]
struct FormOnly {
    form: u32,
}

/// Whether a path stays in the folder that it begins in, and can be shown.
pub(crate) fn is_inside(path: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.len() <= LONGEST_PATH && path.split('/').all(is_part) && !path.chars().any(edges::text::is_unfit)
}

/// The manifest's name beside the files.
pub const MANIFEST: &str = "manifest.ndjson";
pub(crate) const FORM: u32 = 1;
/// Octets.
const LONGEST_PATH: usize = 400;

#[cfg(test)]
mod tests {
    use wire::{Authority, Role};

    use super::*;

    fn manifest(path: &str) -> Manifest {
        let entry = Entry {
            path: path.to_owned(),
            octets: 2,
            sha256: "ab".to_owned(),
            class: Class::Billing,
            keep_until: "2029-11-29T00:00:00Z".to_owned(),
            version: None,
        };
        Manifest {
            form: FORM,
            run_id: "r-1".to_owned(),
            scenario: "smoke".to_owned(),
            seed: 1,
            verdict: "pass".to_owned(),
            pushed_at: "2026-11-30T00:00:00Z".to_owned(),
            program: "roamstorm".to_owned(),
            lock: Some(LockMode::Compliance),
            files: vec![entry],
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_not_when_it_was_changed() {
        let authority = Authority::generate("test").unwrap();
        let signer = authority.issue("coordinator", Role::Coordinator, &["localhost".to_owned()]).unwrap();
        let manifest = manifest("usage.csv");
        let octets = serde_json::to_vec(&manifest).unwrap();
        let signature = Some(Signature::by(&signer, &octets).unwrap());
        let signed = SignedManifest { manifest, octets, signature };
        let content = signed.content().unwrap();
        assert_eq!(SignedManifest::read(&content).unwrap(), signed);
        let unsigned = SignedManifest { signature: None, ..signed.clone() };
        assert_eq!(SignedManifest::read(&unsigned.content().unwrap()).unwrap(), unsigned);

        let changed = String::from_utf8(content).unwrap().replace("\"octets\":2", "\"octets\":3");
        let error = SignedManifest::read(changed.as_bytes()).unwrap_err();
        assert!(error.contains("was changed"), "{error}");
        for (wrong, why) in
            [("", "no manifest"), ("{}", "no manifest"), ("{\"form\":2}", "a newer roamstorm")]
        {
            let error = SignedManifest::read(wrong.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        for odd in ["../secret", "/etc/passwd", "a//b", "a/../../b", "", "a\u{1b}[2J", "."] {
            let octets = serde_json::to_vec(&manifest(odd)).unwrap();
            let error = SignedManifest::read(&octets).unwrap_err();
            assert!(error.contains("leaves the run folder"), "{odd:?}: {error}");
        }
    }
}

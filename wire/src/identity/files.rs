//! PEM files: read with clear errors, written so that a private key is never readable by others.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::{IdentityError, Pem};

/// The authority's certificate.
pub(super) const AUTHORITY: &str = "authority.pem";
/// The authority's key.
pub(super) const AUTHORITY_KEY: &str = "authority.key";

/// The authority's list of revoked certificates.
pub(super) const REVOKED: &str = "authority.crl";

pub(super) fn read(path: &Path) -> Result<Pem, IdentityError> {
    let source = path.display().to_string();
    match fs::read(path) {
        Ok(octets) => Ok(Pem { text: String::from_utf8_lossy(&octets).into_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(IdentityError::Missing { path: source }),
        Err(error) => Err(IdentityError::Unreadable { path: source, source: error }),
    }
}

/// Reads a key, and warns when others on this machine can read it, too.
pub(super) fn read_key(path: &Path) -> Result<Pem, IdentityError> {
    #[cfg(unix)]
    if let Ok(metadata) = fs::metadata(path) {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.display();
            tracing::warn!(
                "{path}: this private key has mode {mode:o}; others can use it. Try: chmod 600 {path}"
            );
        }
    }
    read(path)
}

pub(super) fn refuse_existing<'a>(
    paths: impl IntoIterator<Item = &'a std::path::PathBuf>,
) -> Result<(), IdentityError> {
    match paths.into_iter().find(|path| path.exists()) {
        Some(path) => Err(IdentityError::Exists { path: path.display().to_string() }),
        None => Ok(()),
    }
}

/// Writes a file that all may read, in place of any that was there.
pub(super) fn write(path: &Path, text: &str) -> Result<(), IdentityError> {
    write_with_mode(path, text, 0o644)
}

/// Writes a file that only its owner may read, in place of any that was there.
pub(super) fn write_key(path: &Path, text: &str) -> Result<(), IdentityError> {
    write_with_mode(path, text, 0o600)
}

/// Writes a file that all may read in the place of one that is in use: whoever reads it finds the old one or the new one.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), IdentityError> {
    let new = path.with_extension("new");
    write(&new, text)?;
    fs::rename(&new, path)
        .map_err(|source| IdentityError::Unwritable { path: path.display().to_string(), source })
}

fn write_with_mode(path: &Path, text: &str, mode: u32) -> Result<(), IdentityError> {
    let unwritable = |source| IdentityError::Unwritable { path: path.display().to_string(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    // A file that is there keeps its mode when it is opened, so it has to go.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritable(error)),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(unwritable)
}

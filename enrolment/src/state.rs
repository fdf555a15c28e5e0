//! An agent's folder: its key and certificate, which never leave it.
//!
//! ```text
//! authority.pem     whom it trusts
//! identity.pem      key and certificate, in one file that is replaced at once
//! pending.key       the key that it has asked a certificate for: on disk before it asks, so that a lost answer is asked for again
//! lock              one process at a time asks
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use edges::files;
use rustix::fs::{FlockOperation, flock};
use wire::{Identity, IdentityError, NewKey};

/// The folder.
#[derive(Clone, Debug)]
pub struct State {
    folder: PathBuf,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file cannot be read or written.
    #[error("{}: {source}; {}", .path.display(), files::remedy(.source))]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "{}: another agent uses this folder; give each agent one of its own (--state DIR)", .0.display()
    )]
    InUse(PathBuf),
    /// What is in it cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// The folder is this process's, until dropped.
#[derive(Debug)]
pub struct Locked(#[expect(dead_code, reason = "held")] File);

impl State {
    /// This folder; made where there is none.
    ///
    /// # Errors
    /// It cannot be made, or is another user's.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        let wrong = |source| StateError::File { path: folder.to_owned(), source };
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent).map_err(wrong)?;
        }
        files::have_folder(folder).map_err(wrong)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the folder for this process.
    ///
    /// # Errors
    /// Another one has it.
    pub fn lock(&self) -> Result<Locked, StateError> {
        let path = self.folder.join("lock");
        let file = files::append(&path).map_err(|source| StateError::File { path, source })?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Locked(file)),
            Err(_) => Err(StateError::InUse(self.folder.clone())),
        }
    }

    /// The identity that is there, checked; nothing where there is none.
    ///
    /// # Errors
    /// It is not usable: expired, damaged.
    pub fn load(&self) -> Result<Option<Identity>, IdentityError> {
        let identity = self.identity();
        if !identity.exists() {
            return Ok(None);
        }
        Identity::load_agent(&self.folder.join(AUTHORITY), &identity).map(Some)
    }

    /// When the identity was written: who follows it looks whether that has changed.
    pub fn changed(&self) -> Option<SystemTime> {
        fs::metadata(self.identity()).ok()?.modified().ok()
    }

    /// The key that a certificate is asked for: the one of the last request that was not answered, or a new one.
    ///
    /// # Errors
    /// It cannot be made or kept.
    pub fn pending(&self) -> Result<NewKey, StateError> {
        let path = self.folder.join(PENDING);
        match files::read_text(&path) {
            Ok(text) => {
                if let Ok(key) = NewKey::from_pem(&path.display().to_string(), &text) {
                    return Ok(key);
                }
                tracing::warn!("{}: no key in it; it is made anew", path.display());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(StateError::File { path, source }),
        }
        let key = NewKey::generate()?;
        self.replace(PENDING, &key.to_pem())?;
        Ok(key)
    }

    /// Keeps what was issued for the pending key, in the place of what was there.
    ///
    /// # Errors
    /// It does not belong together, or cannot be written.
    pub fn keep(&self, key: &NewKey, certificate: &str, authority: &str) -> Result<Identity, StateError> {
        Identity::from_pem(wire::Role::Agent, authority, certificate, &key.to_pem()).check()?;
        if files::read_text(&self.folder.join(AUTHORITY)).ok().as_deref() != Some(authority) {
            self.replace(AUTHORITY, authority)?;
        }
        self.replace(IDENTITY, &format!("{}{certificate}", key.to_pem()))?;
        // What is left of it would be asked for once more, and is good for nothing.
        let pending = self.folder.join(PENDING);
        fs::remove_file(&pending).map_err(|source| StateError::File { path: pending, source })?;
        Ok(Identity::load_agent(&self.folder.join(AUTHORITY), &self.identity())?)
    }

    /// Puts away an identity that nobody accepts any more: the next start enrols anew.
    ///
    /// # Errors
    /// It cannot be renamed.
    pub fn put_away(&self) -> Result<(), StateError> {
        let from = self.identity();
        match fs::rename(&from, self.folder.join("revoked.pem")) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StateError::File { path: from, source })
            }
            _ => Ok(()),
        }
    }

    fn identity(&self) -> PathBuf {
        self.folder.join(IDENTITY)
    }

    /// A whole file in the place of another, on disk when it returns.
    fn replace(&self, name: &str, text: &str) -> Result<(), StateError> {
        let (path, new) = (self.folder.join(name), self.folder.join(format!("{name}.new")));
        let write = || {
            let mut file = files::create(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|source| StateError::File { path: path.clone(), source })
    }
}

const AUTHORITY: &str = "authority.pem";
const IDENTITY: &str = "identity.pem";
const PENDING: &str = "pending.key";

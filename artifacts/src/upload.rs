//! One object: whether it is there already, and how it gets there, whole or in parts.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart, ObjectLockMode,
    ObjectLockRetention, ObjectLockRetentionMode, ServerSideEncryption,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use edges::files::open_to_read;
use ring::digest::{Context, Digest, SHA256, digest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::buffers::Buffers;
use crate::fault::{Fault, Kind};
use crate::files::read_part;
use crate::parts::{Cut, MEMORY, units};
use crate::place::Place;
use crate::push::{PushError, blocking};
use crate::settings::{Lock, LockMode};
use crate::store::Store;

/// Who puts objects into a place, with the memory that all of them share.
pub(crate) struct Uploader {
    store: Store,
    place: Place,
    kms: Option<String>,
    memory: Arc<Semaphore>,
    buffers: Buffers,
    /// Uploads in parts that have begun and not ended, by their keys.
    open: Mutex<BTreeMap<String, String>>,
}

/// What an object is to be.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// Below the place.
    pub(crate) path: String,
    pub(crate) octets: u64,
    pub(crate) sha256: Digest,
    /// As a query string.
    pub(crate) tagging: String,
    pub(crate) lock: Option<Lock>,
}

/// An object that is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct There {
    pub(crate) version: Option<String>,
    pub(crate) lock: Option<Lock>,
}

impl Uploader {
    pub(crate) fn new(store: Store, place: Place, kms: Option<String>) -> Self {
        let memory = Arc::new(Semaphore::new(MEMORY as usize));
        Self { store, place, kms, memory, buffers: Buffers::default(), open: Mutex::default() }
    }

    fn at(&self, path: &str) -> String {
        self.place.within(path).to_string()
    }

    /// The object that has this content already.
    pub(crate) async fn there(&self, object: &Object) -> Result<Option<There>, Fault> {
        let key = self.place.key(&object.path);
        let head = self.store.client.head_object().bucket(&self.place.bucket).key(key);
        let head = match head.checksum_mode(ChecksumMode::Enabled).send().await {
            Ok(head) => head,
            Err(error) => {
                let fault = Fault::of(self.at(&object.path), &error);
                // Who may write and not read is told that it may not; then everything goes up.
                let unknown = matches!(fault.kind(), Kind::Missing | Kind::Denied);
                return if unknown { Ok(None) } else { Err(fault) };
            }
        };
        let says = head.metadata().and_then(|metadata| metadata.get(SHA256_KEY));
        let same_length = head.content_length() == i64::try_from(object.octets).ok();
        if !same_length || says != Some(&hex::encode(object.sha256.as_ref())) {
            return Ok(None);
        }
        let mode = head.object_lock_mode().and_then(lock_mode);
        let until = head.object_lock_retain_until_date().map(DateTime::secs);
        let lock = mode.zip(until).map(|(mode, until)| Lock { mode, until });
        Ok(Some(There { version: head.version_id().map(str::to_owned), lock }))
    }

    /// Locks what is there for as long as it is to be; the lock that it has then.
    pub(crate) async fn lock(&self, object: &Object, there: &There) -> Result<Option<Lock>, Fault> {
        let Some(wanted) = &object.lock else { return Ok(there.lock.clone()) };
        let enough = |lock: &&Lock| lock.until >= wanted.until - ENOUGH;
        if let Some(lock) = there.lock.as_ref().filter(enough) {
            return Ok(Some(lock.clone()));
        }
        let mode = match wanted.mode {
            LockMode::Governance => ObjectLockRetentionMode::Governance,
            LockMode::Compliance => ObjectLockRetentionMode::Compliance,
        };
        let until = DateTime::from_secs(wanted.until);
        let retention = ObjectLockRetention::builder().mode(mode).retain_until_date(until).build();
        let request = self.store.client.put_object_retention().bucket(&self.place.bucket);
        let request = request.key(self.place.key(&object.path)).set_version_id(there.version.clone());
        let request = request.retention(retention).checksum_algorithm(ChecksumAlgorithm::Sha256);
        request.send().await.map_err(|error| Fault::of(self.at(&object.path), &error))?;
        Ok(Some(wanted.clone()))
    }

    /// Puts the content of a file there; the version that it becomes.
    pub(crate) async fn put_file(
        &self,
        object: &Object,
        on_disk: &Path,
    ) -> Result<Option<String>, PushError> {
        let cut = Cut::of(object.octets).ok_or_else(|| PushError::TooLong(object.path.clone()))?;
        let file = {
            let on_disk = on_disk.to_owned();
            blocking(&object.path, move || open_to_read(&on_disk)).await?
        };
        match cut {
            Cut::Whole => {
                let octets = usize::try_from(object.octets).unwrap_or(usize::MAX);
                let held = self.have_memory(octets).await;
                let (mut file, length) = (file, octets.saturating_add(1));
                let room = Vec::with_capacity(length);
                let content = blocking(&object.path, move || read_part(&mut file, length, room)).await?;
                if digest(&SHA256, &content).as_ref() != object.sha256.as_ref() {
                    return Err(PushError::Changed(object.path.clone()));
                }
                let version = self.put(object, content).await?;
                drop(held);
                Ok(version)
            }
            Cut::Parts(length) => self.put_in_parts(object, file, length).await,
        }
    }

    /// Puts these octets there, of which `object` has the hash.
    pub(crate) async fn put(&self, object: &Object, content: Vec<u8>) -> Result<Option<String>, Fault> {
        let request = self.store.client.put_object().bucket(&self.place.bucket);
        let request = request
            .key(self.place.key(&object.path))
            .content_type(media_type(&object.path))
            .metadata(SHA256_KEY, hex::encode(object.sha256.as_ref()))
            .tagging(&object.tagging)
            .checksum_sha256(STANDARD.encode(object.sha256))
            .set_server_side_encryption(self.kms.as_ref().map(|_| ServerSideEncryption::AwsKms))
            .set_ssekms_key_id(self.kms.clone().filter(|key| !key.is_empty()))
            .set_object_lock_mode(object.lock.as_ref().map(|lock| object_lock_mode(lock.mode)))
            .set_object_lock_retain_until_date(
                object.lock.as_ref().map(|lock| DateTime::from_secs(lock.until)),
            )
            .body(ByteStream::from(content));
        let put = request.send().await.map_err(|error| Fault::of(self.at(&object.path), &error))?;
        Ok(put.version_id().map(str::to_owned))
    }

    async fn put_in_parts(
        &self,
        object: &Object,
        file: File,
        length: usize,
    ) -> Result<Option<String>, PushError> {
        let id = self.begin(object).await?;
        self.open_uploads(|open| open.insert(object.path.clone(), id.clone()));
        let parts = self.put_parts(object, &id, file, length).await?;
        let request = self.store.client.complete_multipart_upload().bucket(&self.place.bucket);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = request.key(self.place.key(&object.path)).upload_id(&id).multipart_upload(parts);
        let version = match request.send().await {
            Ok(done) => done.version_id().map(str::to_owned),
            Err(error) => {
                // An answer that was lost on its way leaves an object that is complete.
                let fault = Fault::of(self.at(&object.path), &error);
                let there = self.there(object).await.ok().flatten();
                there.ok_or(fault)?.version
            }
        };
        self.open_uploads(|open| open.remove(&object.path));
        Ok(version)
    }

    async fn begin(&self, object: &Object) -> Result<String, Fault> {
        let request = self.store.client.create_multipart_upload().bucket(&self.place.bucket);
        let request = request
            .key(self.place.key(&object.path))
            .content_type(media_type(&object.path))
            .metadata(SHA256_KEY, hex::encode(object.sha256.as_ref()))
            .tagging(&object.tagging)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .set_server_side_encryption(self.kms.as_ref().map(|_| ServerSideEncryption::AwsKms))
            .set_ssekms_key_id(self.kms.clone().filter(|key| !key.is_empty()))
            .set_object_lock_mode(object.lock.as_ref().map(|lock| object_lock_mode(lock.mode)))
            .set_object_lock_retain_until_date(
                object.lock.as_ref().map(|lock| DateTime::from_secs(lock.until)),
            );
        let begun = request.send().await.map_err(|error| Fault::of(self.at(&object.path), &error))?;
        let none = || Fault::new(Kind::Other, self.at(&object.path), "the server names no upload", "");
        begun.upload_id().map(str::to_owned).ok_or_else(none)
    }

    /// Reads part after part, and sends as many at once as there is memory for.
    async fn put_parts(
        &self,
        object: &Object,
        id: &str,
        file: File,
        length: usize,
    ) -> Result<Vec<CompletedPart>, PushError> {
        let (mut sent, mut parts) = (JoinSet::new(), Vec::new());
        let mut reader = Reader { file, whole: Context::new(&SHA256), octets: 0 };
        while reader.octets < object.octets {
            let held = self.have_memory(length).await;
            while let Some(part) = sent.try_join_next() {
                parts.push(ended(part)?);
            }
            let room = self.buffers.take(length);
            let read;
            (reader, read) = blocking(&object.path, move || reader.next(length, room)).await?;
            let Some((content, hash)) = read else { break };
            let number = i32::try_from(parts.len() + sent.len() + 1).unwrap_or(i32::MAX);
            sent.spawn(self.send_part(object, id, number, content, hash, held));
        }
        while let Some(part) = sent.join_next().await {
            parts.push(ended(part)?);
        }
        if reader.octets != object.octets || reader.whole.finish().as_ref() != object.sha256.as_ref() {
            return Err(PushError::Changed(object.path.clone()));
        }
        parts.sort_by_key(CompletedPart::part_number);
        Ok(parts)
    }

    /// Sends one part; what it holds of the memory is free afterwards.
    fn send_part(
        &self,
        object: &Object,
        id: &str,
        number: i32,
        content: Vec<u8>,
        hash: Digest,
        held: OwnedSemaphorePermit,
    ) -> impl Future<Output = Result<CompletedPart, Fault>> + Send + use<> {
        let hash = STANDARD.encode(hash);
        let at = self.at(&object.path);
        let request = self.store.client.upload_part().bucket(&self.place.bucket);
        let request = request
            .key(self.place.key(&object.path))
            .upload_id(id)
            .part_number(number)
            .checksum_sha256(&hash)
            .body(ByteStream::from(self.buffers.lend(content)));
        async move {
            let sent = request.send().await.map_err(|error| Fault::of(&at, &error))?;
            drop(held);
            let part = CompletedPart::builder().part_number(number).checksum_sha256(hash);
            Ok(part.set_e_tag(sent.e_tag().map(str::to_owned)).build())
        }
    }

    async fn have_memory(&self, octets: usize) -> OwnedSemaphorePermit {
        let memory = Arc::clone(&self.memory).acquire_many_owned(units(octets)).await;
        memory.expect("nobody closes the semaphore")
    }

    /// Gives up the uploads in parts that have not ended: what they hold costs room.
    pub(crate) async fn abandon(&self) {
        for (path, id) in self.open_uploads(std::mem::take) {
            let request = self.store.client.abort_multipart_upload().bucket(&self.place.bucket);
            let request = request.key(self.place.key(&path)).upload_id(id);
            if let Err(error) = request.send().await {
                tracing::info!("an upload in parts is left: {}", Fault::of(self.at(&path), &error));
            }
        }
    }

    fn open_uploads<T>(&self, change: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
        change(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A file that is read part by part.
struct Reader {
    file: File,
    whole: Context,
    octets: u64,
}

/// What was read, and its SHA-256.
type Part = (Vec<u8>, Digest);

impl Reader {
    fn next(mut self, length: usize, room: Vec<u8>) -> std::io::Result<(Self, Option<Part>)> {
        let content = read_part(&mut self.file, length, room)?;
        self.octets += content.len() as u64;
        self.whole.update(&content);
        let hash = digest(&SHA256, &content);
        let read = (!content.is_empty()).then_some((content, hash));
        Ok((self, read))
    }
}

fn ended<T>(task: Result<Result<T, Fault>, tokio::task::JoinError>) -> Result<T, PushError> {
    match task {
        Ok(ended) => Ok(ended?),
        Err(error) => Err(PushError::Task(error.to_string())),
    }
}

pub(crate) fn lock_mode(mode: &ObjectLockMode) -> Option<LockMode> {
    match mode {
        ObjectLockMode::Compliance => Some(LockMode::Compliance),
        ObjectLockMode::Governance => Some(LockMode::Governance),
        _ => None,
    }
}

fn object_lock_mode(mode: LockMode) -> ObjectLockMode {
    match mode {
        LockMode::Compliance => ObjectLockMode::Compliance,
        LockMode::Governance => ObjectLockMode::Governance,
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ends)| ends) {
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        Some("ndjson") => "application/x-ndjson",
        Some("csv") => "text/csv; charset=utf-8",
        Some("xml") => "application/xml",
        Some("yaml") => "application/yaml",
        Some("zst") => "application/zstd",
        _ => "application/octet-stream",
    }
}

/// The name of the metadata with an object's SHA-256: of what goes up in parts, S3 itself knows those of the parts.
const SHA256_KEY: &str = "roamstorm-sha256";
/// Seconds by which a lock may be shorter than wanted: pushed again an hour later, nothing is locked anew.
const ENOUGH: i64 = 24 * 3600;

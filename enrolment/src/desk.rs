//! Where requests are decided: one transaction that records a use, then the signature, then the answer.
//!
//! Whoever dies between them loses nothing: the same key asks again, and its certificate is signed then.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};
use wire::{Authority, CertificateFacts, CertificateRequest, Grant};

use crate::clock::{self, seconds};
use crate::decide::{self, Asked, Decision};
use crate::ec2::Ec2Policy;
use crate::message::{Answer, Outcome, Request, ShownProof};
use crate::names;
use crate::store::{Entry, NamesIn, NewIdentity, Store, StoreError, Successor, Tx};
use crate::throttle::Throttle;
use crate::{Refusal, token};

/// What is issued, and to whom.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How long a certificate is valid.
    pub life: Duration,
    /// How far the clock of who asks may be away.
    pub clock_tolerance: Duration,
    /// EC2 instances that may enrol; nothing where none may.
    pub ec2: Option<Ec2Policy>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { life: Duration::from_secs(12 * 3600), clock_tolerance: Duration::from_secs(300), ec2: None }
    }
}

/// Decides, records, signs.
pub struct Desk {
    authority: Authority,
    folder: PathBuf,
    policy: Policy,
    store: Mutex<Store>,
    throttle: Mutex<Throttle>,
}

/// Who was revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The names.
    pub names: Vec<String>,
    /// Certificates of theirs that were not in the list yet.
    pub certificates: usize,
}

/// One who asks.
struct Asking<'a> {
    request: &'a Request,
    key: [u8; 32],
    address: String,
    /// The certificate of the connection.
    shown: Option<&'a CertificateFacts>,
    now_s: u64,
}

impl Asking<'_> {
    fn asked(&self) -> Asked<'_> {
        Asked { name: &self.request.name, pool: &self.request.pool, now_s: self.now_s }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        // Paths are nobody's business but the operator's, who finds them in the log.
        tracing::error!("{error}");
        Self::Trouble("its store cannot be used, its log says why; asking again".to_owned())
    }
}

impl Desk {
    /// The desk of this authority, in its folder.
    ///
    /// # Errors
    /// Its store cannot be opened.
    pub fn open(authority: Authority, folder: PathBuf, policy: Policy) -> Result<Self, StoreError> {
        let store = Mutex::new(Store::open(&folder, authority.pin())?);
        Ok(Self { authority, folder, policy, store, throttle: Mutex::default() })
    }

    /// The authority.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The store.
    pub fn store(&self) -> MutexGuard<'_, Store> {
        // What fails half way is rolled back.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request: its octets, from where they came, and the certificate of the connection, which was verified. Waits for
    /// the disk and for whoever signs.
    pub fn answer(
        &self,
        octets: &[u8],
        peer: SocketAddr,
        shown: Option<&CertificateFacts>,
        now: SystemTime,
    ) -> Answer {
        let now_s = seconds(now);
        let request = Request::decode(octets);
        let outcome = request
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|request| self.serve(request, peer, shown, now_s));
        match outcome {
            Ok(certificate) => {
                let authority = self.authority.certificate_pem().to_owned();
                Answer { now_s, outcome: Outcome::Issued { certificate, authority } }
            }
            Err(why) => {
                let (name, by) = request
                    .map(|request| (request.name.clone(), proof_of(&request, shown)))
                    .unwrap_or_default();
                let name = shown.map_or(name, |facts| facts.name.clone());
                self.note_refusal(&name, &by, &peer.to_string(), &format!("{}: {why}", why.code()), now_s);
                Answer::refused(now_s, &why)
            }
        }
    }

    /// Somebody did not come as far as to ask: whether that is written, or counted only. Waits for nothing.
    pub(crate) fn admits(&self, why: &str) -> bool {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner).admits(why, Instant::now())
    }

    /// Writes of one who did not come as far as to ask.
    pub(crate) fn note_failure(&self, address: &str, why: &str) {
        tracing::warn!("refused {address}: {why}");
        let now_s = seconds(SystemTime::now());
        self.note(now_s, &Entry { what: "refused", address, text: why, ..Entry::default() });
    }

    /// Writes what was counted of a flood.
    pub(crate) fn tick(&self) {
        let summary = self.throttle.lock().unwrap_or_else(PoisonError::into_inner).summary(Instant::now());
        if let Some(summary) = summary {
            tracing::warn!("{summary}");
            self.note(
                seconds(SystemTime::now()),
                &Entry { what: "refused", text: &summary, ..Entry::default() },
            );
        }
    }

    fn note_refusal(&self, name: &str, by: &str, address: &str, why: &str, now_s: u64) {
        if self.admits(why) {
            tracing::warn!("refused {address} {name}: {why}");
            self.note(now_s, &Entry { what: "refused", name, by, address, text: why });
        }
    }

    fn note(&self, now_s: u64, entry: &Entry<'_>) {
        if let Err(error) = self.store().note(now_s, entry) {
            tracing::error!("the journal lacks `{} {}`: {error}", entry.what, entry.text);
        }
    }

    fn serve(
        &self,
        request: &Request,
        peer: SocketAddr,
        shown: Option<&CertificateFacts>,
        now_s: u64,
    ) -> Result<String, Refusal> {
        let csr = request
            .csr()
            .ok_or_else(|| Refusal::Malformed("its certificate request is not base64".to_owned()))?;
        let csr = CertificateRequest::from_der(&csr).map_err(Refusal::Malformed)?;
        let asking = Asking { request, key: csr.key(), address: peer.to_string(), shown, now_s };
        let issuing = self.store().transaction(|tx| self.decide(tx, &asking))?;
        if let Some(certificate) = issuing.certificate {
            self.note(
                now_s,
                &Entry {
                    what: "issued-again",
                    name: &issuing.prior.name,
                    by: &proof_of(request, shown),
                    address: &asking.address,
                    text: "",
                },
            );
            return Ok(certificate);
        }
        let serial = issuing.serial.as_slice().try_into();
        let serial = serial.map_err(|_| Refusal::Trouble("its store is damaged".to_owned()))?;
        let grant = Grant {
            name: issuing.prior.name.clone(),
            pool: (!issuing.pool.is_empty()).then(|| issuing.pool.clone()),
            serial,
            at: UNIX_EPOCH + Duration::from_secs(issuing.issued_s),
            until: UNIX_EPOCH + Duration::from_secs(issuing.prior.until_s),
        };
        // Without the store: others are served meanwhile, however long whoever signs takes.
        let certificate = self.authority.issue_to(&csr, &grant).map_err(|error| {
            tracing::error!("{error}");
            Refusal::Trouble("it cannot sign, its log says why; asking again".to_owned())
        })?;
        let by = proof_of(request, shown);
        let what = if request.proof == ShownProof::Certificate { "renewed" } else { "issued" };
        let text = format!(
            "serial {}, pool `{}`, valid for {} s, {}",
            hex::encode(&issuing.serial),
            issuing.pool,
            issuing.prior.until_s.saturating_sub(now_s),
            request.program
        );
        self.store().transaction(|tx| {
            // Somebody may have revoked the name while it was signed.
            if tx.is_revoked(&grant.name)? {
                return Err(Refusal::Revoked { name: grant.name.clone() });
            }
            tx.keep_certificate(&issuing.serial, &certificate)?;
            tx.note(
                now_s,
                &Entry { what, name: &grant.name, by: &by, address: &asking.address, text: &text },
            )?;
            Ok(())
        })?;
        tracing::info!("{what} {} to {} by {by}", grant.name, asking.address);
        Ok(certificate)
    }

    /// What is to be issued: recorded already, also a use of a token.
    fn decide(&self, tx: &Tx<'_>, asking: &Asking<'_>) -> Result<Successor, Refusal> {
        let is_renewal = asking.request.proof == ShownProof::Certificate;
        if !is_renewal {
            clock::judge(asking.request.now_s, asking.now_s, self.policy.clock_tolerance.as_secs())?;
        }
        let others = |name: &str| names::is_reserved(name) || self.folder.join(name).exists();
        let names = NamesIn { tx, now_s: asking.now_s, others: &others };
        match &asking.request.proof {
            ShownProof::Token { id, secret } => by_token(self, tx, asking, names, (id, secret)),
            ShownProof::Certificate => by_certificate(self, tx, asking, names),
            ShownProof::Ec2 { document, signature } => {
                by_instance(self, tx, asking, names, (document, signature))
            }
        }
    }

    /// Records what is to be issued.
    fn record(
        &self,
        tx: &Tx<'_>,
        asking: &Asking<'_>,
        (by, origin): (&str, &str),
        (name, pool): (String, String),
    ) -> Result<Successor, Refusal> {
        let mut serial = [0; 16];
        let random = SystemRandom::new().fill(&mut serial);
        random.map_err(|_| Refusal::Trouble("it has no random numbers".to_owned()))?;
        // A serial number is positive, and keeps its length.
        if let Some(first) = serial.first_mut() {
            *first = *first & 0x7f | 0x40;
        }
        let end = self.authority.valid_until().map_or(u64::MAX, |end| seconds(end.instant()));
        let until_s = asking.now_s.saturating_add(self.policy.life.as_secs()).min(end);
        if until_s <= asking.now_s {
            return Err(Refusal::Trouble(
                "the authority itself has ended: `roamstorm certs DIR --force` makes a new one".to_owned(),
            ));
        }
        tx.insert(&NewIdentity {
            serial: &serial,
            name: &name,
            pool: &pool,
            by,
            origin,
            key: &asking.key,
            issued_s: asking.now_s,
            until_s,
            address: &asking.address,
        })?;
        let prior = decide::Prior { name, until_s };
        Ok(Successor { serial: serial.to_vec(), prior, pool, issued_s: asking.now_s, certificate: None })
    }

    /// Revokes this name, with everything that was issued to it: a running coordinator that uses this folder cuts it off, and no
    /// certificate of it is renewed. Nothing where nothing was issued to it.
    ///
    /// # Errors
    /// The store or the list cannot be written.
    pub fn revoke(&self, name: &str, now: SystemTime) -> Result<Option<Revoked>, RevokeError> {
        self.revoke_all(now, |tx| Ok(if tx.knows(name)? { vec![name.to_owned()] } else { Vec::new() }))
    }

    /// Revokes whom the certificate with this serial number is of.
    ///
    /// # Errors
    /// As [`Desk::revoke`].
    pub fn revoke_serial(&self, serial: &[u8], now: SystemTime) -> Result<Option<Revoked>, RevokeError> {
        self.revoke_all(now, |tx| Ok(tx.name_of(serial)?.into_iter().collect()))
    }

    /// Revokes everybody who came in by this token.
    ///
    /// # Errors
    /// As [`Desk::revoke`].
    pub fn revoke_by_token(&self, id: &str, now: SystemTime) -> Result<Option<Revoked>, RevokeError> {
        self.revoke_all(now, |tx| tx.names_by(&format!("token:{id}")))
    }

    /// First that nothing is renewed, then the list: who dies between them leaves an agent that works on until its certificate ends,
    /// and the same command once more ends it.
    fn revoke_all(
        &self,
        now: SystemTime,
        who: impl FnOnce(&Tx<'_>) -> Result<Vec<String>, StoreError>,
    ) -> Result<Option<Revoked>, RevokeError> {
        let now_s = seconds(now);
        let (names, serials) = self.store().transaction(|tx| {
            let (names, mut serials) = (who(tx)?, Vec::new());
            for name in &names {
                serials.extend(tx.revoke(name, now_s)?);
                tx.note(now_s, &Entry { what: "revoked", name, ..Entry::default() })?;
            }
            Ok::<_, StoreError>((names, serials))
        })?;
        if names.is_empty() {
            return Ok(None);
        }
        let listed = self.authority.revoke_serials(&self.folder, &serials);
        let certificates = listed.map_err(|source| RevokeError::List { names: names.join(", "), source })?;
        Ok(Some(Revoked { names, certificates }))
    }
}

/// Why somebody is not revoked, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The list.
    #[error(
        "{names}: not renewed any more, but the list of revoked certificates is not written, so a coordinator does not know it: {source}; revoke it again"
    )]
    List {
        /// Whose certificates.
        names: String,
        /// Why not.
        source: wire::IdentityError,
    },
}

fn by_token(
    desk: &Desk,
    tx: &Tx<'_>,
    asking: &Asking<'_>,
    mut names: NamesIn<'_, '_>,
    (id, secret): (&str, &str),
) -> Result<Successor, Refusal> {
    let found = tx.token(id)?;
    // As much work whether there is one or not.
    let (row, proof) = found.map_or_else(|| (None, vec![0; 32]), |(row, proof)| (Some(row), proof));
    let fits = token::fits(id, secret, &proof);
    let row = row.filter(|_| fits).ok_or(Refusal::TokenUnknown)?;
    let by = format!("token:{id}");
    let prior = tx.successor(&by, &asking.key)?;
    match decide::by_token(&row, prior.as_ref().map(|one| &one.prior), asking.asked(), &mut names)? {
        Decision::Again => prior.ok_or(Refusal::TokenUnknown),
        Decision::Issue { name, pool, counts } => {
            if counts {
                tx.count_use(id)?;
            }
            desk.record(tx, asking, (&by, &by), (name, pool))
        }
    }
}

fn by_certificate(
    desk: &Desk,
    tx: &Tx<'_>,
    asking: &Asking<'_>,
    mut names: NamesIn<'_, '_>,
) -> Result<Successor, Refusal> {
    let facts = asking
        .shown
        .ok_or_else(|| Refusal::Malformed("no certificate was shown to be renewed".to_owned()))?;
    let by = format!("certificate:{}", hex::encode(&facts.serial));
    let found = tx.shown(&facts.serial, &by, &asking.key)?;
    let (shown, origin) = found.map_or((None, String::new()), |(shown, origin)| (Some(shown), origin));
    let prior = tx.successor(&by, &asking.key)?;
    let decided = decide::by_certificate(
        shown.as_ref(),
        prior.as_ref().map(|one| &one.prior),
        asking.asked(),
        &mut names,
    )?;
    match decided {
        Decision::Again => prior.ok_or(Refusal::NotRenewable),
        Decision::Issue { name, pool, .. } => desk.record(tx, asking, (&by, &origin), (name, pool)),
    }
}

fn by_instance(
    desk: &Desk,
    tx: &Tx<'_>,
    asking: &Asking<'_>,
    mut names: NamesIn<'_, '_>,
    (document, signature): (&str, &str),
) -> Result<Successor, Refusal> {
    let Some(policy) = &desk.policy.ec2 else {
        let why =
            "this authority takes none: it was started without --ec2-certs and --ec2-account".to_owned();
        return Err(Refusal::Ec2(why));
    };
    let instance = policy.verify(document, signature, asking.now_s)?;
    let by = format!("ec2:{}", instance.unique());
    let prior = tx.successor(&by, &asking.key)?;
    let used = tx.has_enrolled(&instance.unique())?;
    let one = prior.as_ref().map(|one| &one.prior);
    match decide::by_instance(&instance.id, &policy.pool, used, one, asking.asked(), &mut names)? {
        Decision::Again => prior.ok_or_else(|| Refusal::Ec2("it was used".to_owned())),
        Decision::Issue { name, pool, .. } => {
            tx.enrolled(&instance.unique(), asking.now_s)?;
            desk.record(tx, asking, (&by, &by), (name, pool))
        }
    }
}

/// What was shown, for the journal: never a secret.
fn proof_of(request: &Request, shown: Option<&CertificateFacts>) -> String {
    match &request.proof {
        ShownProof::Token { id, .. } => format!("token:{}", edges::text::line(id, 20)),
        ShownProof::Ec2 { .. } => "ec2".to_owned(),
        ShownProof::Certificate => shown.map_or_else(
            || "certificate".to_owned(),
            |facts| format!("certificate:{}", hex::encode(&facts.serial)),
        ),
    }
}

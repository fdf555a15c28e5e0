//! A program that signs for an authority whose key is elsewhere: in a KMS, in Vault, in an HSM.
//!
//! ```text
//! PROGRAM public-key                       the key on standard output: SubjectPublicKeyInfo, PEM
//! PROGRAM sign       ◄── what to sign      the signature on standard output: octets, or base64 of them
//! ```
//! It is run without a shell, once for each signature. It has a time, and its answer a length; a signature that does not
//! verify with the authority's certificate is none.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::SignatureAlgorithm;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use rustix::process::{Pid, Signal, kill_process_group};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;

/// The program, and how long it may take.
#[derive(Clone, Debug)]
pub struct AuthorityCommand {
    program: PathBuf,
    limit: Duration,
    trouble: Arc<Mutex<Option<String>>>,
    /// Runs that have not ended, those that were given up with.
    running: Arc<AtomicUsize>,
}

impl AuthorityCommand {
    /// A program that may take so long for each signature.
    pub fn new(program: PathBuf, limit: Duration) -> Self {
        Self { program, limit, trouble: Arc::default(), running: Arc::default() }
    }

    /// What went wrong last.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The public key, SubjectPublicKeyInfo in DER.
    pub(super) fn public_key(&self) -> Result<Vec<u8>, String> {
        let answer = self.run("public-key", &[])?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let pem = SubjectPublicKeyInfoDer::pem_slice_iter(text.as_bytes()).next();
        match pem {
            Some(Ok(key)) => Ok(key.to_vec()),
            _ => Err(self.says("`public-key` did not print a public key: a text with -----BEGIN PUBLIC KEY----- was expected")),
        }
    }

    /// A signature over this message that verifies with this key.
    pub(super) fn sign(
        &self,
        message: &[u8],
        algorithm: &'static SignatureAlgorithm,
        public: &[u8],
    ) -> Result<Vec<u8>, String> {
        let verification = verification(algorithm)
            .ok_or_else(|| self.says("its key is of a kind that is not known here: ECDSA P-256 or P-384, Ed25519 or RSA is accepted"))?;
        let answer = self.run("sign", message)?;
        let text: Vec<u8> = answer.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
        let decoded = STANDARD.decode(&text).ok();
        let key = UnparsedPublicKey::new(verification, public);
        let octets = answer.len();
        let fits = |signature: &Vec<u8>| key.verify(message, signature).is_ok();
        [Some(answer), decoded].into_iter().flatten().find(fits).ok_or_else(|| {
            self.says(&format!(
                "its answer of {octets} octets is no signature by the key of authority.pem: the octets of an ASN.1 signature, or base64 of them, were expected"
            ))
        })
    }

    /// Runs the program; what it says on standard output.
    fn run(&self, verb: &str, input: &[u8]) -> Result<Vec<u8>, String> {
        if self.running.fetch_add(1, Ordering::SeqCst) >= MOST_RUNNING {
            self.running.fetch_sub(1, Ordering::SeqCst);
            return Err(self.says(&format!("{MOST_RUNNING} runs of it have not ended yet")));
        }
        let guard = Running(Arc::clone(&self.running));
        let mut command = Command::new(&self.program);
        command.arg(verb).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn();
        let mut child = child.map_err(|error| self.says(&format!("it cannot be started: {error}")))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (done, ended) = mpsc::channel();
        let input = input.to_vec();
        let threads = std::thread::Builder::new().name("authority".to_owned()).spawn(move || {
            let _guard = guard;
            // A program that does not read what it is to sign says so in its own way.
            let writer = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
            let errors = std::thread::spawn(move || read(stderr, LONGEST_ERROR));
            let answer = read(stdout, LONGEST_ANSWER);
            let status = child.wait();
            let errors = errors.join().unwrap_or_default();
            drop(writer.join());
            // Nobody waits for it any more.
            let _ = done.send((status, answer, errors));
        });
        threads.map_err(|error| self.says(&format!("no thread can be started for it: {error}")))?;
        match ended.recv_timeout(self.limit) {
            Ok((Ok(status), answer, errors)) => self.judge(verb, status, answer, &errors),
            Ok((Err(error), ..)) => Err(self.says(&format!("it cannot be waited for: {error}"))),
            Err(_) => {
                if let Some(group) = group {
                    // It may have ended just now.
                    let _ = kill_process_group(group, Signal::KILL);
                }
                Err(self.says(&format!(
                    "`{verb}` gave no answer within {} s, and was ended",
                    self.limit.as_secs_f64()
                )))
            }
        }
    }

    fn judge(
        &self,
        verb: &str,
        status: ExitStatus,
        answer: Vec<u8>,
        errors: &[u8],
    ) -> Result<Vec<u8>, String> {
        let said = edges::text::line_of_octets(errors.trim_ascii(), SHOWN);
        if answer.len() >= LONGEST_ANSWER {
            return Err(self.says(&format!("`{verb}` answered with more than {LONGEST_ANSWER} octets")));
        }
        if !status.success() {
            let said = if said.is_empty() { "it said nothing on standard error".to_owned() } else { said };
            return Err(self.says(&format!("`{verb}` failed ({status}): {said}")));
        }
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(answer)
    }

    /// Keeps what is wrong: the library that asks for a signature passes no reason on.
    fn says(&self, what: &str) -> String {
        let text = format!("the authority's program {}: {what}", self.program.display());
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.clone());
        text
    }
}

/// A run that has not ended.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn read(from: Option<impl Read>, most: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    if let Some(from) = from {
        // What is read until an error counts.
        let _ = from.take(most as u64).read_to_end(&mut octets);
    }
    octets
}

fn verification(algorithm: &'static SignatureAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
    let known: [(&SignatureAlgorithm, &'static dyn VerificationAlgorithm); 4] = [
        (&rcgen::PKCS_ECDSA_P256_SHA256, &signature::ECDSA_P256_SHA256_ASN1),
        (&rcgen::PKCS_ECDSA_P384_SHA384, &signature::ECDSA_P384_SHA384_ASN1),
        (&rcgen::PKCS_ED25519, &signature::ED25519),
        (&rcgen::PKCS_RSA_SHA256, &signature::RSA_PKCS1_2048_8192_SHA256),
    ];
    known.into_iter().find(|(one, _)| **one == *algorithm).map(|(_, verification)| verification)
}

/// Runs at once, those that were given up with and did not end all the same.
const MOST_RUNNING: usize = 8;
/// Octets of a signature, or a public key in PEM.
const LONGEST_ANSWER: usize = 16 << 10;
const LONGEST_ERROR: usize = 4 << 10;
/// Characters of its standard error that are shown.
const SHOWN: usize = 200;

//! What went wrong with a server: where, what, and what to do about it.
//!
//! A server's own words are shown as one line of limited length. Credentials are never in them: the client signs with the secret and
//! does not send it.

use std::error::Error as _;
use std::fmt;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use edges::text::line;

/// What went wrong.
#[derive(Debug)]
pub struct Fault {
    kind: Kind,
    at: String,
    what: String,
    remedy: String,
}

/// What a fault is about, for who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The bucket is not there.
    NoBucket,
    /// The object is not there.
    Missing,
    /// The credentials are good, and not for this.
    Denied,
    /// There are no credentials, or the server does not take them.
    Credentials,
    /// The server is not reached, or does not do what it is asked, also when asked again.
    Unreachable,
    /// There is no room.
    Full,
    /// What was asked for cannot be.
    Settings,
    /// What was read is not what was pushed.
    Damaged,
    /// Anything else.
    Other,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

impl std::error::Error for Fault {}

impl Fault {
    pub(crate) fn new(
        kind: Kind,
        at: impl fmt::Display,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { kind, at: at.to_string(), what: what.into(), remedy: remedy.into() }
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The fault of an operation on a place or an object.
    pub(crate) fn of<E>(at: impl fmt::Display, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        match error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                let region = answer.raw().headers().get("x-amz-bucket-region");
                let meta = answer.err().meta();
                let (code, said) = (meta.code().unwrap_or_default(), meta.message().unwrap_or_default());
                Self::answered(at, status, code, said, region)
            }
            SdkError::TimeoutError(_) => {
                Self::new(Kind::Unreachable, at, "the server does not answer in time", REACH)
            }
            _ => Self::not_answered(at, &causes(error)),
        }
    }

    /// Without an answer: by the innermost causes.
    fn not_answered(at: impl fmt::Display, causes: &[String]) -> Self {
        let all = causes.join(": ");
        let last = causes.last().map(|cause| line(cause, LONGEST).into_owned()).unwrap_or_default();
        if all.contains("length limit exceeded") {
            return Self::new(
                Kind::Other,
                at,
                "the server's answer is longer than any answer of S3, and was not read",
                "is it an S3 server?",
            );
        }
        if all.to_ascii_lowercase().contains("credentials") {
            return Self::new(
                Kind::Credentials,
                at,
                format!("there are no credentials ({last})"),
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give this machine a role",
            );
        }
        if all.contains("dns error") || all.contains("failed to lookup") {
            return Self::new(
                Kind::Unreachable,
                at,
                format!("the server's name is not known ({last})"),
                REACH,
            );
        }
        Self::new(Kind::Unreachable, at, format!("the server is not reached: {last}"), REACH)
    }

    /// With an answer that says no.
    fn answered(at: impl fmt::Display, status: u16, code: &str, said: &str, region: Option<&str>) -> Self {
        let words = match (code, said) {
            ("", "") => format!("the server answers {status}"),
            ("", said) => line(said, LONGEST).into_owned(),
            (code, "") => line(code, 100).into_owned(),
            (code, said) => format!("{} ({})", line(said, LONGEST), line(code, 100)),
        };
        let at_region =
            |region: &str| format!("the bucket is in region {}: set AWS_REGION", line(region, 40));
        let (kind, remedy) = match (code, status) {
            ("NoSuchBucket", _) => {(Kind::NoBucket, "make the bucket, or name another one".to_owned())
            }
            ("InvalidAccessKeyId" | "InvalidToken" | "ExpiredToken" | "TokenRefreshRequired", _) => (
                Kind::Credentials,
                "the server does not know this access key, or it is over: see AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN or AWS_PROFILE".to_owned(),
            ),
            ("SignatureDoesNotMatch", _) => (
                Kind::Credentials,
                "the secret is not the access key's: see AWS_SECRET_ACCESS_KEY or AWS_PROFILE".to_owned(),
            ),
            ("RequestTimeTooSkewed" | "RequestExpired", _) => {
                (Kind::Settings, "this machine's clock or the server's is wrong: set it".to_owned())
            }
            ("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException", _) | (_, 301 | 307) => (
                Kind::Settings,
                region.map_or_else(|| "set AWS_REGION to the bucket's, or --endpoint to its server".to_owned(), at_region),
            ),
            ("QuotaExceeded" | "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded" | "InsufficientStorage" | "BucketQuotaExceeded", _) | (_, 507) => {
                (Kind::Full, "there is no room in the bucket: make room, or raise its quota".to_owned())
            }
            (code, _) if code.starts_with("KMS") => {
                (Kind::Settings, "the KMS key cannot be used: see --artifacts-kms, and what the key's policy allows".to_owned())
            }
            ("ObjectLockConfigurationNotFoundError" | "InvalidBucketState" | "NoSuchObjectLockConfiguration", _) => (Kind::Settings, NO_LOCK.to_owned()),
            ("InvalidRequest", _) => (Kind::Settings, format!("where a lock was asked for: {NO_LOCK}")),
            ("BadDigest" | "XAmzContentSHA256Mismatch" | "InvalidDigest", _) => {
                (Kind::Damaged, "what arrived is not what was sent: push again".to_owned())
            }
            ("NoSuchKey" | "NotFound" | "NoSuchVersion", _) | (_, 404) => {
                (Kind::Missing, "it is not there".to_owned())
            }
            ("AccessDenied" | "AllAccessDisabled" | "AccountProblem", _) | (_, 401 | 403) => (
                Kind::Denied,
                "these credentials may not do this here: see the policies of bucket and user (docs/artifacts.md)".to_owned(),
            ),
            ("SlowDown" | "ServiceUnavailable" | "InternalError" | "RequestTimeout", _) | (_, 500..) => (
                Kind::Unreachable,
                "the server has a fault, or no room; it was asked again and again".to_owned(),
            ),
            _ => (Kind::Other, String::new()),
        };
        Self::new(kind, at, words, remedy)
    }

    /// The fault of an object's content that breaks off.
    pub(crate) fn broken_off(at: impl fmt::Display, error: &dyn std::error::Error) -> Self {
        let mut last = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            last = error.to_string();
            cause = error.source();
        }
        let what = format!("the connection broke off: {}", line(&last, LONGEST));
        Self::new(Kind::Unreachable, at, what, REACH)
    }
}

/// What an error says, and each of its causes, from the outside in.
fn causes<E>(error: &SdkError<E, HttpResponse>) -> Vec<String>
where
    E: std::error::Error + 'static,
{
    let mut all = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        all.push(error.to_string());
        cause = error.source();
    }
    all
}

/// Characters of what a server says.
const LONGEST: usize = 300;
const REACH: &str = "is it up, is the network, and is --endpoint right?";
const NO_LOCK: &str = "a lock takes a bucket that was made with object lock (and so with versions); --artifacts-lock none goes without";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_its_remedy() {
        for (status, code, kind, remedy) in [
            (404, "NoSuchBucket", Kind::NoBucket, "make the bucket"),
            (403, "SignatureDoesNotMatch", Kind::Credentials, "AWS_SECRET_ACCESS_KEY"),
            (403, "InvalidAccessKeyId", Kind::Credentials, "AWS_ACCESS_KEY_ID"),
            (403, "RequestTimeTooSkewed", Kind::Settings, "clock"),
            (403, "AccessDenied", Kind::Denied, "policies"),
            (403, "", Kind::Denied, "policies"),
            (301, "PermanentRedirect", Kind::Settings, "region eu-west-1"),
            (507, "XMinioStorageFull", Kind::Full, "make room"),
            (400, "InvalidRequest", Kind::Settings, "object lock"),
            (400, "KMS.NotFoundException", Kind::Settings, "--artifacts-kms"),
            (503, "SlowDown", Kind::Unreachable, "again and again"),
            (418, "Teapot", Kind::Other, "(Teapot)"),
        ] {
            let fault = Fault::answered("s3://b/k", status, code, "said", Some("eu-west-1"));
            let text = fault.to_string();
            assert_eq!(fault.kind(), kind, "{text}");
            assert!(text.starts_with("s3://b/k: said") && text.contains(remedy), "{text}");
        }
    }

    #[test]
    fn what_a_server_says_is_one_line_of_limited_length() {
        let said = format!("\u{1b}[2Jgone\n{}", "x".repeat(10_000));
        let text = Fault::answered("s3://b/k", 400, "Odd\u{7}Code", &said, None).to_string();
        assert!(text.len() < 1_000 && !text.contains(['\u{1b}', '\n', '\u{7}']), "{text:?}");
    }

    #[test]
    fn who_is_not_reached_is_told_by_the_innermost_cause() {
        let of = |causes: &[&str]| {
            let causes: Vec<String> = causes.iter().map(|cause| (*cause).to_owned()).collect();
            Fault::not_answered("s3://b", &causes)
        };
        let refused = of(&["dispatch failure", "io error", "Connection refused (os error 111)"]);
        assert!(refused.to_string().contains("not reached: Connection refused (os error 111)"), "{refused}");
        let none = of(&["dispatch failure", "the credential provider was not enabled: no credentials"]);
        assert_eq!(none.kind(), Kind::Credentials);
        assert!(of(&["x", "length limit exceeded"]).to_string().contains("is it an S3 server?"));
        assert!(of(&["dns error", "no such host"]).to_string().contains("name is not known"));
    }
}

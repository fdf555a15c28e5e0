//! What a server may say: so much, and no more.

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use http_body_util::Limited;

/// Cuts answers that are longer than any should be: the client reads them whole. An object that is fetched is read piece by piece,
/// by who knows how long it is.
#[derive(Debug)]
pub(crate) struct LimitedAnswers;

impl Intercept for LimitedAnswers {
    fn name(&self) -> &'static str {
        "limited answers"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let of_object = config.load::<Metadata>().is_some_and(|operation| operation.name() == "GetObject");
        let response = context.response_mut();
        if !(of_object && response.status().is_success()) {
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, LONGEST_ANSWER));
        }
        Ok(())
    }
}

/// Octets; a thousand keys of a listing, each as long as a key may be and escaped, have less.
const LONGEST_ANSWER: usize = 8 << 20;

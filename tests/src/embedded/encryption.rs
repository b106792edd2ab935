//! Server-side encryption: the rules are enforced, but the bytes are not encrypted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use s3s::dto::ServerSideEncryption;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::options::Quirks;

/// How an object is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Encryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub(crate) server_side: Option<String>,
    pub(crate) kms_key_id: Option<String>,
    /// The MD5 of the customer key, in base64.
    pub(crate) customer_key_md5: Option<String>,
}

/// The three headers of a customer key, unchanged.
pub(crate) struct CustomerKey<'a> {
    pub(crate) algorithm: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) key_md5: Option<&'a str>,
}

impl CustomerKey<'_> {
    /// Validates them and returns the key's MD5; `None` without headers.
    pub(crate) fn check(&self, quirks: &Quirks, over_tls: bool) -> S3Result<Option<String>> {
        let (algorithm, key, key_md5) = match (self.algorithm, self.key, self.key_md5) {
            (None, None, None) => return Ok(None),
            (Some(algorithm), Some(key), Some(key_md5)) => (algorithm, key, key_md5),
            _ => {
                return Err(s3_error!(
                    InvalidArgument,
                    "an SSE-C request needs algorithm, key and the key's MD5"
                ));
            }
        };
        if quirks.ssec_needs_tls && !over_tls {
            return Err(s3_error!(
                InvalidRequest,
                "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection."
            ));
        }
        if algorithm != "AES256" {
            return Err(s3_error!(InvalidArgument, "the only algorithm of SSE-C is AES256"));
        }
        let bytes =
            STANDARD.decode(key).map_err(|_| s3_error!(InvalidArgument, "the SSE-C key is not base64"))?;
        if bytes.len() != 32 {
            return Err(s3_error!(InvalidArgument, "the secret key was invalid for the specified algorithm"));
        }
        if STANDARD.encode(Md5::digest(&bytes)) != key_md5 {
            return Err(s3_error!(
                InvalidArgument,
                "the calculated MD5 hash of the key did not match the hash that was provided"
            ));
        }
        Ok(Some(key_md5.to_owned()))
    }
}

impl Encryption {
    /// Validates the encryption headers of a request for a new object.
    pub(crate) fn of_new_object(
        server_side: Option<&ServerSideEncryption>,
        kms_key_id: Option<&str>,
        customer_key: &CustomerKey<'_>,
        quirks: &Quirks,
        over_tls: bool,
    ) -> S3Result<Self> {
        let server_side = server_side.map(|value| value.as_str().to_owned());
        let customer_key_md5 = customer_key.check(quirks, over_tls)?;
        if let Some(value) = &server_side
            && !["AES256", "aws:kms", "aws:kms:dsse"].contains(&value.as_str())
        {
            return Err(s3_error!(InvalidArgument, "The encryption method specified is not supported"));
        }
        let with_kms = server_side.as_deref().is_some_and(|value| value.starts_with("aws:kms"));
        if let Some(key) = kms_key_id {
            if !with_kms {
                return Err(s3_error!(
                    InvalidArgument,
                    "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"
                ));
            }
            if quirks.kms_keys.as_ref().is_some_and(|keys| keys.iter().all(|known| known != key)) {
                let mut error = S3Error::new(S3ErrorCode::Custom("KMS.NotFoundException".into()));
                error.set_status_code(http::StatusCode::BAD_REQUEST);
                error.set_message("Invalid keyId");
                return Err(error);
            }
        }
        if let (None, None, Some(key)) = (&server_side, &customer_key_md5, &quirks.default_kms_key) {
            let server_side = Some("aws:kms".to_owned());
            return Ok(Self { server_side, kms_key_id: Some(key.clone()), customer_key_md5: None });
        }
        if customer_key_md5.is_some() && server_side.is_some() {
            return Err(s3_error!(
                InvalidArgument,
                "Server Side Encryption with Customer provided key is incompatible with the encryption method specified"
            ));
        }
        let kms_key_id = with_kms
            .then(|| kms_key_id.unwrap_or("arn:aws:kms:us-east-1:000000000000:alias/aws/s3").to_owned());
        Ok(Self { server_side, kms_key_id, customer_key_md5 })
    }

    /// Checks that a request to read the object has the right customer key, or none if the object has none.
    pub(crate) fn unlock(&self, brought: Option<&str>) -> S3Result<()> {
        match (self.customer_key_md5.as_deref(), brought) {
            (None, None) => Ok(()),
            (Some(needed), Some(brought)) if needed == brought => Ok(()),
            (Some(_), None) => Err(s3_error!(
                InvalidRequest,
                "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
            )),
            (Some(_), Some(_)) => {
                Err(s3_error!(AccessDenied, "the SSE-C key is not the one the object was stored with"))
            }
            (None, Some(_)) => {
                Err(s3_error!(InvalidRequest, "The encryption parameters are not applicable to this object."))
            }
        }
    }

    /// Returns whether AWS's ETag is the MD5 of the content with this encryption.
    pub(crate) fn keeps_etag(&self) -> bool {
        self.customer_key_md5.is_none() && self.kms_key_id.is_none()
    }

    pub(crate) fn server_side(&self) -> Option<ServerSideEncryption> {
        self.server_side.clone().map(ServerSideEncryption::from)
    }

    pub(crate) fn customer_algorithm(&self) -> Option<String> {
        self.customer_key_md5.as_ref().map(|_| "AES256".to_owned())
    }
}

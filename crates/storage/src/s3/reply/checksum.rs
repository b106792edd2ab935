//! The checksum that a server keeps of an object, compared with the bytes that come.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use crate::s3::request::options::ReplyChecksums;

const CHECKSUM_MODE: HeaderName = HeaderName::from_static("x-amz-checksum-mode");

/// Asks for the checksum of an object, if that is wanted.
pub(crate) fn ask(wanted: ReplyChecksums, headers: &mut HeaderMap) {
    if wanted == ReplyChecksums::Verify {
        headers.insert(CHECKSUM_MODE, HeaderValue::from_static("ENABLED"));
    }
}

/// What is still to be compared with a checksum.
#[derive(Debug, Clone)]
pub(crate) struct Verifier {
    name: &'static str,
    expected: Vec<u8>,
    hasher: Hasher,
}

#[derive(Debug, Clone)]
enum Hasher {
    Crc32(crc32fast::Hasher),
    Sha256(Box<Sha256>),
}

impl Verifier {
    /// Takes the checksum out of the headers of a whole object.
    ///
    /// `None` where there is none of all its bytes: checksums of parts say nothing about them, and algorithms that
    /// only AWS's C library has (CRC-64/NVME, CRC-32C) are passed over, as in botocore without that library.
    pub(crate) fn new(headers: &HeaderMap) -> Option<Self> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if header("x-amz-checksum-type").is_some_and(|kind| !kind.eq_ignore_ascii_case("FULL_OBJECT")) {
            return None;
        }
        let digest = |name: &'static str, n_bytes| {
            // `digest-3` is that of three parts.
            let expected = BASE64.decode(header(name)?).ok()?;
            (expected.len() == n_bytes).then_some((name, expected))
        };
        let (hasher, (name, expected)) = digest("x-amz-checksum-sha256", 32)
            .map(|found| (Hasher::Sha256(Box::default()), found))
            .or_else(|| {
                Some((Hasher::Crc32(crc32fast::Hasher::new()), digest("x-amz-checksum-crc32", 4)?))
            })?;
        Some(Self { name, expected, hasher })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.hasher {
            Hasher::Crc32(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// Says what is wrong with all the bytes, if something is.
    pub(crate) fn finish(self) -> Result<(), String> {
        let actual = match self.hasher {
            Hasher::Crc32(hasher) => hasher.finalize().to_be_bytes().to_vec(),
            Hasher::Sha256(hasher) => hasher.finalize().to_vec(),
        };
        if actual == self.expected {
            return Ok(());
        }
        Err(format!(
            "the bytes are not those of the checksum that came with them: `{}` is `{}`, but they have `{}`",
            self.name,
            BASE64.encode(self.expected),
            BASE64.encode(actual)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verifier(headers: &[(&'static str, &'static str)]) -> Option<Verifier> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        Verifier::new(&headers)
    }

    #[test]
    fn checksums_of_whole_objects_are_compared() {
        for (name, value) in [
            ("x-amz-checksum-crc32", "NhCmhg=="),
            ("x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
        ] {
            let mut good = verifier(&[(name, value), ("x-amz-checksum-type", "FULL_OBJECT")]).unwrap();
            let mut bad = good.clone();
            good.update(b"hel");
            good.update(b"lo");
            good.finish().unwrap();
            bad.update(b"hallo");
            assert!(bad.finish().unwrap_err().contains(name), "{name}");
        }
    }

    #[test]
    fn checksums_of_parts_and_of_unknown_kinds_are_passed_over() {
        assert!(verifier(&[]).is_none());
        assert!(verifier(&[("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")]).is_none());
        assert!(verifier(&[("x-amz-checksum-crc32", "NhCmhg==-2")]).is_none());
        let composite = [("x-amz-checksum-crc32", "NhCmhg=="), ("x-amz-checksum-type", "COMPOSITE")];
        assert!(verifier(&composite).is_none());
    }
}

//! The embedded server as a server of the catalogue.

use anyhow::Result;

use super::{BUCKET_DOMAIN, Backing, LimitedUser, Start, Started};
use crate::embedded::{BucketOptions, EmbeddedOptions, EmbeddedS3, Permission, Quirks, User};
use crate::random_text;

pub(super) fn start(start: &Start<'_>) -> Result<Started> {
    let limited = LimitedUser {
        access_key: random_text(20),
        secret_key: random_text(40),
        bucket: "limited".to_owned(),
        bucket_policy: None,
    };
    let rights = [Permission::ListBucket, Permission::GetObject, Permission::PutObject];
    let options = EmbeddedOptions {
        users: vec![
            User::new(&start.access_key, &start.secret_key),
            User::new(&limited.access_key, &limited.secret_key)
                .restricted_to(&rights)
                .in_bucket(&limited.bucket),
        ],
        buckets: start.buckets.iter().chain([&limited.bucket]).map(BucketOptions::new).collect(),
        tls: start.certificate.clone(),
        quirks: Quirks { virtual_host: Some(BUCKET_DOMAIN.to_owned()), ..Quirks::default() },
        data_dir: Some(start.folder.join("data")),
        ..EmbeddedOptions::default()
    };
    let server = EmbeddedS3::start(options)?;
    Ok(Started {
        endpoint: server.endpoint(),
        backing: Backing::Embedded { _server: server },
        kms_key_id: Some("testkey-1".to_owned()),
        limited: Some(limited),
    })
}

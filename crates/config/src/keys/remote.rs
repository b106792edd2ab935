//! The options of remotes, by the scheme of the URL.

use super::Kind::{Bool, BoolOrPath, Choice, Integer, LinkTypes, Number, Path, Text, Unsettable};
use super::sections::{PROTECTED, SLOW_LINK_WARNING};
use super::{Key, Use};

pub(super) const SCHEMES: &[(&str, &[&[Key]])] = &[
    ("", &[COMMON, FOLDER]),
    ("s3", &[COMMON, S3]),
    ("gs", &[COMMON, GS]),
    ("ssh", &[COMMON, SSH]),
    ("hdfs", &[COMMON, HDFS]),
    ("webhdfs", &[COMMON, WEBHDFS]),
    ("azure", &[COMMON, AZURE]),
    ("oss", &[COMMON, OSS]),
    ("gdrive", &[COMMON, GDRIVE]),
    ("http", &[COMMON, HTTP]),
    ("https", &[COMMON, HTTP]),
    ("webdav", &[COMMON, WEBDAV]),
    ("webdavs", &[COMMON, WEBDAV]),
    // Refers to another remote, whose options hold under its own: any of the above.
    ("remote", &[]),
];

const COMMON: &[Key] = &[
    Key::new("url", Path, "Where the remote is."),
    Key::new("checksum_jobs", Integer(Some(1), None), "How many files are hashed side by side.")
        .used(Use::Idle("what moves is hashed while it streams; `core.checksum_jobs` is for the workspace")),
    Key::new("jobs", Integer(Some(1), None), "How many transfers run side by side."),
    Key::new("worktree", Bool, "Whether the remote mirrors the workspace."),
    Key::new("no_traverse", Bool, "How missing objects are looked for; haul finds the cheapest way itself.")
        .used(Use::Obsolete),
    Key::new("version_aware", Bool, "Whether object versions stand for file versions."),
];

const VERIFY: Key = Key::new("verify", Bool, "Whether downloads are hashed again.")
    .default("false")
    .deviation("haul hashes every download while it streams; the option adds a second look at the file");

/// The server-side encryptions.
pub(crate) const ENCRYPTIONS: [&str; 3] = ["AES256", "aws:kms", "aws:kms:dsse"];

/// The canned ACLs of objects.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl>.
pub(crate) const CANNED_ACLS: [&str; 7] = [
    "private",
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];

const S3: &[Key] = &[
    Key::new("region", Text, "The region requests are signed for.")
        .deviation("what cannot be the name of a region is refused when it is written; DVC refuses it when it is used"),
    Key::new("profile", Text, "The profile of the shared AWS files; takes environment variables out of the chain."),
    Key::new("credentialpath", Path, "The shared credentials file.").default("~/.aws/credentials"),
    Key::new("configpath", Path, "The AWS configuration file.").default("~/.aws/config"),
    Key::new("endpointurl", Text, "The server, with `http://` or `https://`."),
    Key::new("access_key_id", Text, "The access key."),
    Key::new("secret_access_key", Text, "The secret of the access key.").secret(),
    Key::new("session_token", Text, "The session token of temporary keys.").secret(),
    Key::new("listobjects", Bool, "Whether listings use version 1 of the protocol.")
        .default("false")
        .deviation("DVC accepts the option and ignores it"),
    Key::new("use_ssl", Bool, "Whether a server named without a scheme is reached over TLS.").default("true"),
    Key::new("allow_anonymous_login", Bool, "Whether requests go out unsigned.").default("false"),
    Key::new("ssl_verify", BoolOrPath, "Whether, or against which authorities, the server's certificate is checked.")
        .default("true")
        .deviation(
            "a relative path starts in the folder of the file, as all paths do; DVC starts in the working directory, \
             which is tried second",
        ),
    Key::new("sse", Text, "The server-side encryption: `AES256`, `aws:kms` or `aws:kms:dsse`.")
        .examples(&ENCRYPTIONS)
        .deviation("other values are refused before the server refuses them"),
    Key::new("sse_kms_key_id", Text, "The KMS key of `aws:kms` encryption.")
        .deviation("needs `sse`; DVC sends it alone and the server refuses"),
    Key::new("sse_customer_algorithm", Text, "The algorithm of customer-key encryption.")
        .default("AES256")
        .deviation("needs `sse_customer_key`; DVC sends it alone and the server refuses"),
    Key::new("sse_customer_key", Text, "The customer key: 32 bytes in base64.")
        .secret()
        .deviation("what is not 32 bytes in base64 is refused before it is used"),
    Key::new("acl", Text, "The canned ACL of new objects; not together with `grant_*`.").examples(&CANNED_ACLS),
    Key::new("grant_read", Text, "Who may read new objects."),
    Key::new("grant_read_acp", Text, "Who may read the ACL of new objects."),
    Key::new("grant_write_acp", Text, "Who may write the ACL of new objects."),
    Key::new("grant_full_control", Text, "Who may do all of it."),
    Key::new("cache_regions", Unsettable("bool"), "Whether the region of a bucket is looked up once.")
        .used(Use::Idle("it always is")),
    Key::new("read_timeout", Integer(None, None), "How many seconds a connection may be silent.")
        .default("60")
        .deviation("60 as documented; DVC waits 15. Zero and less is refused"),
    Key::new("connect_timeout", Integer(None, None), "How many seconds connecting may take.")
        .default("60")
        .deviation("60 as documented; DVC waits 5. Zero and less is refused"),
    VERIFY,
];

const FOLDER: &[Key] = &[
    Key::new("type", LinkTypes, "How objects appear in the remote.").used(Use::Idle("a remote gets copies")),
    PROTECTED,
    Key::new("shared", Choice(&["group"]), "Who else may write to the remote.")
        .used(Use::Idle("the umask decides about the files of a remote")),
    SLOW_LINK_WARNING,
    VERIFY,
];

/// Makes the options of a storage that haul does not speak to.
const fn other(name: &'static str, kind: super::Kind) -> Key {
    Key::new(name, kind, "See the documentation of DVC.").used(Use::DvcOnly)
}

const GS: &[Key] = &[
    other("projectname", Text),
    other("credentialpath", Path),
    other("endpointurl", Text),
    other("verify", Bool).default("false"),
    other("allow_anonymous_login", Bool).default("false"),
];

const SSH: &[Key] = &[
    other("type", LinkTypes),
    other("port", Integer(None, None)),
    other("user", Text),
    other("password", Text).secret(),
    other("ask_password", Bool),
    other("passphrase", Text).secret(),
    other("ask_passphrase", Bool),
    other("keyfile", Path),
    other("timeout", Integer(None, None)),
    other("gss_auth", Bool),
    other("allow_agent", Bool),
    other("max_sessions", Integer(None, None)),
    other("verify", Bool).default("false"),
];

const HDFS: &[Key] =
    &[other("user", Text), other("kerb_ticket", Text), other("replication", Unsettable("int"))];

const WEBHDFS: &[Key] = &[
    other("kerberos", Bool),
    other("kerberos_principal", Text),
    other("proxy_to", Text),
    other("ssl_verify", BoolOrPath),
    other("token", Text).secret(),
    other("use_https", Bool),
    other("user", Text),
    other("password", Text).secret(),
    other("data_proxy_target", Text),
    other("verify", Bool).default("false"),
];

const AZURE: &[Key] = &[
    other("connection_string", Text).secret(),
    other("sas_token", Text).secret(),
    other("account_name", Text),
    other("account_key", Text).secret(),
    other("tenant_id", Text),
    other("client_id", Text),
    other("client_secret", Text).secret(),
    other("allow_anonymous_login", Bool),
    other("exclude_environment_credential", Bool),
    other("exclude_visual_studio_code_credential", Bool),
    other("exclude_shared_token_cache_credential", Bool),
    other("exclude_managed_identity_credential", Bool),
    other("verify", Bool).default("false"),
    other("timeout", Integer(None, None)),
    other("read_timeout", Integer(None, None)),
    other("connection_timeout", Integer(None, None)),
];

const OSS: &[Key] = &[
    other("oss_key_id", Text),
    other("oss_key_secret", Text).secret(),
    other("oss_endpoint", Text),
    other("verify", Bool).default("true"),
];

const GDRIVE: &[Key] = &[
    other("profile", Text),
    other("gdrive_use_service_account", Bool),
    other("gdrive_client_id", Text),
    other("gdrive_client_secret", Text).secret(),
    other("gdrive_user_credentials_file", Path),
    other("gdrive_service_account_user_email", Text),
    other("gdrive_service_account_json_file_path", Path),
    other("gdrive_trash_only", Bool).default("false"),
    other("gdrive_acknowledge_abuse", Bool).default("false"),
    other("verify", Bool).default("true"),
];

const HTTP: &[Key] = &[
    Key::new("auth", Choice(&["basic", "digest", "custom"]), "How requests say who sends them.")
        .deviation("`digest` is refused, as DVC refuses it when it is used, with a hint"),
    Key::new("custom_auth_header", Text, "The header that `password` is sent in, with `auth = custom`.")
        .secret(),
    Key::new("user", Text, "The user name of `auth = basic`."),
    Key::new(
        "password",
        Text,
        "The password of `auth = basic`, or the value of the header of `auth = custom`.",
    )
    .secret(),
    Key::new("ask_password", Bool, "Whether a password that is not set is asked for.")
        .used(Use::Idle("haul asks for no password; set `password` with `--local`")),
    Key::new(
        "ssl_verify",
        BoolOrPath,
        "Whether, or against which authorities, the server's certificate is checked.",
    )
    .default("true"),
    Key::new("method", Text, "The method of uploads: `POST` or `PUT`.").default("POST"),
    Key::new("connect_timeout", Number(Some(0.0)), "How many seconds connecting may take.").default("60"),
    Key::new("read_timeout", Number(Some(0.0)), "How many seconds a connection may be silent.").default("60"),
    VERIFY,
];

const WEBDAV: &[Key] = &[
    other("user", Text),
    other("password", Text).secret(),
    other("ask_password", Bool),
    other("token", Text).secret(),
    // A command line may well hold a password.
    other("bearer_token_command", Text).secret(),
    other("custom_auth_header", Text).secret(),
    other("cert_path", Path),
    other("key_path", Path),
    other("timeout", Integer(None, None)),
    other("ssl_verify", BoolOrPath),
    other("verify", Bool).default("false"),
];

//! ACLs: the access headers of a request, which are stored and returned.

use s3s::dto::{
    GetObjectAclInput, GetObjectAclOutput, Grant, Grantee, Owner, Permission, PutObjectAclInput,
    PutObjectAclOutput, Type,
};
use s3s::{S3Result, s3_error};

use super::backend::Backend;
use super::object::no_such_key;

const CANNED: [&str; 7] = [
    "private",
    "public-read",
    "public-read-write",
    "aws-exec-read",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];
const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

/// Permission and grantee of each grant.
type Grants = Vec<(String, String)>;

/// The five headers by which a request speaks of access.
pub(crate) struct AclHeaders<'a> {
    pub(crate) canned: Option<&'a str>,
    pub(crate) read: Option<&'a str>,
    pub(crate) read_acp: Option<&'a str>,
    pub(crate) write_acp: Option<&'a str>,
    pub(crate) full_control: Option<&'a str>,
}

impl AclHeaders<'_> {
    /// Validates the headers; returns the canned ACL, and permission and grantee of each grant.
    pub(crate) fn check(&self) -> S3Result<(Option<String>, Grants)> {
        let mut grants = Vec::new();
        for (permission, header) in [
            ("READ", self.read),
            ("READ_ACP", self.read_acp),
            ("WRITE_ACP", self.write_acp),
            ("FULL_CONTROL", self.full_control),
        ] {
            for grantee in header.into_iter().flat_map(|header| header.split(',')) {
                let grantee = grantee.trim();
                parse_grantee(grantee)?;
                grants.push((permission.to_owned(), grantee.to_owned()));
            }
        }
        match self.canned {
            Some(_) if !grants.is_empty() => {
                Err(s3_error!(InvalidRequest, "Specifying both Canned ACLs and Header Grants is not allowed"))
            }
            Some(canned) if !CANNED.contains(&canned) => {
                Err(s3_error!(InvalidArgument, "no canned ACL is called {canned}"))
            }
            canned => Ok((canned.map(str::to_owned), grants)),
        }
    }
}

fn parse_grantee(text: &str) -> S3Result<Grantee> {
    let invalid = || s3_error!(InvalidArgument, "not a grantee: {text}");
    let (kind, value) = text.split_once('=').ok_or_else(invalid)?;
    let value = value.trim().trim_matches('"').to_owned();
    if value.is_empty() {
        return Err(invalid());
    }
    let grantee = |kind: &'static str| Grantee {
        display_name: None,
        email_address: None,
        id: None,
        type_: Type::from_static(kind),
        uri: None,
    };
    match kind.trim() {
        "id" => Ok(Grantee { id: Some(value), ..grantee(Type::CANONICAL_USER) }),
        "uri" => Ok(Grantee { uri: Some(value), ..grantee(Type::GROUP) }),
        "emailAddress" => {
            Ok(Grantee { email_address: Some(value), ..grantee(Type::AMAZON_CUSTOMER_BY_EMAIL) })
        }
        _ => Err(invalid()),
    }
}

pub(crate) fn owner() -> Owner {
    Owner { display_name: Some("owner".to_owned()), id: Some("0".repeat(63) + "1") }
}

impl Backend {
    pub(crate) fn object_acl(&self, input: &GetObjectAclInput) -> S3Result<GetObjectAclOutput> {
        let state = self.shared.state();
        let version = state.bucket(&input.bucket)?.version(&input.key, input.version_id.as_deref());
        let object = version.and_then(|version| version.object.as_ref()).ok_or_else(no_such_key)?;
        let mut grants = Vec::new();
        let mut add = |permission: &str, grantee: &str| -> S3Result<()> {
            grants.push(Grant {
                grantee: Some(parse_grantee(grantee)?),
                permission: Some(Permission::from(permission.to_owned())),
            });
            Ok(())
        };
        if object.attributes.grants.is_empty() {
            add("FULL_CONTROL", &format!("id={}", "0".repeat(63) + "1"))?;
        }
        match object.attributes.acl.as_deref() {
            Some("public-read") => add("READ", &format!("uri={ALL_USERS}"))?,
            Some("public-read-write") => {
                add("READ", &format!("uri={ALL_USERS}"))?;
                add("WRITE", &format!("uri={ALL_USERS}"))?;
            }
            Some("authenticated-read") => add("READ", &format!("uri={AUTHENTICATED_USERS}"))?,
            _ => {}
        }
        for (permission, grantee) in &object.attributes.grants {
            add(permission, grantee)?;
        }
        Ok(GetObjectAclOutput { grants: Some(grants), owner: Some(owner()), request_charged: None })
    }

    pub(crate) fn set_object_acl(&self, input: &PutObjectAclInput) -> S3Result<PutObjectAclOutput> {
        let (acl, grants) = AclHeaders {
            canned: input.acl.as_ref().map(s3s::dto::ObjectCannedACL::as_str),
            read: input.grant_read.as_deref(),
            read_acp: input.grant_read_acp.as_deref(),
            write_acp: input.grant_write_acp.as_deref(),
            full_control: input.grant_full_control.as_deref(),
        }
        .check()?;
        let mut state = self.shared.state();
        let versions =
            state.bucket_mut(&input.bucket)?.objects.get_mut(&input.key).ok_or_else(no_such_key)?;
        let version = match &input.version_id {
            None => versions.last_mut(),
            Some(id) => versions.iter_mut().find(|version| version.id == *id),
        };
        let object = version.and_then(|version| version.object.as_mut()).ok_or_else(no_such_key)?;
        object.attributes.acl = acl;
        object.attributes.grants = grants;
        Ok(PutObjectAclOutput::default())
    }
}

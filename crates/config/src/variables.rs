//! The environment variables that count, as data; the reference page is made from it.

use std::fmt::Write as _;

/// A group of environment variables.
#[derive(Debug, Clone, Copy)]
pub struct VariableGroup {
    /// What they are about.
    pub title: &'static str,
    /// The variables: their names, several where one stands in for the other, and what they do.
    pub variables: &'static [(&'static [&'static str], &'static str)],
}

/// All variables. One that is set to nothing counts as unset.
pub const VARIABLES: &[VariableGroup] = &[
    VariableGroup {
        title: "haul and DVC",
        variables: &[
            (&["DVC_GLOBAL_CONFIG_DIR"], "The folder of the user's `config` file."),
            (&["DVC_SYSTEM_CONFIG_DIR"], "The folder of the machine's `config` file."),
            (
                &["XDG_CONFIG_HOME"],
                "Where `dvc/config` of the user is, without the variable above; `~/.config` by default.",
            ),
            (
                &["XDG_CONFIG_DIRS"],
                "Where `dvc/config` of the machine is: the first folder of the list; `/etc/xdg` by default.",
            ),
            (
                &["XDG_CACHE_HOME"],
                "Where clones of other repositories are kept, in `haul/clones`; `~/.cache` by default.",
            ),
            (
                &["TMPDIR"],
                "Where clones of other repositories are kept where there is no home directory; `/tmp` by default.",
            ),
            (
                &["HAUL_LOG"],
                "What is logged on stderr, in the syntax of `RUST_LOG`, as `haul_storage=debug,warn`; `-v` and `-vv` are \
                 shorter.",
            ),
            (
                &["HAUL_DURABILITY"],
                "`none`: nothing waits for the disk of the cache and of the workspace. For scratch machines: a power failure may \
                 leave damaged objects that count as intact, and take back what was reported as done. `sync` by default.",
            ),
            (
                &["HAUL_DVC"],
                "The program that commands of DVC are handed over to which haul does not have, as `repro`; by default the \
                 first `dvc` on `PATH` that is not haul itself.",
            ),
            (
                &["HAUL_HANDED_OVER"],
                "Set by haul for DVC: how often in a row a command line was handed over, so that a `dvc` that leads back to \
                 haul is found out.",
            ),
            (
                &["COMPLETE"],
                "Set by the scripts of `haul completion`: the shell that asks what may follow on a command line, which stands \
                 behind `--`.",
            ),
            (&["HOME"], "The home directory, for `~` and the AWS files."),
            (&["CI"], "Set to anything, it makes progress plain lines."),
            (&["NO_COLOR", "TERM"], "Set, or `dumb`: no colours."),
        ],
    },
    VariableGroup {
        title: "Credentials",
        variables: &[
            (
                &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
                "A key pair; without effect on remotes that have a `profile`.",
            ),
            (
                &["AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"],
                "The session token of temporary keys; the first one counts.",
            ),
            (&["AWS_CREDENTIAL_EXPIRATION"], "When the keys of the environment expire."),
            (&["AWS_ACCOUNT_ID"], "The account of the keys of the environment."),
            (
                &["AWS_DEFAULT_PROFILE", "AWS_PROFILE"],
                "The profile of the AWS files, where the remote names none; the first one counts.",
            ),
            (
                &["AWS_SHARED_CREDENTIALS_FILE"],
                "The shared credentials file; `~/.aws/credentials` by default.",
            ),
            (&["AWS_CONFIG_FILE"], "The AWS config file; `~/.aws/config` by default."),
            (
                &["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME"],
                "A role that is assumed with the token of a web identity.",
            ),
            (
                &["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"],
                "Where a container asks for credentials.",
            ),
            (
                &["AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"],
                "What the container shows there.",
            ),
            (&["AWS_EC2_METADATA_DISABLED"], "`true`: instance metadata is not asked for credentials."),
            (
                &["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"],
                "Where instance metadata is, or whether its IPv6 address is taken.",
            ),
            (&["AWS_IMDS_USE_IPV6"], "`true`: the IPv6 address of instance metadata is taken."),
            (&["AWS_EC2_METADATA_V1_DISABLED"], "`true`: only version 2 of instance metadata is used."),
            (
                &["AWS_METADATA_SERVICE_TIMEOUT", "AWS_METADATA_SERVICE_NUM_ATTEMPTS"],
                "How long, in seconds, and how often instance metadata is asked.",
            ),
        ],
    },
    VariableGroup {
        title: "S3",
        variables: &[
            (
                &["AWS_DEFAULT_REGION", "AWS_REGION"],
                "The region. The second one counts where neither the first nor the profile names one.",
            ),
            (
                &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"],
                "The S3 server, where the remote has no `endpointurl`.",
            ),
            (
                &["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC"],
                "The servers that credentials come from.",
            ),
            (
                &["AWS_STS_REGIONAL_ENDPOINTS"],
                "`legacy`: roles of the older regions are assumed at the global endpoint; `regional` by default.",
            ),
            (
                &["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"],
                "`true`: endpoints of the environment and of the AWS files do not count.",
            ),
            (
                &["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"],
                "A PEM file of certificates that are trusted instead of the system's: the remote's `ssl_verify`, else \
                 the first variable, else `ca_bundle` of the profile, else the second variable.",
            ),
            (
                &["AWS_RETRY_MODE"],
                "`legacy` (5 attempts), `standard` or `adaptive` (3): limits the attempts of each request.",
            ),
            (&["AWS_MAX_ATTEMPTS"], "The attempts of each request, the first one included."),
            (
                &["AWS_REQUEST_CHECKSUM_CALCULATION"],
                "`when_supported`: uploads carry a CRC-32. By default they do not: not every server takes it.",
            ),
            (
                &["AWS_RESPONSE_CHECKSUM_VALIDATION"],
                "`when_supported`: the server's checksum is asked for and compared, besides the MD5.",
            ),
            (&["AWS_USE_DUALSTACK_ENDPOINT"], "`true`: endpoints of AWS that have IPv6 addresses, too."),
            (&["AWS_USE_FIPS_ENDPOINT"], "`true`: endpoints of AWS with FIPS 140 validated cryptography."),
        ],
    },
    VariableGroup {
        title: "Network",
        variables: &[
            (&["http_proxy", "HTTP_PROXY"], "The proxy for `http` servers."),
            (&["https_proxy", "HTTPS_PROXY"], "The proxy for `https` servers."),
            (&["all_proxy", "ALL_PROXY"], "The proxy where the ones above are not set."),
            (&["no_proxy", "NO_PROXY"], "Hosts that are reached without a proxy."),
            (&["SSL_CERT_FILE", "SSL_CERT_DIR"], "Where the authorities of the system are, on Linux."),
        ],
    },
];

/// Renders the table as a page in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Environment variables\n\nMade from the table in `crates/config/src/variables.rs`; do not edit.\n\nA variable that is \
         set to nothing counts as unset. Options of a remote win over variables, variables over the AWS\nconfig file.\n",
    );
    for group in VARIABLES {
        // Writing to a string can't fail.
        let _ = write!(page, "\n## {}\n\n| variable | what it does |\n|---|---|\n", group.title);
        for (names, about) in group.variables {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let _ = writeln!(page, "| {} | {about} |", names.join(", "));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_stands_once_in_a_table_that_no_cell_breaks() {
        let page = reference();
        let names: Vec<&str> = VARIABLES
            .iter()
            .flat_map(|group| group.variables.iter().flat_map(|(names, _)| names.iter().copied()))
            .collect();
        for name in names {
            assert_eq!(page.matches(&format!("`{name}`")).count(), 1, "{name}");
        }
        assert!(page.lines().filter(|line| line.starts_with('|')).all(|line| line.matches('|').count() == 3));
    }
}

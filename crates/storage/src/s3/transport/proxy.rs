//! Which requests go through a proxy: as Python's `urllib`, hence botocore and DVC, decides it.

use std::fmt;

use haul_config::{Env, Secret};
use url::Url;

use crate::{Error, ErrorKind, Result};

/// Proxies by the scheme of the server.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ProxySettings {
    /// The proxy for `http` endpoints; may hold a password.
    pub http: Option<Secret>,
    /// The proxy for `https` endpoints; may hold a password.
    pub https: Option<Secret>,
    /// Hosts that are reached without a proxy, in the form of `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// The variables that name the proxies for `http` and `https`, if they are those with capitals.
    pub in_capitals: InCapitals,
}

/// Which proxies are named by the variables with capitals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InCapitals {
    /// `HTTP_PROXY` holds, not `http_proxy`.
    pub http: bool,
    /// `HTTPS_PROXY` holds, not `https_proxy`.
    pub https: bool,
}

/// A proxy that requests go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyInUse {
    /// Its address, without its password.
    pub address: String,
    /// The environment variable that names it.
    pub variable: &'static str,
}

impl fmt::Display for ProxyInUse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}  (environment variable {})", self.address, self.variable)
    }
}

impl ProxySettings {
    /// Reads `http_proxy`, `https_proxy` and `no_proxy`; names with capitals count as well, but less.
    ///
    /// `HTTP_PROXY` in capitals is ignored in CGI programs, where a request's header sets it. `all_proxy` is not
    /// looked at: botocore does not know it.
    ///
    /// Source: `getproxies_environment` in <https://github.com/python/cpython/blob/main/Lib/urllib/request.py>.
    pub fn from_env(env: &Env) -> Self {
        let [http, https] = ["http", "https"].map(|scheme| read(env, scheme).map(Secret::new));
        let in_capitals = InCapitals {
            http: http.is_some() && !env.is_set("http_proxy"),
            https: https.is_some() && !env.is_set("https_proxy"),
        };
        Self { http, https, no_proxy: read(env, "no"), in_capitals }
    }

    /// Returns the proxy for a scheme, as a URL.
    ///
    /// # Errors
    /// What stands in the variable is no URL of an HTTP proxy.
    pub(crate) fn url_for(&self, scheme: &str) -> Result<Option<Url>> {
        let Some(address) = (if scheme == "http" { &self.http } else { &self.https }) else {
            return Ok(None);
        };
        let address = with_scheme(address.expose().trim());
        // The cause would show the address, which may hold a password.
        let url = Url::parse(&address).ok().filter(Url::has_host);
        match url {
            Some(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(url)),
            Some(url) => Err(Error::new(
                ErrorKind::Config,
                format!("the proxy for {scheme} speaks `{}`, which haul does not", url.scheme()),
            )
            .with_hint(format!(
                "name an HTTP proxy in the environment variable {scheme}_proxy, or unset it"
            ))),
            None => Err(Error::new(ErrorKind::Config, format!("the proxy for {scheme} is not a URL"))
                .with_hint(format!("check the environment variable {scheme}_proxy"))),
        }
    }

    /// Returns the proxy that a request to `url` goes through.
    pub fn in_use(&self, url: &str) -> Option<ProxyInUse> {
        let url = Url::parse(url).ok()?;
        let proxy = self.url_for(url.scheme()).ok().flatten().filter(|_| !self.bypasses(&url))?;
        let variable = match (url.scheme(), self.in_capitals) {
            ("http", InCapitals { http: false, .. }) => "http_proxy",
            ("http", _) => "HTTP_PROXY",
            (_, InCapitals { https: false, .. }) => "https_proxy",
            _ => "HTTPS_PROXY",
        };
        let address = haul_config::mask_urls(proxy.as_str().trim_end_matches('/'));
        Some(ProxyInUse { address, variable })
    }

    /// Whether the server at `url` is reached without a proxy.
    ///
    /// Deviation: an entry with the default port, as `host:443`, matches a URL without a port; in Python only one
    /// with it.
    pub(crate) fn bypasses(&self, url: &Url) -> bool {
        let (Some(no_proxy), Some(host)) = (&self.no_proxy, url.host_str()) else { return false };
        let port = url.port_or_known_default().map(|port| port.to_string()).unwrap_or_default();
        bypasses(no_proxy, host, &format!("{host}:{port}"))
    }
}

/// Reads `SCHEME_proxy`: in small letters, even if it is empty, else with capitals.
fn read(env: &Env, scheme: &str) -> Option<String> {
    let lower = format!("{scheme}_proxy");
    if env.is_set(&lower) {
        return env.var(&lower).map(str::to_owned);
    }
    if scheme == "http" && env.is_set("REQUEST_METHOD") {
        return None;
    }
    env.var(&lower.to_uppercase()).map(str::to_owned)
}

/// Adds the scheme that a proxy without one has.
fn with_scheme(address: &str) -> String {
    if address.contains("://") {
        address.to_owned()
    } else {
        format!("http://{}", address.trim_start_matches('/'))
    }
}

/// Whether a host, with and without its port, is in a list like `localhost,.example.org,host:9000`.
///
/// An entry is the end of a name, from a dot on. There are no address ranges, and `*` stands alone.
///
/// Source: `proxy_bypass_environment` in <https://github.com/python/cpython/blob/main/Lib/urllib/request.py>.
fn bypasses(no_proxy: &str, host: &str, host_and_port: &str) -> bool {
    if no_proxy == "*" {
        return true;
    }
    let names = [host.to_lowercase(), host_and_port.to_lowercase()];
    no_proxy.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.trim_start_matches('.').to_lowercase();
        names.iter().any(|name| *name == entry || name.ends_with(&format!(".{entry}")))
    })
}

/// Shows that there are proxies, not their passwords.
impl fmt::Debug for ProxySettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProxySettings")
            .field("http", &self.http)
            .field("https", &self.https)
            .field("no_proxy", &self.no_proxy)
            .field("in_capitals", &self.in_capitals)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of Python 3.11: `make_no_proxy.py` writes them.
    const TABLE: &str = include_str!("fixtures/no_proxy.tsv");

    fn from(variables: &[(&str, &str)]) -> ProxySettings {
        ProxySettings::from_env(&Env::new("/", variables.iter().copied()))
    }

    #[test]
    fn variables_count_as_in_python() {
        let http = |variables: &[_]| from(variables).http.map(|proxy| proxy.expose().to_owned());
        assert_eq!(
            http(&[("http_proxy", "http://small"), ("HTTP_PROXY", "http://big")]).unwrap(),
            "http://small"
        );
        assert_eq!(http(&[("HTTP_PROXY", "http://big")]).unwrap(), "http://big");
        assert_eq!(http(&[("http_proxy", ""), ("HTTP_PROXY", "http://big")]), None);
        assert_eq!(http(&[("HTTP_PROXY", "http://evil"), ("REQUEST_METHOD", "GET")]), None);
        let all = from(&[("ALL_PROXY", "socks5://127.0.0.1:1"), ("all_proxy", "http://127.0.0.1:1")]);
        assert_eq!(all, ProxySettings::default());
    }

    #[test]
    fn proxy_is_an_http_url_or_an_error_without_its_password() {
        let url = |address| from(&[("https_proxy", address)]).url_for("https");
        for (address, expected) in [
            ("http://proxy:3128", "http://proxy:3128/"),
            ("https://proxy", "https://proxy/"),
            ("proxy:3128", "http://proxy:3128/"),
            ("//proxy:3128", "http://proxy:3128/"),
            ("me:secret@proxy:3128", "http://me:secret@proxy:3128/"),
            ("127.0.0.1:3128", "http://127.0.0.1:3128/"),
        ] {
            assert_eq!(url(address).unwrap().unwrap().as_str(), expected, "{address}");
        }
        for address in ["socks5://me:hunter2@proxy:1080", "http://me:hunter2@", "http://me:hunter2@a b"] {
            let error = url(address).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            assert!(error.hint().unwrap().contains("https_proxy"));
        }
        assert!(url("socks5://proxy").unwrap_err().to_string().contains("`socks5`"));
        assert_eq!(from(&[]).url_for("http").unwrap(), None);
    }

    #[test]
    fn hosts_are_matched_as_python_matches_them() {
        let mut n_rows = 0;
        for row in TABLE.lines().filter(|row| !row.starts_with('#')) {
            let [no_proxy, url, expected] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
            let settings = ProxySettings { no_proxy: Some(no_proxy.to_owned()), ..ProxySettings::default() };
            assert_eq!(settings.bypasses(&Url::parse(url).unwrap()), expected == "direct", "{row}");
            n_rows += 1;
        }
        assert!(n_rows > 500, "{n_rows}");
    }
}

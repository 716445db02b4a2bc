//! Browsers: which pages may connect, under which name, and who is trusted with unsafe methods.

use super::peer::is_loopback;
use crate::access::Access;
use crate::{Config, Cors, RpcMethods};
use ::http::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, VIA};
use std::net::IpAddr;
use std::str::FromStr;

/// A proxy that sets one of these speaks for somebody else.
const PROXY_HEADERS: [HeaderName; 5] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
];
/// Pages that this machine serves.
const OWN_ORIGINS: [&str; 4] = [
    "http://localhost:*",
    "http://127.0.0.1:*",
    "https://localhost:*",
    "https://127.0.0.1:*",
];

/// The rules, ready to be asked.
#[derive(Clone, Debug)]
pub struct Origins {
    cors: Cors,
    hosts: Vec<String>,
    methods: RpcMethods,
}

impl Origins {
    pub fn new(config: &Config) -> Self {
        Self {
            cors: config.cors.clone(),
            hosts: config.allowed_hosts.clone(),
            methods: config.methods,
        }
    }

    /// Whether a page of this origin may use the server.
    pub fn allows(&self, origin: &HeaderValue) -> bool {
        match &self.cors {
            Cors::All => true,
            Cors::List(patterns) => patterns.iter().any(|pattern| matches(pattern, origin)),
        }
    }

    /// The rule that a request breaks, as `Observer::refused` names it. Browsers do not apply CORS to WebSockets, and
    /// a name that an attacker rebinds to this machine makes his page same-origin: hence both checks, on the server.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        if headers.get(ORIGIN).is_some_and(|origin| !self.allows(origin)) {
            return Err("origin");
        }
        if self.cors != Cors::All && !headers.get(HOST).is_some_and(|host| self.is_own_host(host)) {
            return Err("host");
        }
        Ok(())
    }

    /// A bare address cannot be rebound, and `localhost` is never asked of a name server.
    fn is_own_host(&self, host: &HeaderValue) -> bool {
        let Ok(host) = host.to_str() else { return false };
        let (name, bare) = names(host);
        IpAddr::from_str(bare).is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self
                .hosts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name) || known.eq_ignore_ascii_case(host))
    }

    /// What the sender of these headers may do.
    pub fn access(&self, peer: IpAddr, headers: &HeaderMap) -> Access {
        let is_unsafe_allowed = match self.methods {
            RpcMethods::Safe => false,
            RpcMethods::Unsafe => true,
            RpcMethods::Auto => {
                let is_own = |origin| OWN_ORIGINS.iter().any(|pattern| matches(pattern, origin));
                let is_foreign = headers.get(ORIGIN).is_some_and(|origin| !is_own(origin));
                is_loopback(peer) && !is_foreign && !is_proxied(headers) && is_for_loopback(headers)
            }
        };
        Access { is_unsafe_allowed }
    }
}

/// A host without its port, and without the brackets of IPv6.
fn names(host: &str) -> (&str, &str) {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    (name, bare.unwrap_or(name))
}

/// Whether this machine itself is what was asked for: a proxy may hand on the name that it was asked for.
fn is_for_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let (_, bare) = names(host);
    bare.eq_ignore_ascii_case("localhost") || IpAddr::from_str(bare).is_ok_and(is_loopback)
}

/// Whether the peer says that it speaks for others.
pub fn is_proxied(headers: &HeaderMap) -> bool {
    PROXY_HEADERS.iter().any(|name| headers.contains_key(name))
}

/// `scheme://host:*` stands for every port, and none; `scheme://*` for every host.
fn matches(pattern: &str, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    if let Some(scheme) = pattern.strip_suffix("://*") {
        let parts = origin.split_once("://");
        return parts.is_some_and(|(found, host)| found.eq_ignore_ascii_case(scheme) && !host.is_empty());
    }
    match pattern.strip_suffix(":*") {
        None => pattern.eq_ignore_ascii_case(origin),
        Some(prefix) => {
            let Some((head, rest)) = origin.split_at_checked(prefix.len()) else {
                return false;
            };
            let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            head.eq_ignore_ascii_case(prefix) && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn pages_are_told_by_their_whole_origin() {
        let origins = Origins::new(&Config::default());
        for (origin, expected) in [
            ("http://localhost:3000", true),
            ("http://localhost", true),
            ("HTTP://LOCALHOST:1", true),
            ("https://127.0.0.1:8443", true),
            ("https://polkadot.js.org", true),
            ("https://polkadot.js.org:444", false),
            ("http://polkadot.js.org", false),
            ("http://localhost.evil.example", false),
            ("http://localhost:80.evil.example", false),
            ("http://localhost:", false),
            ("https://evil.example", false),
            ("null", false),
            ("chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn", true),
            ("moz-extension://0d1e4bd7-3f3c-4a66-8f5e-0f5b4f2c7a11", true),
            ("safari-web-extension://A", true),
            ("chrome-extension://", false),
            ("https://chrome-extension://x", false),
            ("chrome-extension", false),
        ] {
            assert_eq!(origins.allows(&HeaderValue::from_static(origin)), expected, "{origin}");
        }
    }

    #[test]
    fn a_rebound_name_is_refused() {
        let config = Config {
            allowed_hosts: vec!["node.example".into()],
            ..Config::default()
        };
        let origins = Origins::new(&config);
        for (host, expected) in [
            ("localhost:9944", Ok(())),
            ("127.0.0.1:9944", Ok(())),
            ("[::1]:9944", Ok(())),
            ("192.0.2.1", Ok(())),
            ("node.example:443", Ok(())),
            ("evil.example:9944", Err("host")),
            ("127.0.0.1.evil.example", Err("host")),
            ("", Err("host")),
        ] {
            assert_eq!(origins.check(&headers(&[("host", host)])), expected, "{host}");
        }
        assert_eq!(origins.check(&headers(&[])), Err("host"));
        let foreign = headers(&[("host", "localhost"), ("origin", "https://evil.example")]);
        assert_eq!(origins.check(&foreign), Err("origin"));
        let config = Config {
            cors: Cors::All,
            ..config
        };
        assert_eq!(Origins::new(&config).check(&foreign), Ok(()));
    }

    #[test]
    fn unsafe_methods_are_for_this_machine_alone() {
        let (here, elsewhere) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([192, 0, 2, 1]));
        let none: &[(&str, &str)] = &[];
        for (cors, methods, peer, pairs, expected) in [
            (Cors::default(), RpcMethods::Auto, here, none, true),
            (Cors::default(), RpcMethods::Auto, elsewhere, none, false),
            (
                Cors::default(),
                RpcMethods::Auto,
                here,
                &[("x-forwarded-for", "192.0.2.1")],
                false,
            ),
            (
                Cors::default(),
                RpcMethods::Auto,
                here,
                &[("forwarded", "for=192.0.2.1")],
                false,
            ),
            (
                Cors::default(),
                RpcMethods::Auto,
                here,
                &[("x-real-ip", "192.0.2.1")],
                false,
            ),
            (
                Cors::default(),
                RpcMethods::Auto,
                here,
                &[("origin", "http://localhost:1")],
                true,
            ),
            (
                Cors::default(),
                RpcMethods::Auto,
                here,
                &[("origin", "https://evil.example")],
                false,
            ),
            (
                Cors::All,
                RpcMethods::Auto,
                here,
                &[("origin", "https://evil.example")],
                false,
            ),
            (
                Cors::All,
                RpcMethods::Auto,
                here,
                &[("origin", "http://127.0.0.1:1")],
                true,
            ),
            (
                Cors::default(),
                RpcMethods::Auto,
                here,
                &[("origin", "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn")],
                false,
            ),
            (
                Cors::default(),
                RpcMethods::Auto,
                here,
                &[("origin", "https://polkadot.js.org")],
                false,
            ),
            (
                Cors::default(),
                RpcMethods::Auto,
                here,
                &[("host", "rpc.example.org")],
                false,
            ),
            (Cors::default(), RpcMethods::Auto, here, &[("host", "[::1]:9944")], true),
            (Cors::default(), RpcMethods::Safe, here, none, false),
            (Cors::default(), RpcMethods::Unsafe, elsewhere, none, true),
        ] {
            let config = Config {
                cors,
                methods,
                ..Config::default()
            };
            let mut sent = headers(pairs);
            sent.entry(HOST).or_insert(HeaderValue::from_static("127.0.0.1:9944"));
            let access = Origins::new(&config).access(peer, &sent);
            assert_eq!(access.is_unsafe_allowed, expected, "{methods:?} {peer} {pairs:?}");
        }
    }
}

//! Addresses: whom they name, which can be dialled, and names into numbers.

use crate::NetworkError;
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use std::{
    io,
    net::{IpAddr, TcpListener},
};

/// Numbers taken of one name.
const RESOLVED_MAX: usize = 8;

/// The peer that an address ends in, and the address without it.
pub fn split_peer(address: &Multiaddr) -> Result<(PeerId, Multiaddr), NetworkError> {
    let mut bare = address.clone();
    match bare.pop() {
        Some(Protocol::P2p(peer)) if !bare.is_empty() => Ok((peer, bare)),
        _ => Err(NetworkError::NoPeer(address.clone())),
    }
}

/// The IP that an address begins with.
pub fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)),
        _ => None,
    }
}

/// Whether a limit per IP is of use for it: processes of one machine share theirs.
pub fn is_counted(ip: &IpAddr) -> bool {
    !ip.is_loopback()
}

/// Whether what a stranger says is worth a dial: TCP at an IP that leads somewhere. Loopback only if the stranger is there.
pub fn is_plausible(address: &Multiaddr, stranger: Option<IpAddr>) -> bool {
    let mut parts = address.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
        _ => return false,
    };
    let is_tcp = matches!(parts.next(), Some(Protocol::Tcp(port)) if port != 0);
    let is_whole = matches!(parts.next(), None | Some(Protocol::P2p(_))) && parts.next().is_none();
    let leads_somewhere = !ip.is_unspecified() && !ip.is_multicast();
    let is_reachable = !ip.is_loopback() || stranger.is_some_and(|stranger| stranger.is_loopback());
    is_tcp && is_whole && leads_somewhere && is_reachable
}

/// Fails if another socket listens there: libp2p would share its port (`SO_REUSEPORT`) and each would get half the peers.
pub fn check_free(address: &Multiaddr) -> io::Result<()> {
    let mut parts = address.iter().skip(1);
    match (ip(address), parts.next()) {
        (Some(ip), Some(Protocol::Tcp(port))) if port != 0 => TcpListener::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}

/// The addresses to dial: itself, or those of the name in it.
pub async fn resolve(address: Multiaddr) -> Vec<Multiaddr> {
    let mut parts = address.iter();
    let (name, wants_v4, wants_v6) = match parts.next() {
        Some(Protocol::Dns(name)) => (name, true, true),
        Some(Protocol::Dns4(name)) => (name, true, false),
        Some(Protocol::Dns6(name)) => (name, false, true),
        _ => return vec![address],
    };
    let rest: Vec<_> = parts.collect();
    let found = match tokio::net::lookup_host((name.as_ref(), 0)).await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!("{name} has no address: {error}");
            return Vec::new();
        }
    };
    found
        .map(|socket| socket.ip())
        .filter(|ip| if ip.is_ipv4() { wants_v4 } else { wants_v6 })
        .take(RESOLVED_MAX)
        .map(|ip| {
            std::iter::once(Protocol::from(ip))
                .chain(rest.iter().cloned())
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_addresses_are_taken_only_if_they_lead_somewhere() {
        let outside = Some(IpAddr::from([9, 9, 9, 9]));
        for (address, stranger, expected) in [
            ("/ip4/1.2.3.4/tcp/30333", outside, true),
            ("/ip6/2001:db8::1/tcp/30333", outside, true),
            ("/ip4/1.2.3.4/udp/30333", outside, false),
            ("/ip4/1.2.3.4/tcp/0", outside, false),
            ("/ip4/1.2.3.4/tcp/1/ws", outside, false),
            ("/ip4/0.0.0.0/tcp/1", outside, false),
            ("/ip4/224.0.0.1/tcp/1", outside, false),
            ("/dns4/example.org/tcp/1", outside, false),
            ("/ip4/127.0.0.1/tcp/1", outside, false),
            ("/ip4/127.0.0.1/tcp/1", Some(IpAddr::from([127, 0, 0, 1])), true),
        ] {
            assert_eq!(is_plausible(&address.parse().unwrap(), stranger), expected, "{address}");
        }
    }

    #[test]
    fn an_address_names_its_peer_at_the_end() {
        let peer = PeerId::random();
        let address: Multiaddr = format!("/ip4/1.2.3.4/tcp/1/p2p/{peer}").parse().unwrap();
        assert_eq!(
            split_peer(&address).unwrap(),
            (peer, "/ip4/1.2.3.4/tcp/1".parse().unwrap())
        );
        for bad in ["/ip4/1.2.3.4/tcp/1".to_owned(), format!("/p2p/{peer}"), String::new()] {
            assert!(split_peer(&bad.parse().unwrap()).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn names_become_numbers() {
        let found = resolve("/dns4/localhost/tcp/7".parse().unwrap()).await;
        assert_eq!(found, vec!["/ip4/127.0.0.1/tcp/7".parse().unwrap()]);
        assert!(
            resolve("/dns/no.such.name.invalid/tcp/7".parse().unwrap())
                .await
                .is_empty()
        );
        let plain: Multiaddr = "/ip4/1.2.3.4/tcp/1".parse().unwrap();
        assert_eq!(resolve(plain.clone()).await, vec![plain]);
    }
}

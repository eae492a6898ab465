//! Which network addresses a tenant's request may reach.
//!
//! A workflow's author chooses targets, so a request must not become a way into the network of the server itself
//! (contract section 10). The check is on the address that is then connected to, never on a name: names are
//! resolved here, once, and the connection is made to what was resolved (no DNS rebinding).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::LazyLock,
};

use ipnet::{Ipv4Net, Ipv6Net};

/// Which addresses are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Only addresses of the public internet.
    Public,
    /// All: for installations whose receivers are in their own network.
    Any,
}

/// An address that is not of the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a public address; the server option --allow-private-targets would permit it")]
pub struct NotPublic(pub IpAddr);

impl AddressPolicy {
    /// From the server's option.
    #[must_use]
    pub const fn new(allow_private_targets: bool) -> Self {
        if allow_private_targets { Self::Any } else { Self::Public }
    }

    /// Whether an address may be connected to.
    ///
    /// # Errors
    /// [`NotPublic`].
    pub fn check(self, address: IpAddr) -> Result<(), NotPublic> {
        if self == Self::Any || is_public(address) { Ok(()) } else { Err(NotPublic(address)) }
    }

    /// Resolves a name to the addresses that may be connected to, at least one.
    ///
    /// # Errors
    /// When the name is unknown, or (with [`NotPublic`] inside) has none but private addresses.
    pub async fn resolve(self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in tokio::net::lookup_host((host, port)).await? {
            match self.check(address.ip()) {
                Ok(()) => allowed.push(address),
                Err(not_public) => refused = Some(not_public),
            }
        }
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed),
            (true, Some(refused)) => Err(io::Error::new(io::ErrorKind::PermissionDenied, refused)),
            (true, None) => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        }
    }
}

/// The IANA special-purpose registries (RFC 6890 and its updates), and the metadata services that have a public address.
static NOT_PUBLIC_V4: LazyLock<Vec<Ipv4Net>> = LazyLock::new(|| {
    parse(&[
        "0.0.0.0/8",        // this network; 0.0.0.0 reaches the host itself
        "10.0.0.0/8",       // private
        "100.64.0.0/10",    // carrier-grade NAT; also a cloud's metadata service
        "127.0.0.0/8",      // loopback
        "168.63.129.16/32", // a cloud's host agent
        "169.254.0.0/16",   // link-local; metadata services
        "172.16.0.0/12",    // private
        "192.0.0.0/24",     // protocol assignments; a cloud's metadata service
        "192.0.2.0/24",     // documentation
        "192.88.99.0/24",   // 6to4 relays
        "192.168.0.0/16",   // private
        "198.18.0.0/15",    // benchmarks
        "198.51.100.0/24",  // documentation
        "203.0.113.0/24",   // documentation
        "224.0.0.0/4",      // multicast
        "240.0.0.0/4",      // reserved, broadcast
    ])
});

static NOT_PUBLIC_V6: LazyLock<Vec<Ipv6Net>> = LazyLock::new(|| {
    parse(&[
        "::/127",         // unspecified, loopback
        "64:ff9b:1::/48", // NAT64 of a local network
        "100::/64",       // discarded
        "2001::/23",      // protocol assignments, Teredo
        "2001:db8::/32",  // documentation
        "3fff::/20",      // documentation
        "5f00::/16",      // segment routing
        "fc00::/7",       // private; a cloud's metadata service
        "fe80::/10",      // link-local
        "fec0::/10",      // site-local, formerly
        "ff00::/8",       // multicast
    ])
});

fn parse<T: std::str::FromStr>(nets: &[&str]) -> Vec<T> {
    nets.iter().map(|net| net.parse().ok().expect("the table holds networks")).collect()
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => {
            let octets = address.octets();
            // An IPv6 address can carry an IPv4 one, which a gateway then reaches.
            let embedded = match address.segments() {
                [0, 0, 0, 0, 0, 0xffff | 0, ..]
                | [0, 0, 0, 0, 0xffff, 0, ..]
                | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some([octets[12], octets[13], octets[14], octets[15]]),
                [0x2002, ..] => Some([octets[2], octets[3], octets[4], octets[5]]),
                _ => None,
            };
            !NOT_PUBLIC_V6.iter().any(|net| net.contains(&address))
                && embedded.is_none_or(|octets| is_public(IpAddr::V4(Ipv4Addr::from(octets))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_public_internet() {
        let refused = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::",
            "2001:0:1::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
        ];
        for text in refused {
            assert!(AddressPolicy::Public.check(text.parse().unwrap()).is_err(), "{text}");
            assert!(AddressPolicy::Any.check(text.parse().unwrap()).is_ok(), "{text}");
        }
        for text in
            ["1.1.1.1", "172.32.0.1", "8.8.8.8", "2606:4700::1111", "2002:101:101::", "64:ff9b::8.8.8.8"]
        {
            assert!(AddressPolicy::Public.check(text.parse().unwrap()).is_ok(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_counts_as_what_it_resolves_to() {
        let error = AddressPolicy::Public.resolve("localhost", 80).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(!AddressPolicy::Any.resolve("localhost", 80).await.unwrap().is_empty());
    }
}

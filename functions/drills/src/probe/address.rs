//! Addresses that no probe may ask: those of the machine that runs the function, which serve its credentials. Whoever
//! resolves a host name or follows a redirect calls [`check`] first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// The probe's host is a link-local or metadata address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} is a link-local or metadata address: not asked")]
pub struct Refused(pub IpAddr);

/// This address, if a probe may ask it.
///
/// # Errors
/// It is a link-local or metadata address.
pub fn check(address: IpAddr) -> Result<IpAddr, Refused> {
    let refused = match address {
        IpAddr::V4(v4) => is_refused_v4(v4),
        IpAddr::V6(v6) => is_refused_v6(v6),
    };
    if refused { Err(Refused(address)) } else { Ok(address) }
}

fn is_refused_v4(address: Ipv4Addr) -> bool {
    address.is_link_local()
}

fn is_refused_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    // fe80::/10; fd00:ec2::/32 is where EC2 has its metadata, time and name services.
    if address.is_unicast_link_local() || parts[..2] == [0xfd00, 0x0ec2] {
        return true;
    }
    // An IPv4 address written as IPv6: mapped, compatible, or behind NAT64.
    let embedded = matches!(parts[..6], [0, 0, 0, 0, 0, 0 | 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0]);
    let [.., a, b] = parts;
    let ([a, b], [c, d]) = (a.to_be_bytes(), b.to_be_bytes());
    embedded && is_refused_v4(Ipv4Addr::new(a, b, c, d))
}

/// The host of a URL, if it is written as an address.
#[must_use]
pub fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_service_is_refused_in_every_spelling() {
        for text in [
            "169.254.169.254",
            "169.254.170.2",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
        ] {
            assert!(check(text.parse().unwrap()).is_err(), "{text}");
            assert!(literal(text).is_some() && literal(&format!("[{text}]")).is_some());
        }
        for text in ["127.0.0.1", "10.0.0.1", "169.253.0.1", "::1", "fec0::1", "fd00:ec3::254", "2001:db8::1"]
        {
            assert!(check(text.parse().unwrap()).is_ok(), "{text}");
        }
    }
}

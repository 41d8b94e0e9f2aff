//! Networks of addresses, as trusted proxies are named by.

use std::net::IpAddr;

/// A network such as `10.1.0.0/16`; a single address is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u32,
}

impl Cidr {
    /// Reads `ADDRESS` or `ADDRESS/BITS`; None when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = bits.unwrap_or(width);
        (prefix <= width).then_some(Self { address, prefix })
    }

    /// True when `address` lies in this network; an IPv4 address in its IPv6 form counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let prefix =
                    if self.address.is_ipv6() { self.prefix.saturating_sub(96) } else { self.prefix };
                let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
                (ours.to_bits() & mask) == (theirs.to_bits() & mask)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                (ours.to_bits() & mask) == (theirs.to_bits() & mask)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_network_and_in_no_other() {
        for (network, address, is_in) in [
            ("10.1.0.0/16", "10.1.255.7", true),
            ("10.1.0.0/16", "10.2.0.1", false),
            ("10.1.0.0/16", "::ffff:10.1.0.9", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "10.0.0.1", false),
        ] {
            let network = Cidr::parse(network).expect("a network");
            assert_eq!(network.contains(address.parse().expect("an address")), is_in, "{address}");
        }
    }
}

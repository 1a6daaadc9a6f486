//! Which hosts are this machine.

// Of `core`, which has addresses and no sockets.
use core::net::IpAddr;

/// Whether the host of a URL, an IPv6 address in brackets, is this machine.
pub fn is_loopback_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

//! Where a run serves its metrics.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::error::{ConfigError, value_error};
use crate::cli::MonitorOptions;

/// Decides where metrics are served: at the first of these addresses that can be had. What is
/// typed beats the file, and an empty one is none.
pub(super) fn metrics_addresses(
    typed: &MonitorOptions,
    stored: &MonitorOptions,
) -> Result<Vec<SocketAddr>, ConfigError> {
    match typed.metrics.as_deref().or(stored.metrics.as_deref()) {
        None => Ok(Vec::new()),
        Some(text) => addresses(text.trim()),
    }
}

/// The addresses that `text` stands for; none of an empty one.
fn addresses(text: &str) -> Result<Vec<SocketAddr>, ConfigError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let every = [
        IpAddr::from(Ipv6Addr::UNSPECIFIED),
        Ipv4Addr::UNSPECIFIED.into(),
    ];
    let with_port = |hosts: &[IpAddr], port: &str| {
        let port: u16 = port.parse().ok()?;
        let addresses = hosts.iter().map(|host| SocketAddr::new(*host, port));
        Some(addresses.collect())
    };
    let found = match text.rsplit_once(':') {
        // An IPv6 socket takes IPv4 as well, except on Windows.
        Some(("", port)) if !cfg!(windows) => with_port(&every, port),
        Some(("", port)) => with_port(&[Ipv4Addr::UNSPECIFIED.into()], port),
        Some(("localhost", port)) => with_port(&[Ipv4Addr::LOCALHOST.into()], port),
        Some(_) => text.parse().ok().map(|address| vec![address]),
        None => None,
    };
    found.ok_or_else(|| {
        value_error("metrics")(format!(
            "{text:?} is no address with a port, wanted for example 127.0.0.1:9464"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::{MonitorOptions, addresses, metrics_addresses};

    #[test]
    fn an_address_has_a_port_and_perhaps_a_host() {
        let shown = |text: &str| {
            let found = addresses(text).map_err(|error| error.to_string())?;
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            Ok::<_, String>(found.join(" "))
        };
        assert_eq!(shown("127.0.0.1:9464"), Ok("127.0.0.1:9464".to_owned()));
        assert_eq!(shown("localhost:0"), Ok("127.0.0.1:0".to_owned()));
        assert_eq!(shown("[::1]:0"), Ok("[::1]:0".to_owned()));
        assert_eq!(shown(""), Ok(String::new()));
        if !cfg!(windows) {
            assert_eq!(shown(":9464"), Ok("[::]:9464 0.0.0.0:9464".to_owned()));
        }
        for wrong in [
            "9464",
            "127.0.0.1",
            "::1",
            ":",
            ":65536",
            ":-1",
            "example.com:9464",
            "http://127.0.0.1:9464",
            "127.0.0.1:9464/metrics",
        ] {
            let error = shown(wrong).unwrap_err();
            assert!(error.starts_with("--metrics: "), "{error}");
        }
    }

    #[test]
    fn a_typed_address_beats_the_file_and_an_empty_one_is_none() {
        let at = |metrics: Option<&str>| MonitorOptions {
            metrics: metrics.map(str::to_owned),
            ..MonitorOptions::default()
        };
        let many = |typed, stored| {
            let decided = metrics_addresses(&at(typed), &at(stored));
            decided.unwrap().first().map(std::net::SocketAddr::port)
        };
        assert_eq!(many(None, None), None);
        assert_eq!(many(None, Some(":1")), Some(1));
        assert_eq!(many(Some(":2"), Some(":1")), Some(2));
        assert_eq!(many(Some(""), Some(":1")), None);
    }
}

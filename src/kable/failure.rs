//! What it means that no whole answer came: whether the request may have left,
//! and whose trouble it is.

use std::io;

use super::Trouble;
use super::client::Client;
use super::response::Lost;

impl Client {
    /// What it means that no whole answer came.
    pub(super) fn lost(&self, error: &reqwest::Error) -> Lost {
        // What fails while connecting never left; for everything else the
        // request may have arrived.
        let unsent = error.is_connect() || error.is_builder();
        let local = error.is_connect() && is_local(error);
        let message = if error.is_timeout() {
            let (missing, time) = if error.is_connect() {
                ("connection", self.connect_timeout)
            } else {
                ("answer", self.timeout)
            };
            format!("no {missing} within {}", humantime::format_duration(time))
        } else if local {
            format!(
                "this machine can open no more connections: {}",
                deepest(error)
            )
        } else {
            deepest(error)
        };
        Lost {
            unsent,
            trouble: Trouble {
                message,
                local,
                ..Trouble::default()
            },
        }
    }
}

/// Whether a connection failed for want of what this machine has too little of:
/// descriptors, ports, buffers, memory.
fn is_local(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return is_shortage(error);
        }
        cause = error.source();
    }
    false
}

#[cfg(unix)]
fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let shortages = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::ADDRNOTAVAIL,
        Errno::NOBUFS,
        Errno::NOMEM,
    ];
    let code = error.raw_os_error();
    code.is_some_and(|code| shortages.iter().any(|errno| errno.raw_os_error() == code))
}

#[cfg(not(unix))]
fn is_shortage(error: &io::Error) -> bool {
    let kinds = [io::ErrorKind::AddrNotAvailable, io::ErrorKind::OutOfMemory];
    kinds.contains(&error.kind())
}

/// The innermost cause, which names what happened; the outer ones name the URL
/// and the layers it passed.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    #[test]
    fn a_want_of_descriptors_is_this_machines_trouble_and_a_refusal_is_not() {
        use rustix::io::Errno;
        for (errno, local) in [
            (Errno::MFILE, true),
            (Errno::NFILE, true),
            (Errno::ADDRNOTAVAIL, true),
            (Errno::NOBUFS, true),
            (Errno::CONNREFUSED, false),
            (Errno::NETUNREACH, false),
            (Errno::HOSTUNREACH, false),
        ] {
            let error = std::io::Error::from(errno);
            assert_eq!(super::is_shortage(&error), local, "{error}");
        }
    }
}

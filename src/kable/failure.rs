//! Classifies requests without a whole response: whether the request may have been
//! sent, and whether this machine is the cause.

use std::io;
use std::time::Duration;

use super::Trouble;
use crate::domain::error_cause::innermost;

/// The time-outs of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// For opening a connection.
    pub(super) connect: Duration,
    /// For the whole request, response included.
    pub(super) request: Duration,
}

/// A request without a whole response.
pub(super) struct RequestFailure {
    /// Whether it certainly was not sent.
    pub(super) unsent: bool,
    pub(super) trouble: Trouble,
}

impl RequestFailure {
    /// Classifies the `error` of a request that had these time-outs.
    pub(super) fn of(error: &reqwest::Error, timeouts: Timeouts) -> Self {
        // A request that fails while connecting was not sent; after any other
        // failure it may have arrived.
        let unsent = error.is_connect() || error.is_builder();
        let local = error.is_connect() && is_local(error);
        let message = if error.is_timeout() {
            let (missing, time) = if error.is_connect() {
                ("connection", timeouts.connect)
            } else {
                ("answer", timeouts.request)
            };
            format!("no {missing} within {}", humantime::format_duration(time))
        } else if local {
            format!(
                "this machine can open no more connections: {}",
                innermost(error)
            )
        } else {
            innermost(error)
        };
        Self {
            unsent,
            trouble: Trouble {
                message,
                local,
                ..Trouble::default()
            },
        }
    }

    /// No response in time; the request may have arrived.
    pub(super) fn late(message: String) -> Self {
        Self {
            unsent: false,
            trouble: Trouble {
                message,
                ..Trouble::default()
            },
        }
    }
}

/// Whether a connection failed because this machine ran out of descriptors,
/// ports, buffers or memory.
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

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    #[test]
    fn only_a_shortage_of_this_machine_is_local() {
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

//! A proxy before a PostgreSQL server that cuts connections, refuses them, and loses the
//! answers of commits.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// What a client sends to commit: the end of a simple query.
const COMMIT: &[u8] = b"COMMIT\0";

/// What a proxy does, and what came through it.
#[derive(Debug, Default)]
struct ProxyState {
    is_down: AtomicBool,
    /// Each commit of this number is struck; none with 0.
    every: AtomicU32,
    commits: AtomicU32,
    lost: AtomicU32,
    sockets: Mutex<Vec<TcpStream>>,
}

/// A proxy on a port of its own, for as long as the test runs.
#[derive(Debug)]
pub(crate) struct PostgresProxy {
    port: u16,
    state: Arc<ProxyState>,
}

impl PostgresProxy {
    /// A proxy before the server at `port`.
    pub(crate) fn before(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(ProxyState::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !shared.is_down.load(Ordering::SeqCst) {
                    connect(&shared, client, server);
                }
            }
        });
        Self { port, state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        for socket in self.state.sockets.lock().unwrap().drain(..) {
            socket.shutdown(Shutdown::Both).ok();
        }
    }

    /// Cuts every connection, and lets none come about.
    pub(crate) fn down(&self) {
        self.state.is_down.store(true, Ordering::SeqCst);
        self.cut();
    }

    pub(crate) fn up(&self) {
        self.state.is_down.store(false, Ordering::SeqCst);
    }

    /// From now on each commit of this number is done, and its answer lost with the
    /// connection; of those, every other one is lost on its way to the server.
    pub(crate) fn lose_commits(&self, every: u32) {
        self.state.every.store(every, Ordering::SeqCst);
    }

    /// How many commits it has lost, or their answers.
    pub(crate) fn lost(&self) -> u32 {
        self.state.lost.load(Ordering::SeqCst)
    }
}

fn connect(state: &Arc<ProxyState>, client: TcpStream, server: u16) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
        return;
    };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    {
        let mut sockets = state.sockets.lock().unwrap();
        sockets.extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
    }
    let loses_next = Arc::new(AtomicBool::new(false));
    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (shared, flag) = (Arc::clone(state), Arc::clone(&loses_next));
    std::thread::spawn(move || {
        forward(&from, &to, |sent| {
            if !sent.ends_with(COMMIT) {
                return true;
            }
            let every = shared.every.load(Ordering::SeqCst);
            let number = shared.commits.fetch_add(1, Ordering::SeqCst) + 1;
            if every == 0 || !number.is_multiple_of(every) {
                return true;
            }
            let lost = shared.lost.fetch_add(1, Ordering::SeqCst);
            flag.store(true, Ordering::SeqCst);
            lost % 2 == 0
        });
    });
    std::thread::spawn(move || {
        forward(&server, &client, |_| !loses_next.load(Ordering::SeqCst));
    });
}

/// Copies what comes, until `passes` says no or one side ends; then both end.
fn forward(mut from: &TcpStream, mut to: &TcpStream, passes: impl Fn(&[u8]) -> bool) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count) = from.read(&mut bytes) {
        let received = &bytes[..count];
        if count == 0 || !passes(received) || to.write_all(received).is_err() {
            break;
        }
    }
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}

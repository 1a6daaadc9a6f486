//! A PostgreSQL server of a test's own, from the binaries that are installed.
//!
//! It is used by the library's tests and by the end-to-end tests. Where no server is
//! installed the tests say that they were skipped, unless `KABLE_BULK_POSTGRES` is
//! `required`, as in CI.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A running server, stopped when the process that started it ends.
#[derive(Debug)]
pub struct PostgresServer {
    port: u16,
    folder: PathBuf,
    binaries: PathBuf,
    /// The server's shell reads from it, and stops the server at its end.
    lifeline: Child,
}

/// Starts the server, as a standby if there is the port of a primary, and stops it when
/// standard input ends.
const SCRIPT: &str = r#"
set -e
folder=$1 binaries=$2 port=$3 primary=$4
if [ -n "$primary" ]; then
    "$binaries/pg_basebackup" -D "$folder" -h 127.0.0.1 -p "$primary" -U kable -R -c fast --no-sync >"$folder.log" 2>&1
else
    "$binaries/initdb" -D "$folder" -U kable --auth=trust --no-sync -E UTF8 --locale=C >"$folder.log" 2>&1
fi
cat >>"$folder/postgresql.conf" <<END
fsync = off
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$folder'
max_connections = 300
shared_buffers = 32MB
END
"$binaries/pg_ctl" -D "$folder" -l "$folder.log" -w -t 60 start >/dev/null 2>&1
echo ready
cat >/dev/null
"$binaries/pg_ctl" -D "$folder" -m immediate stop >/dev/null 2>&1 || true
rm -rf "$folder" "$folder.log"
"#;

impl PostgresServer {
    /// The server that all tests of this process share; `None` where none is installed.
    pub fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<PostgresServer>> = OnceLock::new();
        SERVER.get_or_init(Self::start).as_ref()
    }

    /// Starts a server; `None` where none is installed.
    pub fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            assert!(
                std::env::var("KABLE_BULK_POSTGRES").as_deref() != Ok("required"),
                "there is no PostgreSQL server, and the tests need one"
            );
            eprintln!("skipped: no PostgreSQL server is installed");
            return None;
        };
        Some(Self::start_after(binaries, ""))
    }

    /// A standby of it, which has all that it has.
    pub fn standby(&self) -> Self {
        Self::start_after(self.binaries.clone(), &self.port.to_string())
    }

    fn start_after(binaries: PathBuf, primary: &str) -> Self {
        let port = free_port();
        let folder =
            std::env::temp_dir().join(format!("kable-bulk-postgres-{}-{port}", std::process::id()));
        let mut command = as_other_user();
        command.args(["sh", "-c", SCRIPT, "sh"]);
        command.arg(&folder).arg(&binaries).arg(port.to_string());
        command.arg(primary);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut lifeline = command.current_dir("/").spawn().unwrap();
        let mut ready = String::new();
        let out = lifeline.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut ready).unwrap();
        let log = folder.with_extension("log");
        assert_eq!(
            ready.trim(),
            "ready",
            "{}",
            std::fs::read_to_string(log).unwrap_or_default()
        );
        Self {
            port,
            folder,
            binaries,
            lifeline,
        }
    }

    /// From now on this standby receives nothing from its primary.
    pub fn lag(&self) {
        self.query("ALTER SYSTEM SET primary_conninfo = ''");
        self.query("SELECT pg_reload_conf()");
        let until = Instant::now() + Duration::from_secs(30);
        while self.query("SELECT count(*) FROM pg_stat_wal_receiver") != "0" {
            assert!(Instant::now() < until, "the standby still receives");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// It takes over as the primary.
    pub fn promote(&self) {
        assert_eq!(self.query("SELECT pg_promote()"), "t");
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of a schema that no other test uses.
    pub fn address(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        format!(
            "postgres://kable@127.0.0.1:{}/postgres?schema=test_{number}",
            self.port
        )
    }

    /// Stops it as a crash does, and starts it again.
    pub fn crash(&self) {
        let mut command = as_other_user();
        command.arg(self.binaries.join("pg_ctl")).arg("-D");
        command.arg(&self.folder);
        command.args(["-m", "immediate", "-w", "-t", "60", "-o", "", "restart"]);
        command.arg("-l").arg(self.folder.with_extension("log"));
        let status = command
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "the server did not start again");
        let until = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "the server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What `psql` prints for a statement.
    pub fn query(&self, sql: &str) -> String {
        let output = Command::new(self.binaries.join("psql"))
            .args([
                "-X",
                "-A",
                "-t",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "kable",
            ])
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-d",
                "postgres",
            ])
            .args(["-c", sql])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {error}");
        text.trim().to_owned()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.lifeline.stdin.take());
        self.lifeline.wait().ok();
    }
}

/// A command to which a program and its arguments are added: a server refuses to run as
/// root.
fn as_other_user() -> Command {
    let is_root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    if is_root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        command
    } else {
        Command::new("env")
    }
}

/// The folder of the newest server that is installed.
fn binaries() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let debian = folders.flatten().map(|folder| folder.path().join("bin"));
    let mut debian: Vec<PathBuf> = debian.collect();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path);
    let has_all = |folder: &PathBuf| {
        ["initdb", "pg_ctl", "postgres", "psql"]
            .iter()
            .all(|name| folder.join(name).exists())
    };
    debian.into_iter().rev().chain(on_path).find(has_all)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

//! Raw speed: an import against load generators that keep no checkpoint, in turns on the
//! same machine. The server is another process that keeps nothing (`site/bare_server.rs`):
//! the sandbox would take longer for a request than any of them. Of an import the whole
//! command is measured, with its check of all rows before and its account afterwards.
//!
//! `cargo bench --bench raw_speed` takes a few minutes and prints a table;
//! `cargo bench --bench raw_speed -- 1` makes one round instead of five.
//!
//! With the address of a database, such as `postgres://user@host/db`, an import with its
//! checkpoint there takes part. Each round makes a schema `bench_…` and leaves it behind: name
//! a database that is removed afterwards.
//!
//! - The *bare loop* is a part of this file: 64 connections that write a request and read
//!   its response. It does nothing else, and no HTTP client does it at less cost.
//! - The *`reqwest` loop* is in this file too: 64 tasks that each send and read with the
//!   HTTP client that the import uses, and do nothing else.
//! - *oha* is included if it is on the path. It draws each body at random from the same rows
//!   (`-Z`).
//! - *aiohttp* is `benches/aiohttp_import.py`, a script as written in an afternoon, if
//!   `python3` has that module.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise, and prints"
)]

mod site;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use kable_bulk::sandbox::settings::{CLIENT_ID, CLIENT_SECRET};
use site::{Load, Place, SERVER, Site, bare_server, measured, medians};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

const ROWS: usize = 100_000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 64;

/// The role that this process was started in.
const BARE: &str = "bare";
const WITH_CLIENT: &str = "with-client";

type BoxFuture = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// A program that puts a load on the server, and its results in each round.
struct Contestant {
    name: &'static str,
    load: Box<dyn Fn() -> Load>,
    loads: Vec<Load>,
}

impl Contestant {
    fn new(name: &'static str, load: impl Fn() -> Load + 'static) -> Self {
        Self {
            name,
            load: Box::new(load),
            loads: Vec::new(),
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|word| word == SERVER) {
        bare_server::serve();
    }
    if let [_, role, url, rows] = arguments.as_slice() {
        match role.as_str() {
            BARE => return generate(rows, |row| converse(url.clone(), row)),
            WITH_CLIENT => return generate(rows, clients(url)),
            _ => {}
        }
    }
    let asked = arguments.iter().skip(1).find_map(|word| word.parse().ok());
    let rounds = asked.unwrap_or(ROUNDS);
    let database = arguments.iter().find(|word| word.starts_with("postgres"));
    let mut all = contestants(database);
    for round in 1..=rounds {
        for one in &mut all {
            let load = (one.load)();
            println!("round {round}: {:<9} {load}", one.name);
            one.loads.push(load);
        }
    }
    println!("\nMedians of {rounds} rounds of {ROWS} requests, {CONNECTIONS} in flight:\n");
    print_table(&all);
}

/// Those that are installed; prints what the others need.
fn contestants(database: Option<&String>) -> Vec<Contestant> {
    let site = Arc::new(Site::with_rows(ROWS));
    let of = |load: fn(&Site) -> Load| {
        let site = Arc::clone(&site);
        move || load(&site)
    };
    let mut all = vec![
        Contestant::new("import", of(import)),
        Contestant::new("bare loop", of(|site| generator(site, BARE))),
        Contestant::new("`reqwest` loop", of(|site| generator(site, WITH_CLIENT))),
    ];
    if let Some(address) = database.cloned() {
        let site = Arc::clone(&site);
        let load = move || import_to_database(&site, &address);
        all.insert(1, Contestant::new("import, PostgreSQL", load));
    }
    if answers("oha", &["--version"]) {
        all.push(Contestant::new("oha", of(oha)));
    } else {
        println!("oha is not installed: cargo install oha");
    }
    if answers("python3", &["-c", "import aiohttp"]) {
        all.push(Contestant::new("aiohttp", of(aiohttp)));
    } else {
        println!("aiohttp is not installed: python3 -m pip install aiohttp");
    }
    all
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The format of `docs/performance.md`. The first is compared with each of the others.
fn print_table(all: &[Contestant]) {
    let medians: Vec<Load> = all.iter().map(|one| medians(&one.loads)).collect();
    let line = |title: &str, cells: Vec<String>| println!("| {title} | {} |", cells.join(" | "));
    let each = |cell: fn(&Load) -> String| medians.iter().map(cell).collect::<Vec<_>>();
    line("", all.iter().map(|one| one.name.to_owned()).collect());
    line("---", vec!["---".to_owned(); all.len()]);
    line(
        "creates a second",
        each(|load| format!("{:.0}", load.a_second)),
    );
    line(
        "processor seconds (user + system) per 100,000 requests",
        each(|load| format!("{:.1}", load.processor_seconds * PER_100_000)),
    );
    line(
        "peak resident memory",
        each(|load| format!("{:.0} MiB", load.peak_mib)),
    );
    let against = |figure: fn(&Load) -> f64| {
        let share = |load| format!("{:.2}", figure(&medians[0]) / figure(load));
        medians.iter().map(share).collect::<Vec<_>>()
    };
    line("the import's pace is", against(|load| load.a_second));
    line(
        "the import's processor time is",
        against(|load| load.processor_seconds),
    );
}

#[expect(clippy::cast_precision_loss, reason = "no benchmark has 2⁵³ rows")]
const PER_100_000: f64 = 100_000.0 / ROWS as f64;

fn import(site: &Site) -> Load {
    let binary = Path::new(env!("CARGO_BIN_EXE_kable-bulk"));
    site.import(binary, None)
}

/// The checkpoint in a new schema of the database at `address`.
fn import_to_database(site: &Site, address: &str) -> Load {
    let next = if address.contains('?') { '&' } else { '?' };
    let checkpoint = format!("{address}{next}schema=bench_{}", fastrand::u64(..));
    let binary = Path::new(env!("CARGO_BIN_EXE_kable-bulk"));
    site.import(binary, Some(&checkpoint))
}

/// A generator below, in a process of its own.
fn generator(site: &Site, role: &str) -> Load {
    site.serve(|place| {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args([role, place.url]).arg(place.rows);
        measured(&mut command, a_number)
    })
}

fn a_number(said: &str) -> f64 {
    said.trim().parse().expect("a number")
}

/// The cost of reading the lines is subtracted: a run of one request reads them too.
fn oha(site: &Site) -> Load {
    site.serve(|place| {
        let reading = measured(&mut oha_of(place, 1, 1), creates_a_second);
        let all = measured(&mut oha_of(place, ROWS, CONNECTIONS), creates_a_second);
        Load {
            processor_seconds: all.processor_seconds - reading.processor_seconds,
            ..all
        }
    })
}

fn oha_of(place: &Place<'_>, requests: usize, connections: usize) -> Command {
    let mut command = Command::new("oha");
    command
        .args(["-n", &requests.to_string()])
        .args(["-c", &connections.to_string(), "--no-tui"])
        .args(["--output-format", "json", "-m", "POST"])
        .args(["-T", "application/json", "-H", "accept: application/json"])
        .args(["-H", &format!("kable-client-id: {CLIENT_ID}")])
        .args(["-H", &format!("kable-client-secret: {CLIENT_SECRET}")])
        .arg("-Z")
        .arg(place.rows)
        .arg(format!("{}/api/v1/customers/create", place.url));
    command
}

fn creates_a_second(said: &str) -> f64 {
    let told: serde_json::Value = serde_json::from_str(said).expect("its figures");
    let created = told["statusCodeDistribution"]["201"].as_f64();
    created.expect("creates") / told["summary"]["total"].as_f64().expect("a time")
}

fn aiohttp(site: &Site) -> Load {
    site.serve(|place| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/aiohttp_import.py");
        let mut command = Command::new("python3");
        command
            .arg(script)
            .arg(place.url)
            .arg(table_of(place.rows, place.folder))
            .args([CLIENT_ID, CLIENT_SECRET]);
        measured(&mut command, a_number)
    })
}

/// The same customers as a table in `folder`.
fn table_of(rows: &Path, folder: &Path) -> PathBuf {
    const COLUMNS: [&str; 3] = ["clientId", "companyName", "currency"];
    const CONTACT: [&str; 9] = [
        "firstName",
        "lastName",
        "email",
        "phone",
        "addressLine1",
        "city",
        "state",
        "postalCode",
        "country",
    ];
    let path = folder.join("rows.csv");
    let mut table = csv::Writer::from_path(&path).expect("a table");
    let contact = CONTACT.map(|name| format!("billingContact.{name}"));
    let header = COLUMNS
        .into_iter()
        .chain(contact.iter().map(String::as_str));
    table.write_record(header).expect("its header");
    for line in std::fs::read_to_string(rows).expect("the rows").lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("a row");
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        let outer = COLUMNS.map(|name| text(&row[name]));
        let inner = CONTACT.map(|name| text(&row["billingContact"][name]));
        table
            .write_record(outer.iter().chain(&inner))
            .expect("a row");
    }
    table.flush().expect("a table");
    path
}

/// Creates every row once and prints how many a second. `converse` sends the rows that it
/// is given, one after the other.
fn generate<F>(rows: &str, converse: impl Fn(Rows) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let rows: Arc<str> = std::fs::read_to_string(rows).expect("the rows").into();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let began = Instant::now();
    runtime.block_on(async {
        let rows_of = |first| Rows {
            all: Arc::clone(&rows),
            first,
        };
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|first| tokio::spawn(converse(rows_of(first))))
            .collect();
        for connection in connections {
            connection.await.expect("a connection");
        }
    });
    #[expect(clippy::cast_precision_loss, reason = "no benchmark has 2⁵³ rows")]
    let count = rows.lines().count() as f64;
    println!("{}", count / began.elapsed().as_secs_f64());
}

/// Every 64th row.
struct Rows {
    all: Arc<str>,
    first: usize,
}

impl Rows {
    fn each(&self) -> impl Iterator<Item = &str> {
        self.all.lines().skip(self.first).step_by(CONNECTIONS)
    }
}

/// Sends rows over one connection.
async fn converse(url: String, rows: Rows) {
    let address = url.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let mut answer = Vec::new();
    for row in rows.each() {
        let request = format!(
            "POST /api/v1/customers/create HTTP/1.1\r\nhost: {address}\r\n\
             kable-client-id: {CLIENT_ID}\r\nkable-client-secret: {CLIENT_SECRET}\r\n\
             accept: application/json\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{row}",
            row.len()
        );
        stream.write_all(request.as_bytes()).await.expect("a way");
        answer.clear();
        while !is_whole(&answer) {
            let read = stream.read_buf(&mut answer).await.expect("an answer");
            assert_ne!(read, 0, "the server closed the connection");
        }
        assert!(answer.starts_with(b"HTTP/1.1 201"), "a create was refused");
    }
}

/// Sends rows with clients that share their connections.
fn clients(url: &str) -> impl Fn(Rows) -> BoxFuture {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("the first");
    let client = reqwest::Client::builder()
        .no_proxy()
        .tcp_nodelay(true)
        .build()
        .expect("a client");
    let url = format!("{url}/api/v1/customers/create");
    move |rows| {
        let (client, url) = (client.clone(), url.parse::<reqwest::Url>().expect("a URL"));
        Box::pin(async move {
            for row in rows.each() {
                let request = client
                    .post(url.clone())
                    .header("kable-client-id", CLIENT_ID)
                    .header("kable-client-secret", CLIENT_SECRET)
                    .header("accept", "application/json")
                    .header("content-type", "application/json")
                    .body(row.to_owned());
                let answer = request.send().await.expect("an answer");
                assert_eq!(answer.status(), 201, "a create was refused");
                answer.bytes().await.expect("the whole answer");
            }
        })
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return false;
    };
    let text = std::str::from_utf8(&answer[..head]).expect("a head");
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().unwrap())
    });
    answer.len() >= head + 4 + length.expect("a length")
}

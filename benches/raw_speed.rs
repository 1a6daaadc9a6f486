//! Raw speed: an import against a bare load generator that keeps no books, in
//! turns on the same machine, each with an empty sandbox in another process.
//!
//! `cargo bench --bench raw_speed` takes about two minutes. The generator is a
//! loop over 64 connections that writes a request and reads its answer; it can
//! do nothing else, and no HTTP client does it for less. Where `oha` is on the
//! path (`cargo install oha`) it takes its turn as well. It draws the rows by
//! chance, so that more than a third of its creates are refused as known.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise, and prints"
)]

mod site;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use kable_bulk::sandbox::settings::{CLIENT_ID, CLIENT_SECRET};
use site::{Load, Site, measured, medians};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

const ROWS: usize = 100_000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, role, url, rows] = arguments.as_slice()
        && role == "bare"
    {
        return generate(url, rows);
    }
    let site = Site::with_rows(ROWS);
    let has_oha = Command::new("oha").arg("--version").output().is_ok();
    let (mut imports, mut bares, mut ohas) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        imports.push(site.import(Path::new(env!("CARGO_BIN_EXE_kable-bulk"))));
        bares.push(bare(&site));
        println!("round {round}: import {}", imports[round - 1]);
        println!("         bare   {}", bares[round - 1]);
        if has_oha {
            ohas.push(oha(&site));
            println!("         oha    {}", ohas[round - 1]);
        }
    }
    println!("medians of {ROUNDS} rounds of {ROWS} rows, {CONNECTIONS} in flight:");
    let import = medians(&imports);
    println!("  import {import}");
    compare("bare  ", &import, &bares);
    if has_oha {
        compare("oha   ", &import, &ohas);
    }
}

fn compare(name: &str, import: &Load, others: &[Load]) {
    let other = medians(others);
    println!(
        "  {name} {other}; the import has {:.2} of its pace and {:.2} of its processor time",
        import.a_second / other.a_second,
        import.processor_seconds / other.processor_seconds
    );
}

/// The generator below, in a process of its own.
fn bare(site: &Site) -> Load {
    site.serve(|place| {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["bare", place.url]).arg(place.rows);
        measured(&mut command, |said| said.trim().parse().expect("a number"))
    })
}

fn oha(site: &Site) -> Load {
    site.serve(|place| {
        let (rows, connections) = (ROWS.to_string(), CONNECTIONS.to_string());
        let mut command = Command::new("oha");
        command
            .args(["-n", &rows, "-c", &connections, "--no-tui"])
            .args(["--output-format", "json", "-m", "POST"])
            .args(["-T", "application/json", "-H", "accept: application/json"])
            .args(["-H", &format!("kable-client-id: {CLIENT_ID}")])
            .args(["-H", &format!("kable-client-secret: {CLIENT_SECRET}")])
            .arg("-Z")
            .arg(place.rows)
            .arg(format!("{}/api/v1/customers/create", place.url));
        measured(&mut command, |said| {
            let told: serde_json::Value = serde_json::from_str(said).expect("its figures");
            told["summary"]["requestsPerSec"].as_f64().expect("a pace")
        })
    })
}

/// Creates every row once and prints how many a second.
fn generate(url: &str, rows: &str) {
    let rows: Arc<str> = std::fs::read_to_string(rows).expect("the rows").into();
    let address: Arc<str> = url.strip_prefix("http://").expect("plain HTTP").into();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let began = Instant::now();
    runtime.block_on(async {
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|first| tokio::spawn(converse(Arc::clone(&address), Arc::clone(&rows), first)))
            .collect();
        for connection in connections {
            connection.await.expect("a connection");
        }
    });
    #[expect(clippy::cast_precision_loss, reason = "no benchmark has 2⁵³ rows")]
    let count = rows.lines().count() as f64;
    println!("{}", count / began.elapsed().as_secs_f64());
}

/// Sends every 64th row over one connection.
async fn converse(address: Arc<str>, rows: Arc<str>, first: usize) {
    let mut stream = TcpStream::connect(&*address).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let mut answer = Vec::new();
    for row in rows.lines().skip(first).step_by(CONNECTIONS) {
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
            assert_ne!(read, 0, "the sandbox closed the connection");
        }
        assert!(answer.starts_with(b"HTTP/1.1 201"), "a create was refused");
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

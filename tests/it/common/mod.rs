//! A small language for end-to-end tests: input files, a command, assertions.
//!
//! A [`Run`] is a fresh folder in which the built binary is started with an empty
//! environment, and optionally a sandbox in the test's own process: it can misbehave, and
//! it survives a kill of the binary. What the server holds is read from the sandbox's file
//! and compared with expectations that are computed here, without the program's own code.

pub(crate) mod answers;
pub(crate) mod object_server;
#[cfg(unix)]
pub(crate) mod postgres_proxy;
#[cfg(unix)]
#[expect(unreachable_pub, reason = "it is shared with the library's tests")]
#[path = "../../support/postgres_server.rs"]
pub(crate) mod postgres_server;
pub(crate) mod raw;
pub(crate) mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use kable_bulk::sandbox::RunningSandbox;
use kable_bulk::sandbox::counts::Counts;
use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::settings::{CLIENT_ID, CLIENT_SECRET, Settings};
use kable_bulk::sandbox::store::inspect;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// The sandbox's file, inside and outside of the program.
pub(crate) const DATABASE: &str = "kable-sandbox.db";

/// Text that no user of the program may ever see.
const NEVER: [&str; 4] = ["panicked", "RUST_BACKTRACE", "stack backtrace", "is a bug"];

/// A folder of its own, and the program that runs in it.
pub(crate) struct Run {
    dir: TempDir,
    environment: BTreeMap<String, String>,
    stdin: Vec<u8>,
    shell: Option<String>,
    server: Option<SandboxServer>,
}

impl Run {
    pub(crate) fn new() -> Self {
        // Most tests are not about creates that land late, and must not wait for them.
        let settle = ("KABLE_BULK_SETTLE".to_owned(), "0s".to_owned());
        Self {
            dir: tempfile::tempdir().unwrap(),
            environment: BTreeMap::from([settle]),
            stdin: Vec::new(),
            shell: None,
            server: None,
        }
    }

    /// With a file in the folder.
    pub(crate) fn input(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(name, content);
        self
    }

    /// With one of the samples in the folder.
    pub(crate) fn sample(self, name: &str) -> Self {
        let content = std::fs::read(sample(name)).unwrap();
        self.input(name, content)
    }

    /// With this on standard input.
    pub(crate) fn stdin(mut self, content: impl AsRef<[u8]>) -> Self {
        content.as_ref().clone_into(&mut self.stdin);
        self
    }

    /// With a variable in the environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Waits for creates that land late as long as a run does by default.
    pub(crate) fn default_settle(mut self) -> Self {
        self.environment.remove("KABLE_BULK_SETTLE");
        self
    }

    /// With the sandbox's credentials in the environment.
    pub(crate) fn credentials(self) -> Self {
        self.env("KABLE_CLIENT_ID", CLIENT_ID)
            .env("KABLE_CLIENT_SECRET", CLIENT_SECRET)
    }

    /// With a sandbox in the test's process that misbehaves like this, and its credentials.
    pub(crate) fn server(self, faults: &[&str]) -> Self {
        self.server_with(faults, |_| {})
    }

    /// Likewise, with other settings.
    pub(crate) fn server_with(self, faults: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        let mut run = self.credentials();
        let mut settings = Settings::new(run.path(DATABASE));
        settings.faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        change(&mut settings);
        run.server = Some(SandboxServer::start(&settings));
        run
    }

    /// Stops the sandbox and starts another one at the same address.
    pub(crate) fn server_again(&mut self, change: impl FnOnce(&mut Settings)) {
        let address = self.server.take().unwrap().stop();
        let mut settings = Settings::new(self.path(DATABASE));
        settings.address = address;
        change(&mut settings);
        self.server = Some(SandboxServer::start(&settings));
    }

    /// Starts the program through a shell from now on, as `"$@"` in this script; directly
    /// with `None`.
    pub(crate) fn shell(&mut self, script: Option<String>) {
        self.shell = script;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let read = std::fs::read(self.path(name));
        assert!(read.is_ok(), "{name}: {read:?}");
        read.unwrap()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    /// The names of all files in the folder and below.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.dir.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files
    }

    /// Starts `kable-bulk` with the words of `line`; `URL` stands for the
    /// sandbox's address.
    pub(crate) fn start(&self, line: &str) -> Running {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.start_words(&words)
    }

    pub(crate) fn start_words(&self, words: &[&str]) -> Running {
        let mut command = self.command(words);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that refuses at once doesn't read its input.
        child.stdin.take().unwrap().write_all(&self.stdin).ok();
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        Running {
            child: Some(child),
            line: words.join(" "),
        }
    }

    /// The program with these words, in the folder and the environment.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let url = self
            .server
            .as_ref()
            .map(SandboxServer::url)
            .unwrap_or_default();
        let words: Vec<String> = words.iter().map(|word| word.replace("URL", &url)).collect();
        let program = env!("CARGO_BIN_EXE_kable-bulk");
        let mut command = match &self.shell {
            None => Command::new(program),
            Some(script) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", script, "sh", program]);
                shell
            }
        };
        command
            .args(&words)
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.dir.path());
        command
    }

    /// Starts `line` up to twelve times, and kills it each time once `done` has grown by up
    /// to `most`, until it ends by itself. Returns how often it was killed.
    pub(crate) fn killed_again_and_again(
        &self,
        line: &str,
        chance: &mut fastrand::Rng,
        most: u64,
        done: impl Fn() -> u64,
    ) -> u32 {
        for kills in 0..12 {
            let enough = done() + chance.u64(1..most);
            let mut running = self.start(line);
            until("some of it", || done() >= enough || !running.runs());
            if !running.runs() {
                return kills;
            }
            running.kill();
        }
        12
    }

    /// Runs `kable-bulk` to its end.
    pub(crate) fn go(&self, line: &str) -> EndedRun {
        self.start(line).end()
    }

    /// The same, for words that contain blanks.
    pub(crate) fn go_words(&self, words: &[&str]) -> EndedRun {
        self.start_words(words).end()
    }

    /// `import` with the test's settings: into its sandbox, or the program's own, at full
    /// speed.
    pub(crate) fn import(&self, rest: &str) -> EndedRun {
        self.start_import(rest).end()
    }

    /// The same, without waiting for its end.
    pub(crate) fn start_import(&self, rest: &str) -> Running {
        let target = if self.server.is_some() {
            "--base-url URL"
        } else {
            "--sandbox"
        };
        let mut line = format!("import {rest} {target}");
        for (option, value) in [("--rate", "unlimited"), ("--timeout", "20s")] {
            if !rest.contains(option) {
                line = format!("{line} {option} {value}");
            }
        }
        self.start(&line)
    }

    /// The summary of the results beside `input`; the sums agree.
    pub(crate) fn summary(&self, input: &str) -> Summary {
        Summary::of(&self.text(&format!("{input}.results/summary.json")))
    }

    /// The lines of `results.jsonl` beside `input`; each row occurs once.
    pub(crate) fn results(&self, input: &str) -> Vec<Value> {
        let lines = json_lines(&self.text(&format!("{input}.results/results.jsonl")));
        let mut places: Vec<String> = lines
            .iter()
            .map(|line| format!("{} {}", line["file"], line["line"]))
            .collect();
        places.sort();
        let all = places.len();
        places.dedup();
        assert_eq!(places.len(), all, "a row stands twice in results.jsonl");
        lines
    }

    /// The line of `results.jsonl` about this customer.
    pub(crate) fn result(&self, input: &str, client_id: &str) -> Value {
        let results = self.results(input);
        let found: Vec<&Value> = results
            .iter()
            .filter(|line| line["clientId"] == client_id)
            .collect();
        assert_eq!(found.len(), 1, "{client_id} in results.jsonl");
        found.first().copied().unwrap().clone()
    }

    /// The ids whose keys are in `keys.csv` beside `input`, each once, and those whose keys
    /// are reported as lost.
    pub(crate) fn keys(&self, input: &str) -> (BTreeSet<String>, BTreeSet<String>) {
        let first_cell = |line: &str| Some(line.split_once(',')?.0.to_owned());
        let keys = self.text(&format!("{input}.results/keys.csv"));
        let whole = keys
            .lines()
            .skip(1)
            .filter(|line| !line.ends_with(",cut off?"));
        let kept: Vec<String> = whole.filter_map(first_cell).collect();
        let many = kept.len();
        let kept: BTreeSet<String> = kept.into_iter().collect();
        assert_eq!(kept.len(), many, "a key is kept twice");
        let problems = self.text(&format!("{input}.results/problems.csv"));
        let lost = problems
            .lines()
            .filter(|line| line.contains(",keys_lost,"))
            .filter_map(|line| Some(line.split(',').nth(2)?.to_owned()));
        (kept, lost.collect())
    }

    /// What the server holds: each customer's body, by its `clientId`.
    pub(crate) fn held(&self) -> BTreeMap<String, Value> {
        let all = inspect::customers(&self.path(DATABASE)).unwrap();
        let many = all.len();
        let held: BTreeMap<String, Value> = all
            .into_iter()
            .map(|customer| {
                let body = serde_json::from_str(&customer.body).unwrap();
                (customer.client_id, body)
            })
            .collect();
        assert_eq!(held.len(), many, "the server holds a customer twice");
        held
    }

    /// What the server holds of a customer after all updates.
    pub(crate) fn now(&self, client_id: &str) -> Value {
        let all = inspect::customers(&self.path(DATABASE)).unwrap();
        let mut of_it = all.iter().filter(|held| held.client_id == client_id);
        serde_json::from_str(&of_it.next().unwrap().now).unwrap()
    }

    /// Sends `POST /api/v1/PATH` as another client of the account.
    pub(crate) fn post(&self, path: &str) {
        let url = self.url();
        let host = url.strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        let request = format!(
            "POST /api/v1/{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Kable-Client-Id: {CLIENT_ID}\r\nKable-Client-Secret: {CLIENT_SECRET}\r\n\
             Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 201"), "{response}");
    }

    /// How many creates found their customer already there.
    pub(crate) fn creates_in_vain(&self) -> u64 {
        let fruitless = inspect::fruitless(&self.path(DATABASE)).unwrap();
        fruitless.iter().map(|create| create.existing).sum()
    }

    /// Asserts that the server holds `expected`, all of it, and nothing else.
    pub(crate) fn holds(&self, expected: &BTreeMap<String, Value>) {
        let held = self.held();
        for (client_id, body) in expected {
            assert_eq!(held.get(client_id), Some(body), "{client_id}");
        }
        assert_eq!(held.len(), expected.len(), "the server holds more");
    }

    /// Asserts that `import` finishes in one run, whatever happened before: the server
    /// holds each customer of `text` once and with its values, every row has its outcome,
    /// no create was sent for a customer that existed, and another run sends nothing.
    pub(crate) fn comes_right(&self, import: &str, text: &str) {
        let ended = self.import(import);
        let expected = customers_of_csv(text);
        self.holds(&expected);
        assert_eq!(self.creates_in_vain(), 0, "a create was sent blindly");
        let input = import.split_whitespace().next().unwrap();
        let summary = self.summary(input);
        let well = summary.outcome("created") + summary.outcome("already_existed");
        assert_eq!(well, expected.len() as u64, "{:#}", summary.0);
        assert_eq!(self.results(input).len() as u64, summary.rows("read"));
        let code = if summary.rows("rejected") == 0 { 0 } else { 3 };
        ended.code(code);
        let is_part = |file: &PathBuf| file.extension().is_some_and(|ending| ending == "part");
        assert_eq!(self.files().into_iter().find(is_part), None);
        let creates = self.counts().of(Call::Create);
        self.import(import).code(code);
        assert_eq!(self.counts().of(Call::Create), creates);
    }

    /// The calls that the sandbox in the test's process received.
    pub(crate) fn counts(&self) -> Counts {
        self.server.as_ref().unwrap().counts()
    }

    pub(crate) fn url(&self) -> String {
        self.server.as_ref().unwrap().url()
    }

    /// Waits until no create is due to land late in the test's sandbox.
    pub(crate) fn settled(&self) {
        self.server.as_ref().unwrap().settled();
    }

    /// The permissions of a file.
    #[cfg(unix)]
    pub(crate) fn mode(&self, name: &str) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        let metadata = std::fs::metadata(self.path(name)).unwrap();
        metadata.permissions().mode() & 0o777
    }
}

/// A sandbox in the test's process.
struct SandboxServer {
    sandbox: RunningSandbox,
    runtime: tokio::runtime::Runtime,
}

impl SandboxServer {
    fn start(settings: &Settings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut sandbox = None;
        // A port that was just released may not be free at once.
        until("the sandbox listens", || {
            sandbox = runtime
                .block_on(RunningSandbox::start(settings.clone()))
                .ok();
            sandbox.is_some()
        });
        Self {
            sandbox: sandbox.unwrap(),
            runtime,
        }
    }

    fn url(&self) -> String {
        self.sandbox.url()
    }

    fn counts(&self) -> Counts {
        self.sandbox.requests()
    }

    fn settled(&self) {
        self.runtime.block_on(self.sandbox.settled());
    }

    fn stop(self) -> SocketAddr {
        let address = self.sandbox.address();
        self.runtime.block_on(self.sandbox.stop());
        address
    }
}

/// A running child process, killed when dropped.
pub(crate) struct Running {
    child: Option<Child>,
    line: String,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Whether it is still running.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_none()
    }

    /// Sends a signal, such as `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success(), "kill -{name}");
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Reads its output, which may be more than a pipe holds, and waits for its end.
    pub(crate) fn end(mut self) -> EndedRun {
        fn taken(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
            std::thread::spawn(move || {
                let mut all = Vec::new();
                if let Some(mut stream) = stream {
                    stream.read_to_end(&mut all).unwrap();
                }
                all
            })
        }
        let child = self.child.as_mut().unwrap();
        let (stdout, stderr) = (taken(child.stdout.take()), taken(child.stderr.take()));
        // A process that hangs is killed with the test that waits for it.
        let line = self.line.clone();
        until(&format!("the end of kable-bulk {line}"), || !self.runs());
        let mut output = self.child.take().unwrap().wait_with_output().unwrap();
        output.stdout = stdout.join().unwrap();
        output.stderr = stderr.join().unwrap();
        EndedRun::of(line, output)
    }

    /// The first line of its standard output that contains `words`.
    pub(crate) fn line_with(&mut self, words: &str) -> String {
        let stdout = self.child.as_mut().unwrap().stdout.take().unwrap();
        let mut lines = BufReader::new(stdout).lines();
        lines
            .find_map(|line| line.ok().filter(|line| line.contains(words)))
            .unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// How a process ended, and its output.
pub(crate) struct EndedRun {
    line: String,
    code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl EndedRun {
    fn of(line: String, output: Output) -> Self {
        let ended = Self {
            line,
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        for word in NEVER {
            assert!(!ended.stderr.contains(word), "{}", ended.told());
            assert!(!ended.stdout.contains(word), "{}", ended.told());
        }
        ended
    }

    fn told(&self) -> String {
        format!(
            "kable-bulk {}\nexit code {:?}\n--- stdout\n{}\n--- stderr\n{}\n---",
            self.line, self.code, self.stdout, self.stderr
        )
    }

    /// Asserts the exit code.
    pub(crate) fn code(self, wanted: i32) -> Self {
        assert_eq!(self.code, Some(wanted), "{}", self.told());
        self
    }

    /// Asserts that the output contains this.
    pub(crate) fn says(self, words: &str) -> Self {
        let said = self.stdout.contains(words) || self.stderr.contains(words);
        assert!(said, "not said: {words}\n{}", self.told());
        self
    }

    /// Asserts that the output does not contain this.
    pub(crate) fn keeps_to_itself(self, words: &str) -> Self {
        let said = self.stdout.contains(words) || self.stderr.contains(words);
        assert!(!said, "said: {words}\n{}", self.told());
        self
    }

    /// Asserts a refusal: one sentence with all of `words`, a hint below it, and nothing on
    /// standard output.
    pub(crate) fn refuses(self, code: i32, words: &[&str]) -> Self {
        let ended = self.code(code);
        let begins = |with: &'static str| {
            let lines = ended.stderr.lines();
            lines
                .filter(move |line| line.starts_with(with))
                .collect::<Vec<_>>()
        };
        let (errors, hints) = (begins("error: "), begins("hint: "));
        assert_eq!((errors.len(), hints.len()), (1, 1), "{}", ended.told());
        let sentence = errors.first().copied().unwrap();
        for word in words {
            assert!(
                sentence.contains(word),
                "not in the error: {word}\n{}",
                ended.told()
            );
        }
        assert_eq!(ended.stdout, "", "{}", ended.told());
        ended
    }

    /// Asserts that its hint contains these words.
    pub(crate) fn hints(self, words: &str) -> Self {
        let hinted = self
            .stderr
            .lines()
            .any(|line| line.starts_with("hint: ") && line.contains(words));
        assert!(hinted, "not in the hint: {words}\n{}", self.told());
        self
    }

    /// Standard output, which is JSON and nothing else.
    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.stdout);
        assert!(parsed.is_ok(), "no JSON\n{}", self.told());
        parsed.unwrap()
    }
}

/// A `summary.json`, whose sums agree.
pub(crate) struct Summary(pub(crate) Value);

impl Summary {
    pub(crate) fn of(text: &str) -> Self {
        let summary = Self(serde_json::from_str(text).unwrap());
        let outcomes = summary.0["outcomes"].as_object().unwrap();
        let sum: u64 = outcomes.values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(
            summary.rows("read"),
            summary.rows("skipped") + summary.rows("rejected") + sum,
            "the sums do not agree: {text}"
        );
        summary
    }

    pub(crate) fn rows(&self, what: &str) -> u64 {
        self.0["rows"][what].as_u64().unwrap()
    }

    pub(crate) fn outcome(&self, name: &str) -> u64 {
        self.0["outcomes"][name].as_u64().unwrap()
    }

    pub(crate) fn requests(&self, what: &str) -> u64 {
        self.0["requests"][what].as_u64().unwrap()
    }

    /// Asserts these outcomes, and no others.
    pub(crate) fn outcomes(&self, wanted: &[(&str, u64)]) {
        let mut all: BTreeMap<&str, u64> = wanted.iter().copied().collect();
        all.retain(|_, count| *count > 0);
        let found = self.0["outcomes"].as_object().unwrap().iter();
        let found: BTreeMap<&str, u64> = found
            .map(|(name, count)| (name.as_str(), count.as_u64().unwrap()))
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(found, all, "{:#}", self.0);
    }

    /// The lines with this code.
    pub(crate) fn lines_of(&self, code: &str) -> Vec<u64> {
        let problems = self.0["problems"].as_array().unwrap();
        problems
            .iter()
            .filter(|problem| problem["code"] == code)
            .flat_map(|problem| problem["lines"].as_array().unwrap())
            .map(|line| line.as_u64().unwrap())
            .collect()
    }
}

/// Where a sample is.
pub(crate) fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(name)
}

/// A good file of `many` rows, `c-1` and so on.
pub(crate) fn rows(many: usize) -> String {
    rows_from(1, many)
}

/// A good file of the rows from `first` to `last`.
pub(crate) fn rows_from(first: usize, last: usize) -> String {
    let rows: Vec<String> = (first..=last)
        .map(|number| format!("c-{number},Company {number},USD\n"))
        .collect();
    format!("clientId,companyName,currency\n{}", rows.concat())
}

/// The bodies that the server must hold for a CSV file with the API's own
/// names as its header, by `clientId`.
pub(crate) fn customers_of_csv(text: &str) -> BTreeMap<String, Value> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    reader
        .records()
        .map(|record| {
            let record = record.unwrap();
            let mut body = Map::new();
            for (name, value) in header.iter().zip(&record) {
                put(&mut body, name, value);
            }
            let client_id = body["clientId"].as_str().unwrap().to_owned();
            (client_id, Value::Object(body))
        })
        .collect()
}

fn put(body: &mut Map<String, Value>, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    match name.split_once('.') {
        Some((object, member)) => {
            let object = body.entry(object).or_insert_with(|| json!({}));
            put(object.as_object_mut().unwrap(), member, value);
        }
        None if name.ends_with("Ids") => {
            let items: Vec<&str> = value.split(';').collect();
            body.insert(name.to_owned(), json!(items));
        }
        None => {
            body.insert(name.to_owned(), json!(value));
        }
    }
}

/// The bodies in a JSONL file, by `clientId`.
pub(crate) fn customers_of_jsonl(text: &str) -> BTreeMap<String, Value> {
    json_lines(text)
        .into_iter()
        .map(|body| (body["clientId"].as_str().unwrap().to_owned(), body))
        .collect()
}

/// The values of a JSONL file.
pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Waits until `holds`, for five minutes at most: a busy machine must not fail a test.
#[expect(
    clippy::disallowed_methods,
    reason = "other processes don't live on a clock that can be paused"
)]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + Duration::from_mins(5);
    while !holds() {
        assert!(std::time::Instant::now() < end, "never came: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

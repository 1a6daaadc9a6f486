//! The examples of `docs/library.md`, which compares equal to the functions here.

use kable_bulk::domain::mapping::{Binding, Mapping};
use kable_bulk::domain::row::{Row, Rows};
use kable_bulk::domain::rules::Rules;
use kable_bulk::domain::validate::{CheckedRow, check};
use kable_bulk::sandbox::RunningSandbox;
use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::source::Settings;
use kable_bulk::source::input::open;
use kable_bulk::source::reader::InputReader;

const PAGE: &str = include_str!("../../docs/library.md");
const THIS: &str = include_str!("library.rs");

// example: check
/// The lines of a file that may not be sent, each with its problems.
fn rejected(file: &str) -> anyhow::Result<Vec<(u64, String)>> {
    let folder = std::env::temp_dir();
    let input = open(file.as_ref(), &Settings::default(), &folder)?;
    let mut rows = InputReader::new([input].into(), None);
    let (mapping, rules) = (Mapping::default(), Rules::default());
    let (mut row, mut binding) = (Row::default(), None);
    let mut rejected = Vec::new();
    while rows.next(&mut row)? {
        let binding = match &mut binding {
            Some(binding) => binding,
            none => none.insert(Binding::new(&mapping, rows.columns(), file)?),
        };
        if let CheckedRow::Unfit(rejection) = check(&row, binding, &rules) {
            let problems = rejection.problems.iter();
            let texts: Vec<&str> = problems.map(|problem| problem.message.as_ref()).collect();
            rejected.push((row.origin.line, texts.join("; ")));
        }
    }
    Ok(rejected)
}
// end

// example: sandbox
/// Starts an API that forgets the answer to one create in ten, for the tests of a client.
async fn unreliable_api(file: &std::path::Path) -> anyhow::Result<RunningSandbox> {
    let mut settings = kable_bulk::sandbox::settings::Settings::new(file);
    settings.faults = vec!["lost-reply=10%@create".parse()?];
    let sandbox = RunningSandbox::start(settings).await?;
    println!("{} has had {:?}", sandbox.url(), sandbox.requests());
    Ok(sandbox)
}
// end

/// The examples of some text, between a line that begins one and a line that ends it.
fn between<'t>(text: &'t str, begins: &str, ends: &str) -> Vec<&'t str> {
    let parts = text.split(begins).skip(1);
    parts
        .map(|part| part.split(ends).next().unwrap())
        .map(|part| part.split_once('\n').unwrap().1.trim())
        .collect()
}

#[test]
fn the_examples_of_the_page_are_those_here() {
    let here = between(THIS, "\n// example: ", "\n// end\n");
    assert_eq!(between(PAGE, "\n```rust", "\n```\n"), here);
    assert_eq!(here.len(), 2);
}

#[test]
fn a_file_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.csv");
    std::fs::write(&file, "clientId,companyName,currency\na,A,USD\nb,,Euro\n").unwrap();
    let found = rejected(file.to_str().unwrap()).unwrap();
    assert_eq!(found.len(), 1);
    let (line, problems) = &found[0];
    assert_eq!(*line, 3);
    assert!(problems.contains("Euro"), "{problems}");
}

#[test]
fn a_sandbox_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let sandbox = unreliable_api(&folder.path().join("api.db")).await.unwrap();
        assert_eq!(sandbox.requests().of(Call::Create), 0);
        sandbox.stop().await;
    });
}

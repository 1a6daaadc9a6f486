//! `report.html`: the page shows what `summary.json` says, and works in a browser.

use std::path::Path;
use std::process::Command;

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::settings::CLIENT_SECRET;
use serde_json::Value;

use crate::common::{Run, rows, until};

const ROWS: &str = "clientId,companyName,currency,country\n\
    c-1,<script>alert(1)</script> Söhne,USD,DE\n\
    c-2,Birch,EUR,FR\n\
    c-3,Cedar,Euro,FR\n\
    c-4,,USD,US\n\
    c-10,Elm,CHF,CH\n";

/// The counts of the table of outcomes.
pub(crate) fn counts(page: &str) -> Vec<(String, u64)> {
    let rows = page.split("data-outcome=\"").skip(1);
    rows.map(|row| {
        let (name, rest) = row.split_once('"').unwrap();
        let count = rest.split("data-count=\"").nth(1).unwrap();
        let count = count.split('"').next().unwrap();
        (name.to_owned(), count.parse().unwrap())
    })
    .collect()
}

/// The same from a summary: those that are not zero.
pub(crate) fn expected(summary: &Value) -> Vec<(String, u64)> {
    let outcomes = summary["outcomes"].as_object().unwrap();
    let of_rows = |name: &str| (name.to_owned(), summary["rows"][name].as_u64().unwrap());
    let mut all: Vec<(String, u64)> = outcomes
        .iter()
        .map(|(name, count)| (name.clone(), count.as_u64().unwrap()))
        .chain(["rejected", "skipped"].map(of_rows))
        .filter(|(_, count)| *count > 0)
        .collect();
    all.push(of_rows("read"));
    all.sort();
    all
}

pub(crate) fn agrees(run: &Run, page: &str, summary: &str) {
    let mut shown = counts(&run.text(page));
    shown.sort();
    let summary: Value = serde_json::from_str(&run.text(summary)).unwrap();
    assert_eq!(shown, expected(&summary), "{page}");
}

fn imported() -> Run {
    let run = Run::new().server(&[]).input("in.csv", ROWS);
    run.import("in.csv --max-errors 9").code(3);
    run
}

#[test]
fn every_command_over_an_input_writes_a_page_with_the_figures_of_its_summary() {
    let run = imported();
    let folder = "in.csv.results";
    let page = run.text(&format!("{folder}/report.html"));
    agrees(
        &run,
        "in.csv.results/report.html",
        "in.csv.results/summary.json",
    );
    assert_eq!(run.mode("in.csv.results/report.html"), 0o600);
    assert!(page.contains("Finished, but 3 of 5 rows need attention"));
    for part in ["rejects.csv --base-url", "SHA-256", "Latency", "Countries"] {
        assert!(page.contains(part), "{part}");
    }
    run.go("validate in.csv").code(3);
    run.go(&format!("verify in.csv --base-url {}", run.url()))
        .code(3);
    for command in ["validate", "verify"] {
        let name = |what: &str| format!("{folder}/{command}-{what}");
        agrees(&run, &name("report.html"), &name("summary.json"));
    }
    assert_eq!(run.text(&format!("{folder}/report.html")), page);
    let sync = format!(
        "sync in.csv --base-url {} --max-errors 9 --out night",
        run.url()
    );
    run.go(&sync).code(3);
    agrees(&run, "night/report.html", "night/summary.json");
}

#[test]
fn the_page_loads_nothing_and_runs_nothing_of_the_rows() {
    let page = imported().text("in.csv.results/report.html");
    assert_eq!(page.matches("<script>").count(), 1);
    for part in ["src=", "url(", "@import", "<iframe", "<img", "fetch("] {
        assert!(!page.contains(part), "{part}");
    }
    let links: Vec<&str> = page.split("href=\"").skip(1).collect();
    assert!(
        links.iter().all(|link| link.starts_with("data:,\"")),
        "{links:?}"
    );
}

/// Filters and sorts as a person does, and writes down what it finds.
const DRIVER: &str = r#"<pre id="found"></pre><script>
"use strict";
window.setTimeout(function () {
  var found = [];
  var table = document.getElementById("rows");
  function lines() {
    return Array.prototype.filter.call(table.tBodies[0].rows, function (row) { return !row.hidden; })
      .map(function (row) { return row.cells[0].textContent; }).join(" ");
  }
  function set(id, value, event) {
    document.getElementById(id).value = value;
    document.getElementById(id).dispatchEvent(new Event(event));
  }
  found.push("all " + lines());
  set("filter", "EURO", "input");
  found.push("filtered " + lines());
  set("filter", "", "input");
  set("kind", "unsupported_currency", "change");
  found.push("kind " + lines() + ", " + document.getElementById("shown").textContent);
  set("kind", "", "change");
  var line = table.tHead.rows[0].cells[0];
  line.firstChild.click();
  line.firstChild.click();
  found.push("sorted " + lines() + ", " + line.getAttribute("aria-sort"));
  found.push("requests " + performance.getEntriesByType("resource").length);
  document.getElementById("found").textContent = found.join("; ");
}, 0);
</script>"#;

/// A browser; `None` where there is none, which is an error where one is demanded.
fn browser() -> Option<&'static str> {
    let known = ["chromium", "chromium-browser", "google-chrome"];
    let is_there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let found = known.into_iter().find(is_there);
    let is_demanded = std::env::var_os("KABLE_BULK_BROWSER").is_some();
    assert!(
        found.is_some() || !is_demanded,
        "no browser: install chromium"
    );
    found
}

/// What the browser has made of the page, and what it said meanwhile; `more` are switches.
fn rendered(browser: &str, folder: &Path, page: &str, more: &[&str]) -> (String, String) {
    let place = folder.join("driven.html");
    std::fs::write(&place, page).unwrap();
    let shown = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
        ])
        .args(["--virtual-time-budget=4000", "--dump-dom"])
        .args(more)
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .arg(format!("file://{}", place.display()))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(shown.stdout), text(shown.stderr))
}

/// What a script wrote to the element `found`.
fn found(shown: &str) -> &str {
    let found = shown.split("<pre id=\"found\">").nth(1).unwrap_or_default();
    found.split("</pre>").next().unwrap_or_default()
}

#[test]
fn filter_and_sort_work_in_a_browser() {
    let Some(browser) = browser() else {
        eprintln!("skipped: there is no browser");
        return;
    };
    let page = imported().text("in.csv.results/report.html");
    let folder = tempfile::tempdir().unwrap();
    let driven = page.replace("</body>", &format!("{DRIVER}</body>"));
    let (shown, said) = rendered(browser, folder.path(), &driven, &[]);
    assert!(!said.contains("CONSOLE"), "{said}");
    assert_eq!(
        found(&shown),
        "all 2 4 5 6; filtered 4; kind 6, 1 of 4 listed rows; sorted 6 5 4 2, descending; requests 0",
        "{said}"
    );
}

/// The checks of accessibility, a third party's: `tests/data/axe/LICENSE`.
const AXE: &str = include_str!("../data/axe/axe.min.js");

/// Runs the checks, and writes down what is serious, the scheme, and whether anything is
/// wider than the window.
const CHECKER: &str = r#"<pre id="found"></pre><script>
"use strict";
axe.run(document, { resultTypes: ["violations"] }).then(function (results) {
  var wrong = results.violations.filter(function (one) {
    return one.impact === "serious" || one.impact === "critical";
  });
  var lines = wrong.map(function (one) {
    return one.id + " " + one.nodes.map(function (node) { return node.html; }).slice(0, 3).join(" ");
  });
  lines.push("passed " + (results.passes.length > 0));
  lines.push("dark " + window.matchMedia("(prefers-color-scheme: dark)").matches);
  lines.push("too wide " + (document.documentElement.scrollWidth > window.innerWidth));
  document.getElementById("found").textContent = lines.join("; ");
}, function (error) { document.getElementById("found").textContent = String(error); });
</script>"#;

#[test]
fn no_serious_fault_of_accessibility_in_light_and_dark_and_nothing_is_too_wide() {
    let Some(browser) = browser() else {
        eprintln!("skipped: there is no browser");
        return;
    };
    let run = imported();
    run.write("empty.csv", "clientId,companyName,currency\n");
    run.go("validate empty.csv").code(0);
    let folder = tempfile::tempdir().unwrap();
    for (name, dark) in [
        ("in.csv", false),
        ("in.csv", true),
        ("empty.csv", false),
        ("empty.csv", true),
    ] {
        let page = run.text(&format!("{name}.results/report.html"));
        let checked = format!("<script>{AXE}</script>{CHECKER}</body>");
        let driven = page.replace("</body>", &checked);
        // Chromium's number of the dark scheme is 0; a phone's width is the least that it has.
        let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!dark));
        let window = "--window-size=500,800";
        let (shown, said) = rendered(browser, folder.path(), &driven, &[&scheme, window]);
        let wanted = format!("passed true; dark {dark}; too wide false");
        assert_eq!(found(&shown), wanted, "{name}: {said}");
    }
}

#[test]
fn options_of_the_file_and_the_environment_are_named_and_no_secret_is() {
    let run = Run::new()
        .server(&[])
        .input("in.csv", "clientId,companyName,currency\nc-1,Aster,USD\n")
        .env("KABLE_BULK_ALLOW_CURRENCY", "SEK");
    let toml = format!(
        "rate = '50/s'\nbase-url = '{}'\nnotify-command = 'true token-of-a-pager'\nstrict = true\n",
        run.url()
    );
    run.write("kable-bulk.toml", toml);
    run.go("import in.csv --strict=false").code(0);
    let page = run.text("in.csv.results/report.html");
    for part in [
        "rate = 50/s (kable-bulk.toml, line 1)",
        "base-url = http://127.0.0.1:",
        "notify-command = (not shown) (kable-bulk.toml, line 3)",
        "allow-currency = SEK (KABLE_BULK_ALLOW_CURRENCY)",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for part in [CLIENT_SECRET, "token-of-a-pager", "strict = true"] {
        assert!(!page.contains(part), "{part}");
    }
}

#[test]
fn a_run_that_is_stopped_has_a_page() {
    let stopped = |faults: &[&str], options: &str, code: i32, verdict: &str| {
        let text = rows(30) + "c-bad,Bad,Euro\n";
        let run = Run::new().server(faults).input("in.csv", text);
        let running = run.start_import(&format!("in.csv {options}"));
        if code == 130 {
            until("a request", || run.counts().of(Call::Create) >= 1);
            running.signal("INT");
        }
        running.end().code(code);
        let page = run.text("in.csv.results/report.html");
        let found = page.contains(&format!("\">{verdict}: "));
        assert!(found, "{options}: {verdict}");
        agrees(
            &run,
            "in.csv.results/report.html",
            "in.csv.results/summary.json",
        );
    };
    stopped(&[], "--max-errors 0", 5, "Stopped");
    stopped(
        &[],
        "--max-duration 1s --rate 5/s",
        4,
        "Stopped by the clock",
    );
    stopped(&["status:503@create"], "", 130, "Interrupted");
    stopped(&["revoke-key@create:3"], "--rate 50/s", 1, "Stopped");
}

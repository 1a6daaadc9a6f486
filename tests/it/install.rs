//! What packagers use: the version, completions, manual pages.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::Run;

/// The build script, whose answers are compared with git's.
#[expect(dead_code, reason = "its main function is Cargo's to call")]
#[path = "../../build.rs"]
mod build_script;

/// Runs git in `folder`; `None` where it is not installed.
fn git(folder: &Path, arguments: &[&str]) -> Option<()> {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=A", "-c", "user.email=a@a.example"])
        .args(arguments)
        .env("GIT_COMMITTER_DATE", "2026-11-28T12:00:00Z")
        .output();
    let Ok(output) = output else {
        println!("skipped: there is no git");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    Some(())
}

#[test]
fn the_version_has_the_commit_of_its_own_working_tree() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    if git(root, &["init", "-q"]).is_none() {
        return;
    }
    assert_eq!(build_script::commit(root), None, "there is no commit");
    git(root, &["commit", "-q", "--allow-empty", "-m", "first"]);
    let commit = build_script::commit(root).unwrap();
    let (hash, date) = commit.split_once(' ').unwrap();
    assert!(hash.len() >= 7, "{commit}");
    assert_eq!(date, "2026-11-28");
    // The archive of a release, within the repository of a package.
    let archive = root.join("src/kable-bulk");
    std::fs::create_dir_all(&archive).unwrap();
    assert_eq!(build_script::commit(&archive), None);
}

/// Runs `program` with `text` on its standard input; `None` where it is not installed.
fn fed(program: &str, arguments: &[&str], text: &str) -> Option<std::process::Output> {
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        println!("skipped: there is no {program}");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    Some(child.wait_with_output().unwrap())
}

/// No container is built here: what can be compared is.
#[test]
fn the_container_has_the_compiler_and_the_files_that_are_needed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let image = format!("FROM rust:{}-alpine", env!("CARGO_PKG_RUST_VERSION"));
    assert!(text("Dockerfile").contains(&image), "{image}");
    let ignored = text(".dockerignore");
    let copied: Vec<&str> = ignored
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    for name in &copied {
        assert!(root.join(name).exists(), "{name}");
    }
    for name in ["Cargo.lock", "build.rs", "src", "presets", "askama.toml"] {
        assert!(copied.contains(&name), "{name}");
    }
}

#[test]
fn shells_accept_their_scripts() {
    let run = Run::new();
    for shell in ["bash", "zsh", "fish"] {
        let printed = run.go(&format!("completions {shell}")).code(0);
        assert_eq!(printed.stderr, "");
        if let Some(output) = fed(shell, &["-n"], &printed.stdout) {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success() && said.is_empty(),
                "{shell}: {said}"
            );
        }
    }
    run.go("completions tcsh").code(2).says("powershell");
}

#[test]
fn the_manual_pages_have_no_warning() {
    let run = Run::new();
    let printed = run.go("man").code(0);
    run.go("man --out man1").code(0);
    assert_eq!(run.text("man1/kable-bulk.1"), printed.stdout);
    for page in ["kable-bulk", "kable-bulk-import", "kable-bulk-sandbox"] {
        let text = run.text(&format!("man1/{page}.1"));
        let Some(output) = fed("groff", &["-man", "-ww", "-Tutf8"], &text) else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.is_empty(), "{page}: {said}");
    }
}

#[test]
fn a_file_that_is_no_page_of_ours_is_not_replaced() {
    let run = Run::new().input("man1/kable-bulk-list.1", "mine");
    run.go("man --out man1")
        .refuses(1, &["kable-bulk-list.1"])
        .hints("--out");
    assert_eq!(run.text("man1/kable-bulk-list.1"), "mine");
    assert!(!run.exists("man1/kable-bulk.1"));
}

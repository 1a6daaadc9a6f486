//! What a terminal shows: the program runs in a pseudo-terminal that is resized.

use std::fs::File;
use std::io::Read;
use std::num::NonZero;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use vt100::Parser;

use crate::common::{Run, rows, until};

const ROWS: u16 = 24;

/// A program in a terminal.
struct Terminal {
    master: File,
    child: Child,
    screen: Arc<Mutex<Parser>>,
    /// All that was written to it.
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

fn size(columns: u16) -> (NonZero<u16>, NonZero<u16>) {
    (NonZero::new(ROWS).unwrap(), NonZero::new(columns).unwrap())
}

impl Terminal {
    fn start(run: &Run, line: &str, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        // No other test's process may inherit it: it would seem to be open still.
        let slave = rustix::fs::open(
            name,
            OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .unwrap();
        let (rows, wide) = size(columns);
        let parser = Parser::new(rows, wide, 0);
        let (master, slave) = (File::from(master), File::from(slave));
        resize(&master, columns);
        let stream = || Stdio::from(slave.try_clone().unwrap());
        let words: Vec<&str> = line.split_whitespace().collect();
        let child = run
            .command(&words)
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .unwrap();
        let screen = Arc::new(Mutex::new(parser));
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let mut reader = master.try_clone().unwrap();
        let (shown, kept) = (Arc::clone(&screen), Arc::clone(&bytes));
        let reader = std::thread::spawn(move || {
            let mut part = [0; 4096];
            // Fails once nothing has the other end open any more.
            while let Ok(many @ 1..) = reader.read(&mut part) {
                shown.lock().unwrap().process(&part[..many]);
                kept.lock().unwrap().extend_from_slice(&part[..many]);
            }
        });
        Self {
            master,
            child,
            screen,
            bytes,
            reader: Some(reader),
        }
    }

    fn resize(&self, columns: u16) {
        let (rows, wide) = size(columns);
        self.screen
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(rows, wide);
        resize(&self.master, columns);
    }

    /// The rows that are not blank.
    fn rows(&self) -> Vec<String> {
        let parser = self.screen.lock().unwrap();
        let columns = parser.screen().size().1;
        let rows = parser.screen().rows(0, columns.get());
        rows.map(|row| row.trim_end().to_owned())
            .filter(|row| !row.is_empty())
            .collect()
    }

    fn interrupt(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }

    fn code(&mut self) -> Option<i32> {
        let code = self.child.wait().unwrap().code();
        // It ends once nothing has the other end open any more, and all was read.
        self.reader.take().unwrap().join().unwrap();
        code
    }

    fn written(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }
}

fn resize(terminal: &File, columns: u16) {
    let size = Winsize {
        ws_row: ROWS,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal, size).unwrap();
}

/// The rows of `shown` that look like the progress.
fn progress(shown: &[String]) -> Vec<&String> {
    shown
        .iter()
        .filter(|row| row.contains("% ") && row.contains("/2,000"))
        .collect()
}

#[test]
fn one_line_shows_the_progress_at_any_width_and_none_is_left_behind() {
    let run = Run::new().server(&[]).input("in.csv", rows(2000));
    let line = "import in.csv --base-url URL --rate 100";
    let mut terminal = Terminal::start(&run, line, 120);
    for columns in [120_u16, 80, 60, 40, 200] {
        terminal.resize(columns);
        until("the progress at this width", || {
            let shown = terminal.rows();
            let lines = progress(&shown);
            // A wider line is what was drawn before.
            let is_fit = |line: &&String| line.chars().count() < usize::from(columns);
            let is_drawn_anew =
                columns < 200 || lines.iter().any(|line| line.chars().count() > 100);
            let is_timed = columns == 40 || lines.iter().all(|line| line.contains(" left ("));
            lines.len() == 1 && lines.iter().all(is_fit) && is_drawn_anew && is_timed
        });
        let shown = terminal.rows();
        let line = progress(&shown)[0];
        assert_eq!(
            line.contains('█') || line.contains('░'),
            columns >= 60,
            "{line}"
        );
    }
    terminal.interrupt();
    assert_eq!(terminal.code(), Some(130));
    let shown = terminal.rows();
    assert!(progress(&shown).is_empty(), "{shown:#?}");
    let written = terminal.written();
    assert!(
        written.contains("\u{1b}]2;0% import in.csv\u{1b}\\"),
        "{written:?}"
    );
    assert!(
        written.contains("\u{1b}[23;2t"),
        "the title is not restored"
    );
    assert!(
        written.contains("stopping: nothing more is sent"),
        "{written}"
    );
}

#[test]
fn status_is_drawn_in_place_until_the_run_ends_and_stays() {
    let run = Run::new().server(&[]).input("in.csv", rows(2000));
    let mut running = run.start_import("in.csv --rate 50");
    until("a checkpoint", || run.exists("in.csv.checkpoint.db"));
    let mut terminal = Terminal::start(&run, "status in.csv --watch=200ms", 100);
    for columns in [100_u16, 40, 80] {
        terminal.resize(columns);
        until("the status at this width", || {
            let shown = terminal.rows();
            let is_fit = |row: &String| row.chars().count() < usize::from(columns);
            let of_it = |words: &str| shown.iter().filter(|row| row.contains(words)).count();
            shown.iter().all(is_fit)
                && of_it("Checkpoint ") == 1
                && of_it(" of 2,000 rows") == 1
                && of_it("rows/s") == 1
        });
    }
    let mut left = Terminal::start(&run, "status in.csv --watch=1h", 80);
    until("the status", || !left.rows().is_empty());
    left.interrupt();
    assert_eq!(left.code(), Some(0));
    assert!(running.runs(), "the run goes on");
    running.signal("INT");
    running.end().code(130);
    assert_eq!(terminal.code(), Some(0));
    let shown = terminal.rows();
    let ended = "not running; the last run was interrupted";
    assert!(shown.iter().any(|row| row.contains(ended)), "{shown:#?}");
    assert!(shown[0].starts_with("Checkpoint "), "{shown:#?}");
    assert!(!terminal.written().contains("\u{1b}[?1049h"));
}

#[test]
fn a_terminal_without_a_cursor_gets_plain_lines() {
    let run = Run::new().env("TERM", "dumb").input("in.csv", rows(20));
    let mut terminal = Terminal::start(&run, "import in.csv --sandbox", 80);
    assert_eq!(terminal.code(), Some(0));
    let written = terminal.written();
    assert!(!written.contains('\u{1b}'), "{written:?}");
    assert!(written.contains("created"), "{written:?}");
}

#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    let run = Run::new().input("in.csv", rows(2));
    let line = "import nowhere.csv --sandbox --no-progress";
    let coloured = |run: &Run, line: &str| {
        let mut terminal = Terminal::start(run, line, 80);
        assert_eq!(terminal.code(), Some(1));
        terminal.written().contains("\u{1b}[31merror:")
    };
    assert!(coloured(&run, line));
    assert!(!coloured(&run, &format!("{line} --color never")));
    let run = run.env("NO_COLOR", "1");
    assert!(!coloured(&run, line));
    assert!(coloured(&run, &format!("{line} --color=always")));
}

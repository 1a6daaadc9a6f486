//! Draws one line at the bottom of a terminal, which may be resized at any time.
//!
//! The cursor rests at the start of the line. Where a narrower terminal wraps the line, the
//! cursor stays at its start, and all below the cursor is erased before the next drawing: no
//! copy of the line is left. (Behind the line, the cursor would be in the last of the wrapped
//! rows, and how many there are above it, no program can know.)

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use indicatif::TermLike;
use parking_lot::Mutex;

/// Returns the size of a terminal: rows and columns.
pub(super) type TerminalSize = fn() -> (u16, u16);

/// A terminal with a line at its bottom.
pub(super) struct Terminal {
    size: TerminalSize,
    out: Mutex<TerminalOutput>,
}

struct TerminalOutput {
    out: Box<dyn Write + Send>,
    /// What is written with the next flush, in one piece: nothing flickers.
    pending: String,
    title: Option<String>,
}

/// The terminal as the progress bar draws on it.
#[derive(Debug, Clone)]
pub(super) struct DrawTarget(pub(super) Arc<Terminal>);

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").finish_non_exhaustive()
    }
}

impl Terminal {
    /// A terminal that `out` leads to.
    pub(super) fn new(out: Box<dyn Write + Send>, size: TerminalSize) -> Self {
        let out = TerminalOutput {
            out,
            pending: String::new(),
            title: None,
        };
        Self {
            size,
            out: Mutex::new(out),
        }
    }

    /// The columns.
    pub(super) fn width(&self) -> usize {
        usize::from((self.size)().1)
    }

    /// Sets the window's title (xterm, "Operating System Commands", 2). The one before is
    /// put on the terminal's stack, for [`Terminal::restore_title`].
    pub(super) fn set_title(&self, title: String) {
        let mut out = self.out.lock();
        if out.title.as_ref() == Some(&title) {
            return;
        }
        if out.title.is_none() {
            out.pending.push_str("\x1b[22;2t");
        }
        out.pending.push_str("\x1b]2;");
        out.pending.push_str(&title);
        out.pending.push_str("\x1b\\");
        out.title = Some(title);
    }

    /// Sets the title that was there before.
    pub(super) fn restore_title(&self) {
        let mut out = self.out.lock();
        if out.title.take().is_some() {
            out.pending.push_str("\x1b[23;2t");
        }
        out.flush().ok();
    }
}

impl TerminalOutput {
    fn flush(&mut self) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        self.out.write_all(pending.as_bytes())?;
        self.out.flush()
    }
}

impl TermLike for DrawTarget {
    fn width(&self) -> u16 {
        (self.0.size)().1
    }

    fn height(&self) -> u16 {
        (self.0.size)().0
    }

    // There is one line only, and the cursor rests at its start.
    fn move_cursor_up(&self, _lines: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _lines: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _columns: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _columns: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        let mut out = self.0.out.lock();
        out.pending.push_str(text);
        out.pending.push('\n');
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        // The blanks with which the library fills the line would be wrapped too.
        self.0.out.lock().pending.push_str(text.trim_end());
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        // The line first: some terminals keep a screen that is erased from its very start.
        self.0.out.lock().pending.push_str("\r\x1b[K\x1b[J");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut out = self.0.out.lock();
        out.pending.push('\r');
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU16, Ordering};

    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
    use parking_lot::Mutex;

    use super::{DrawTarget, Terminal};

    static COLUMNS: AtomicU16 = AtomicU16::new(60);

    #[derive(Clone, Default)]
    struct TerminalBytes(Arc<Mutex<Vec<u8>>>);

    impl io::Write for TerminalBytes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// How a terminal of `columns` shows the rows.
    fn rows(screen: &vt100::Parser) -> Vec<String> {
        let columns = screen.screen().size().1;
        let rows = screen.screen().rows(0, columns.get());
        rows.map(|row| row.trim_end().to_owned())
            .filter(|row| !row.is_empty())
            .collect()
    }

    #[test]
    fn a_line_that_a_narrower_terminal_has_wrapped_is_erased_whole() {
        let written = TerminalBytes::default();
        let terminal_size = || (24, COLUMNS.load(Ordering::Relaxed));
        let terminal = Arc::new(Terminal::new(Box::new(written.clone()), terminal_size));
        let target = ProgressDrawTarget::term_like(Box::new(DrawTarget(Arc::clone(&terminal))));
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(ProgressStyle::with_template("{msg}").unwrap());
        terminal.set_title("42%".to_owned());
        bar.set_message("a".repeat(50));
        bar.force_draw();
        let size = |size| std::num::NonZero::new(size).unwrap();
        let mut screen = vt100::Parser::new(size(24), size(60), 0);
        let process = |screen: &mut vt100::Parser| {
            let bytes = std::mem::take(&mut *written.0.lock());
            screen.process(&bytes);
        };
        process(&mut screen);
        assert_eq!(rows(&screen), ["a".repeat(50)]);
        assert_eq!(screen.screen().cursor_position(), (0, 0));
        // Terminals that wrap anew show two rows then, with the cursor in the first.
        screen.process(format!("\r{}\r\n{}\x1b[1;1H", "a".repeat(40), "a".repeat(10)).as_bytes());
        COLUMNS.store(40, Ordering::Relaxed);
        bar.set_message("b".repeat(30));
        bar.force_draw();
        process(&mut screen);
        assert_eq!(rows(&screen), ["b".repeat(30)]);
        bar.suspend(|| written.0.lock().extend_from_slice(b"a line of its own\r\n"));
        process(&mut screen);
        assert_eq!(rows(&screen), ["a line of its own", &"b".repeat(30)]);
        bar.finish_and_clear();
        terminal.restore_title();
        process(&mut screen);
        assert_eq!(rows(&screen), ["a line of its own"]);
    }
}

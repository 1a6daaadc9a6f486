//! The progress in one line that fits any width: what matters most is kept.

use std::time::Duration;

use console::measure_text_width;
use jiff::Zoned;

use super::state::{Phase, ProgressState, Speed};
use crate::domain::bottleneck::Bottleneck;
use crate::domain::outcome::Outcome;
use crate::domain::text::{counted, escaped, thousands};
use crate::report::wait_words::pause_left;
use crate::report::wall_time::{after, short};

/// Between two parts.
const GAP: &str = " · ";

/// The widest and the narrowest bar, in columns.
const BAR: (usize, usize) = (30, 8);

/// From this width on, room is kept for the narrowest bar.
const WIDE_ENOUGH: usize = 60;

/// A part of the line. Parts of a lower rank are left out last.
struct Part {
    rank: u8,
    text: String,
}

/// The line for a terminal of `width` columns; the last one stays free, so that no terminal
/// wraps it.
pub(super) fn status_line(
    state: &ProgressState,
    speed: Speed,
    now: &Zoned,
    width: usize,
) -> String {
    let room = width.saturating_sub(1);
    match state.phase {
        Phase::Starting => String::new(),
        Phase::Fetching(bytes, total) => fitting(&fetching(state, bytes, total), room),
        Phase::Checking(rows) => fitting(&doing("checking", rows), room),
        Phase::Accounting(rows) => fitting(&doing("writing results", rows), room),
        Phase::Sending => {
            let percent = format!("{:>3}%", state.percent());
            let bar = if width < WIDE_ENOUGH { 0 } else { BAR.1 + 1 };
            let room_for_text = room.saturating_sub(percent.len() + 1 + bar);
            let parts = chosen(parts(state, speed, now), room_for_text);
            let text = parts.join(GAP);
            let taken = percent.len() + 1 + measure_text_width(&text);
            let bar = drawn(state.share(), room.saturating_sub(taken));
            fitting(&format!("{percent} {bar}{text}"), room)
        }
    }
}

/// The line where there is no terminal.
pub(super) fn plain(state: &ProgressState, speed: Speed, now: &Zoned) -> String {
    match state.phase {
        Phase::Starting => String::new(),
        Phase::Fetching(bytes, total) => fetching(state, bytes, total),
        Phase::Checking(rows) => doing("checking", rows),
        Phase::Accounting(rows) => doing("writing results", rows),
        Phase::Sending => {
            let parts = parts(state, speed, now);
            let texts: Vec<String> = parts.into_iter().map(|part| part.text).collect();
            format!("{}%, {}", state.percent(), texts.join(GAP))
        }
    }
}

/// How much of an object was read; with the last trouble, if there was one since.
fn fetching(state: &ProgressState, bytes: u64, total: Option<u64>) -> String {
    let total = total.map_or_else(String::new, |total| format!(" of {}", megabytes(total)));
    let (name, bytes) = (escaped(&state.fetched), megabytes(bytes));
    let line = format!("reading {name}: {bytes}{total} MB");
    if state.note.is_empty() {
        line
    } else {
        format!("{line}{GAP}{}", escaped(&state.note))
    }
}

/// Megabytes, to a tenth.
fn megabytes(bytes: u64) -> String {
    format!(
        "{}.{}",
        thousands(bytes / 1_000_000),
        bytes % 1_000_000 / 100_000
    )
}

fn doing(what: &str, rows: u64) -> String {
    format!("{what}: {}", counted(rows, "row", "rows"))
}

/// All parts, in the order in which they are shown.
fn parts(state: &ProgressState, speed: Speed, now: &Zoned) -> Vec<Part> {
    let progress = state.progress;
    let totals = progress.totals;
    let (created, failed, existed) = (
        totals.outcomes.of(Outcome::Created),
        totals.failed(),
        totals.existed(),
    );
    let mut parts = Vec::new();
    let mut add = |rank, text: String| parts.push(Part { rank, text });
    add(
        0,
        format!("{}/{}", thousands(state.done()), thousands(state.all())),
    );
    if let Some((_, since)) = &state.down {
        add(1, format!("API down since {since}"));
    } else if state.waits_for_proof() {
        let waiting = counted(progress.pacing.waiting, "row", "rows");
        add(1, format!("waiting for {waiting} in doubt"));
    } else if !state.note.is_empty() {
        add(6, escaped(&state.note).into_owned());
    }
    add(3, format!("{:.0}/s", speed.rows_a_second));
    if let Some(left) = speed.left.filter(|_| state.down.is_none()) {
        add(2, time_left(left, now));
    }
    add(5, format!("created {}", thousands(created)));
    let rank = if failed > 0 { 2 } else { 7 };
    add(rank, format!("failed {}", thousands(failed)));
    let differs = totals.outcomes.of(Outcome::Differs);
    if differs > 0 {
        add(3, format!("differs {}", thousands(differs)));
    }
    if existed > 0 {
        add(8, format!("there already {}", thousands(existed)));
    }
    if progress.pacing.waiting > 0 && !state.waits_for_proof() {
        add(
            3,
            format!("in doubt {}", thousands(progress.pacing.waiting)),
        );
    }
    let throttled = totals.requests.throttled;
    if throttled > 0 {
        add(6, format!("throttled {}", thousands(throttled)));
    }
    add(4, bottleneck(state));
    let (in_flight, window) = (progress.pacing.in_flight, progress.pacing.window);
    add(9, format!("{in_flight} of {window} in flight"));
    parts
}

/// How long it will take, and the time of day at its end.
fn time_left(left: Duration, now: &Zoned) -> String {
    let end = after(now, left).map_or_else(String::new, |end| format!(" ({end})"));
    format!("{} left{end}", short(left))
}

/// What limits the pace.
fn bottleneck(state: &ProgressState) -> String {
    let pacing = state.progress.pacing;
    let has_none = pacing.in_flight == 0 && pacing.waiting == 0 && pacing.paused_ms.is_none();
    if state.workers.is_some() && has_none && pacing.bound == Bottleneck::Rows {
        return "waiting for the rows of other workers".to_owned();
    }
    let paused = pacing.paused_ms.map_or_else(String::new, pause_left);
    format!("{}{paused}", pacing.bound.description())
}

/// The texts that fit into `room`, those of the lowest rank first, in their order.
fn chosen(parts: Vec<Part>, room: usize) -> Vec<String> {
    let mut by_rank: Vec<(u8, usize)> = (0..)
        .zip(&parts)
        .map(|(index, part)| (part.rank, index))
        .collect();
    by_rank.sort_unstable();
    let mut taken = 0;
    let mut is_shown = vec![false; parts.len()];
    for (_, index) in by_rank {
        let Some((part, shown)) = parts.get(index).zip(is_shown.get_mut(index)) else {
            continue;
        };
        let gap = if taken == 0 {
            0
        } else {
            measure_text_width(GAP)
        };
        let needed = gap + measure_text_width(&part.text);
        if taken + needed <= room {
            taken += needed;
            *shown = true;
        }
    }
    let shown = parts.into_iter().zip(is_shown).filter(|(_, shown)| *shown);
    shown.map(|(part, _)| part.text).collect()
}

/// A bar in at most `room` columns with a blank behind it; nothing if there is too little.
fn drawn(share: f64, room: usize) -> String {
    let (widest, narrowest) = BAR;
    if room < narrowest + 1 {
        return String::new();
    }
    let columns = widest.min(room - 1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a share from 0 to 1 of a few columns"
    )]
    let full = ((share * columns as f64) as usize).min(columns);
    format!("{}{} ", "█".repeat(full), "░".repeat(columns - full))
}

/// `text`, cut off where it would not fit.
fn fitting(text: &str, room: usize) -> String {
    if room == 0 {
        return String::new();
    }
    console::truncate_str(text, room, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use console::measure_text_width;
    use tokio::time::Instant;

    use super::{ProgressState, Speed, plain, status_line};
    use crate::domain::bottleneck::{Bottleneck, Pacing};
    use crate::domain::outcome::Outcome;
    use crate::report::progress::state::Phase;
    use crate::report::wall_time::tests::night;
    use crate::report::{Progress, SendingTotals, WorkerHealth};

    const SPEED: Speed = Speed {
        rows_a_second: 120.0,
        left: Some(Duration::from_secs(8000)),
    };

    fn state() -> ProgressState {
        let mut state = ProgressState::default();
        state.begin(30_000, 10_000, Instant::now());
        let mut totals = SendingTotals::default();
        totals.outcomes.add_many(Outcome::Created, 6790);
        totals.outcomes.add_many(Outcome::AlreadyExisted, 6);
        totals.outcomes.add_many(Outcome::Failed, 4);
        totals.requests.throttled = 12;
        totals.requests.sent = 6816;
        let progress = Progress {
            done: 6800,
            elsewhere: 0,
            totals,
            pacing: Pacing {
                rate: Some(98.5),
                in_flight: 9,
                window: 18,
                bound: Bottleneck::Advertised,
                paused_ms: None,
                waiting: 3,
            },
        };
        state.record(&progress, Instant::now());
        state
    }

    #[test]
    fn a_worker_without_rows_says_who_has_them() {
        let mut state = state();
        let pacing = &mut state.progress.pacing;
        (pacing.in_flight, pacing.waiting, pacing.bound) = (0, 0, Bottleneck::Rows);
        assert_eq!(super::bottleneck(&state), "as fast as rows and disk");
        let health = WorkerHealth {
            oldest_heartbeat: Duration::from_secs(1),
        };
        state.workers = Some((health, Instant::now()));
        assert_eq!(
            super::bottleneck(&state),
            "waiting for the rows of other workers"
        );
    }

    #[test]
    fn it_fits_any_width_and_keeps_what_matters_most() {
        let mut down = state();
        down.down = Some((Instant::now(), "02:51".to_owned()));
        let mut shown = Vec::new();
        for width in [20, 40, 60, 80, 120, 200] {
            for (state, speed) in [(&state(), SPEED), (&down, SPEED)] {
                let line = status_line(state, speed, &night(), width);
                assert!(measure_text_width(&line) < width, "{width}: {line}");
                shown.push(format!("{width:>4}|{line}"));
            }
        }
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn every_width_is_fit_in_every_phase() {
        let mut state = state();
        "客户 says no to 客户, as \u{1b}[31m it says".clone_into(&mut state.note);
        for phase in [
            Phase::Starting,
            Phase::Checking(12),
            Phase::Sending,
            Phase::Accounting(1_234_567),
        ] {
            state.phase = phase;
            for width in 0..250 {
                let line = status_line(&state, Speed::default(), &night(), width);
                assert!(
                    measure_text_width(&line) <= width.saturating_sub(1),
                    "{line}"
                );
                assert!(!line.contains('\u{1b}'), "{line}");
            }
        }
    }

    #[test]
    fn a_plain_line_has_all_of_it() {
        insta::assert_snapshot!(plain(&state(), SPEED, &night()));
    }
}

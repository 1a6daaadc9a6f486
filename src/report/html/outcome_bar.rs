//! Every row by its outcome, as a bar whose parts add up to the rows read.

use crate::domain::outcome::Outcome;
use crate::domain::summary::Summary;
use crate::domain::text::thousands;
use crate::report::outcome_text::outcome_text;

/// The width of the bar.
const WIDTH: f64 = 1000.0;

/// A part of the bar.
#[derive(Debug)]
pub(super) struct OutcomeSegment {
    /// As `summary.json` names it.
    pub(super) name: &'static str,
    /// Its class in the style sheet.
    pub(super) class: &'static str,
    pub(super) label: &'static str,
    pub(super) rows: u64,
    pub(super) count: String,
    pub(super) share: String,
    pub(super) x: String,
    pub(super) width: String,
}

/// The parts that have rows.
pub(super) fn segments(summary: &Summary) -> Vec<OutcomeSegment> {
    let all = summary.rows.read;
    let outcomes = Outcome::ALL.into_iter().map(|outcome| {
        let is_fit = outcome == Outcome::Pending && summary.command == "validate";
        let class = if is_fit { "fit" } else { outcome.name() };
        let label = outcome_text(outcome, &summary.command);
        (outcome.name(), class, label, summary.outcomes.of(outcome))
    });
    let others = [
        (
            "rejected",
            "rejected",
            "rejected: did not pass the checks",
            summary.rows.rejected,
        ),
        (
            "skipped",
            "skipped",
            "skipped: no customer",
            summary.rows.skipped,
        ),
    ];
    let mut before = 0;
    let parts = outcomes.chain(others).filter(|(.., rows)| *rows > 0);
    parts
        .map(|(name, class, label, rows)| {
            let from = place(before, all);
            before += rows;
            OutcomeSegment {
                name,
                class,
                label,
                rows,
                count: thousands(rows),
                share: share(rows, all),
                x: format!("{from:.2}"),
                width: format!("{:.2}", place(before, all) - from),
            }
        })
        .collect()
}

/// The bar in words, for readers that do not see it.
pub(super) fn bar_label(segments: &[OutcomeSegment]) -> String {
    let parts = segments.iter().map(|part| {
        // What follows the colon explains the outcome, which the table does as well.
        let name = part.label.split(':').next().unwrap_or_default();
        format!("{name} {} ({})", part.count, part.share)
    });
    let parts: Vec<String> = parts.collect();
    format!("Rows by outcome: {}", parts.join("; "))
}

/// Where the bar of `all` rows has `rows` of them on its left.
#[expect(
    clippy::cast_precision_loss,
    reason = "a picture needs no more than three digits"
)]
fn place(rows: u64, all: u64) -> f64 {
    WIDTH * rows as f64 / all.max(1) as f64
}

/// The share of `rows` in `all`; never 0 % of some nor 100 % of less than all.
pub(super) fn share(rows: u64, all: u64) -> String {
    let percent = place(rows, all) / (WIDTH / 100.0);
    if rows == all {
        "100 %".to_owned()
    } else if percent < 0.1 {
        "< 0.1 %".to_owned()
    } else if percent > 99.9 {
        "> 99.9 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

#[cfg(test)]
mod tests {
    use super::{bar_label, segments, share};
    use crate::domain::outcome::Outcome;
    use crate::domain::summary::{RowCounts, Summary};

    #[test]
    fn the_parts_add_up_to_the_rows_read() {
        let mut summary = Summary {
            rows: RowCounts {
                read: 1000,
                skipped: 10,
                rejected: 90,
            },
            ..Summary::default()
        };
        summary.outcomes.add_many(Outcome::Created, 600);
        summary.outcomes.add_many(Outcome::Failed, 300);
        let parts = segments(&summary);
        let names: Vec<_> = parts.iter().map(|part| (part.name, part.rows)).collect();
        let wanted = [
            ("created", 600),
            ("failed", 300),
            ("rejected", 90),
            ("skipped", 10),
        ];
        assert_eq!(names, wanted);
        let places: Vec<_> = parts.iter().map(|part| part.x.as_str()).collect();
        assert_eq!(places, ["0.00", "600.00", "900.00", "990.00"]);
        let widths = parts.iter().map(|part| part.width.parse::<f64>().unwrap());
        assert!((widths.sum::<f64>() - 1000.0).abs() < 0.1);
        assert_eq!(segments(&Summary::default()).len(), 0);
        assert_eq!(
            bar_label(&parts),
            "Rows by outcome: created 600 (60.0 %); failed 300 (30.0 %); rejected 90 (9.0 %); \
             skipped 10 (1.0 %)"
        );
    }

    #[test]
    fn a_share_is_never_rounded_to_none_or_all() {
        assert_eq!(share(1, 1_000_000), "< 0.1 %");
        assert_eq!(share(999_999, 1_000_000), "> 99.9 %");
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(3, 3), "100 %");
    }
}

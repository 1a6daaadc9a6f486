//! What a run would do, in words.

use crate::domain::forecast::Forecast;
use crate::domain::text::{counted, thousands};

/// What a run would do, one sentence each.
pub(super) fn forecast_sentences(would: &Forecast, line: &mut impl FnMut(&str)) {
    let customers = |number| counted(number, "customer", "customers");
    let mut say = |number: u64, text: String| {
        if number > 0 {
            line(&text);
        }
    };
    let perhaps = if would.listed {
        ""
    } else {
        " (it is not known whether some are there already)"
    };
    let create = customers(would.create);
    say(would.create, format!("Would create {create}{perhaps}"));
    let mut fields: Vec<_> = would.update_fields.iter().collect();
    fields.sort_by_key(|(_, rows)| std::cmp::Reverse(**rows));
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, rows)| format!("{name} {}", thousands(**rows)))
        .collect();
    let still = match would.update_differing {
        0 => String::new(),
        rows => format!(
            " ({} would differ still: plans, bundles or the status)",
            thousands(rows)
        ),
    };
    say(
        would.update,
        format!(
            "Would update {}: {}{still}",
            thousands(would.update),
            fields.join(", ")
        ),
    );
    for (rows, why) in [
        (would.leave_equal, "done before, or equal to the file"),
        (would.leave_differing, "they differ from the file"),
    ] {
        let text = format!("Would leave {} as they are: {why}", thousands(rows));
        say(rows, text);
    }
    let fail = counted(would.fail, "row", "rows");
    say(would.fail, format!("Would count {fail} as failed"));
    let ask = customers(would.ask);
    let unknown = "what would follow is not known";
    say(would.ask, format!("Would ask for {ask} first: {unknown}"));
    let cancel = customers(would.cancel);
    let why = "no row of the file has them";
    say(would.cancel, format!("Would cancel {cancel}: {why}"));
    let edited = counted(would.edited, "row was", "rows were");
    say(
        would.edited,
        format!("Of these, {edited} edited since an earlier run sent them"),
    );
}

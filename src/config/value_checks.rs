//! Refuses values that can't be used, also those that the command ignores: one file serves all
//! commands, and `validate` takes the command line of an import.

use super::changes::changes;
use super::error::ConfigError;
use super::input::check_reading;
use super::metrics_addresses::metrics_addresses;
use super::requests::requests;
use super::send::sending;
use super::target::check_target;
use crate::cli::{
    ChangeOptions, MonitorOptions, ReadingOptions, RequestOptions, SendOptions, TargetOptions,
};

/// Refuses the first value that can't be used. Files that values name are not opened, and
/// options that exclude each other are refused where they are used.
pub fn check_values(
    reading: &ReadingOptions,
    target: &TargetOptions,
    rates: &RequestOptions,
    (sends, changed): (&SendOptions, &ChangeOptions),
    monitor: &MonitorOptions,
) -> Result<(), ConfigError> {
    changes(&ChangeOptions::default(), changed)?;
    check_reading(reading)?;
    check_target(target)?;
    metrics_addresses(&MonitorOptions::default(), monitor)?;
    let none = RequestOptions::default;
    let max_rate = RequestOptions {
        max_rate: rates.max_rate.clone(),
        ..none()
    };
    requests(none(), max_rate, None)?;
    let rates = RequestOptions {
        max_rate: None,
        ..rates.clone()
    };
    let rates = requests(none(), rates, sends.concurrency)?;
    // Where the checkpoint would be does not matter.
    let inputs = ["in.csv".into()];
    sending(SendOptions::default(), sends.clone(), rates, &inputs, false).map(drop)
}

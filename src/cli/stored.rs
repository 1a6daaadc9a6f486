//! Options that need not be typed.

use clap::Args;

use super::changes::ChangeOptions;
use super::check::CheckOptions;
use super::display::DisplayOptions;
use super::input::ReadingOptions;
use super::listing::ListingOptions;
use super::monitor::MonitorOptions;
use super::requests::RequestOptions;
use super::rollback::RemovalOptions;
use super::send::SendOptions;
use super::target::TargetOptions;

/// The options that can stand in a configuration file or in the environment, under
/// their long names.
#[derive(Debug, Default, Args)]
pub struct StoredOptions {
    /// How the input is read.
    #[command(flatten)]
    pub reading: ReadingOptions,
    /// Where customers are sent.
    #[command(flatten)]
    pub target: TargetOptions,
    /// How fast.
    #[command(flatten)]
    pub requests: RequestOptions,
    /// How they are sent.
    #[command(flatten)]
    pub sending: SendOptions,
    /// What `sync` changes.
    #[command(flatten)]
    pub changes: ChangeOptions,
    /// Which customers a rollback deletes.
    #[command(flatten)]
    pub removal: RemovalOptions,
    /// What is shown.
    #[command(flatten)]
    pub display: DisplayOptions,
    /// What a run leaves for a monitor.
    #[command(flatten)]
    pub monitor: MonitorOptions,
    /// What `validate` alone takes.
    #[command(flatten)]
    pub checks: CheckOptions,
    /// How lists are written.
    #[command(flatten)]
    pub listing: ListingOptions,
}

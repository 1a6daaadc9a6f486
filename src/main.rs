//! The program `kable-bulk`: everything happens in the library.

fn main() -> std::process::ExitCode {
    kable_bulk::run()
}

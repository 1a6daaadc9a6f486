//! The program `kable-bulk`: everything happens in the library.

/// Rows are made by one thread and given back by another, for which the C
/// library's allocator takes a lock, and often has to wait for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    kable_bulk::run()
}

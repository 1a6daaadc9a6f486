//! The program `kable-bulk`: everything happens in the library.

/// Rows are made by one thread and given back by another, for which the C
/// library's allocator takes a lock, and often has to wait for it.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    kable_bulk::run()
}

//! The only place that ends the process.

fn main() -> std::process::ExitCode {
    krista_backup::cli::main()
}

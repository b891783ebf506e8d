//! The `orchestrator` command; all of it stands in the library beside this file.

fn main() -> std::process::ExitCode {
    async_orchestrator_cli::main()
}

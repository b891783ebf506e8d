//! The `orchestrator` command, built with the tests.

fn main() -> std::process::ExitCode {
    async_orchestrator_cli::main()
}

//! Log lines on stderr, for `-v` and `HAUL_LOG`.

use haul_config::Env;
use tracing_subscriber::EnvFilter;

use crate::ui::Verbosity;

/// The variable that chooses what is logged, in the syntax of `RUST_LOG`: `HAUL_LOG=haul_auth=trace,warn`.
pub(crate) const HAUL_LOG: &str = "HAUL_LOG";

/// Starts to log if the command line or the environment asks for it.
///
/// Only crates of this workspace are logged unless `HAUL_LOG` says otherwise: they keep secrets out of their
/// log lines, others promise nothing.
pub(crate) fn init(verbosity: Verbosity, env: &Env, colours: bool) -> Result<(), String> {
    let filter = match (env.var(HAUL_LOG), verbosity) {
        (Some(directives), _) => {
            EnvFilter::try_new(directives).map_err(|error| format!("{HAUL_LOG}: {error}"))?
        }
        (None, Verbosity::Verbose(n_times)) => {
            let level = if n_times > 1 { "trace" } else { "debug" };
            let directives = ["haul", "haul_repo", "haul_storage", "haul_auth", "haul_config"]
                .map(|target| format!("{target}={level}"))
                .join(",");
            EnvFilter::new(format!("warn,{directives}"))
        }
        _ => return Ok(()),
    };
    // A second run in the same process (tests, embedding) keeps the first log.
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .try_init()
        .ok();
    Ok(())
}

//! A `credential_process` whose first argument selects its behaviour. It writes a line to the file of `FAKE_PROCESS_LOG`
//! each time it runs.
//!
//! The keys come from `FAKE_KEY_ID`, `FAKE_SECRET` and `FAKE_TOKEN`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is its protocol")]

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use haul_tests::environment::process_variable;

fn main() -> Result<ExitCode> {
    let behaviour = std::env::args().nth(1).context("how am I to behave?")?;
    if let Some(log) = process_variable("FAKE_PROCESS_LOG") {
        let mut log = fs_err::OpenOptions::new().create(true).append(true).open(log)?;
        writeln!(log, "{}", std::process::id())?;
    }
    match behaviour.as_str() {
        "good" => println!("{}", keys("2099-01-01T00:00:00Z")),
        "expired" => println!("{}", keys("2020-01-01T00:00:00Z")),
        "garbage" => println!("these are no keys: {}", variable("FAKE_SECRET")),
        "fail" => {
            eprintln!("the vault is locked\ntry `vault unlock`");
            return Ok(ExitCode::from(7));
        }
        // Some real programs log too much.
        "talkative" => {
            eprintln!("got {} and {}", variable("FAKE_SECRET"), variable("FAKE_TOKEN"));
            println!("{}", keys("2099-01-01T00:00:00Z"));
        }
        "talkative-fail" => {
            eprintln!("got {} and {}, but no luck", variable("FAKE_SECRET"), variable("FAKE_TOKEN"));
            return Ok(ExitCode::FAILURE);
        }
        "half-a-key-fail" => {
            // The key is where the excerpt of an error ends.
            eprintln!("{}{}", "x ".repeat(140), variable("FAKE_SECRET"));
            return Ok(ExitCode::FAILURE);
        }
        "export-fail" => {
            eprintln!("export AWS_SECRET_ACCESS_KEY={}", variable("FAKE_PASSPHRASE"));
            eprintln!("{{\"SecretAccessKey\": \"{}\"}}", variable("FAKE_PASSPHRASE"));
            return Ok(ExitCode::FAILURE);
        }
        "endless" => endless(std::io::stdout()),
        "endless-on-stderr" => endless(std::io::stderr()),
        "ask" => {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line)?;
            if line.trim() != "open sesame" {
                return Ok(ExitCode::from(9));
            }
            println!("{}", keys("2099-01-01T00:00:00Z"));
        }
        "hang" => loop {
            std::thread::park();
        },
        other => bail!("unknown behaviour `{other}`"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints until the pipe is closed.
fn endless(mut stream: impl Write) {
    while stream.write_all(&[b' '; 4096]).is_ok() {}
}

fn keys(end: &str) -> serde_json::Value {
    serde_json::json!({
        "Version": 1,
        "AccessKeyId": variable("FAKE_KEY_ID"),
        "SecretAccessKey": variable("FAKE_SECRET"),
        "SessionToken": variable("FAKE_TOKEN"),
        "Expiration": end,
    })
}

fn variable(name: &str) -> String {
    process_variable(name).and_then(|value| value.into_string().ok()).unwrap_or_default()
}

//! How shells ask for completion, and what an answer looks like to them.

use std::path::Path;

use clap_complete::Shell;
use clap_complete::env::{Elvish, EnvCompleter, Powershell};

use super::line::Line;
use super::{COMPLETE, Candidate};

const BASH: &str = include_str!("scripts/bash.sh");
const FISH: &str = include_str!("scripts/fish.fish");
const ZSH: &str = include_str!("scripts/zsh.sh");

/// Characters that mean nothing to a shell; all others get a backslash.
const PLAIN: &str = "%+,-./:=@_~";

/// What a word ends with that more may be added to.
const OPEN: [char; 4] = ['=', '/', ':', '.'];

/// Returns the shell of a name or of the path of a program.
pub(super) fn by_name(name: &str) -> Option<Shell> {
    match Path::new(name).file_stem()?.to_str()? {
        "bash" => Some(Shell::Bash),
        "elvish" => Some(Shell::Elvish),
        "fish" => Some(Shell::Fish),
        "powershell" | "pwsh" | "powershell_ise" => Some(Shell::PowerShell),
        "zsh" => Some(Shell::Zsh),
        _ => None,
    }
}

/// Makes the script that a shell reads to complete what is typed for `program`.
pub(crate) fn script(shell: Shell, program: &str) -> String {
    let registered = |shell: &dyn EnvCompleter| {
        let mut text = Vec::new();
        shell
            .write_registration(COMPLETE, program, program, program, &mut text)
            .expect("memory takes what is written");
        String::from_utf8_lossy(&text).trim_start().to_owned()
    };
    match shell {
        Shell::Elvish => registered(&Elvish),
        Shell::Fish => FISH.replace("PROGRAM", program),
        Shell::PowerShell => registered(&Powershell),
        Shell::Zsh => ZSH.replace("PROGRAM", program),
        _ => BASH.replace("PROGRAM", program),
    }
}

/// Writes candidates as the script of the shell reads them: a line each.
pub(super) fn answer(shell: Shell, line: &Line, candidates: Vec<Candidate>) -> String {
    let lines = candidates.into_iter().filter_map(|Candidate { value, about }| {
        let about = about.unwrap_or_default();
        let about = about.lines().next().unwrap_or_default();
        match shell {
            Shell::Zsh => {
                let sign = if value.ends_with(OPEN) { '+' } else { '-' };
                let value = value.replace('\\', "\\\\").replace(':', "\\:");
                let about = about.replace('\\', "\\\\");
                Some(if about.is_empty() {
                    format!("{sign}{value}")
                } else {
                    format!("{sign}{value}:{about}")
                })
            }
            Shell::Fish | Shell::PowerShell if !about.is_empty() => Some(format!("{value}\t{about}")),
            Shell::Bash => {
                let replaced = value.get(line.n_kept..)?;
                Some(if line.is_quoted { replaced.to_owned() } else { with_backslashes(replaced) })
            }
            _ => Some(value),
        }
    });
    lines.map(|line| line + "\n").collect()
}

fn with_backslashes(word: &str) -> String {
    let mut quoted = String::with_capacity(word.len());
    for character in word.chars() {
        if character.is_ascii() && !character.is_ascii_alphanumeric() && !PLAIN.contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

//! Every command that a text of the product tells to type is one that the command line takes.

use std::path::Path;

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::args::Cli;

/// Returns the sources of all crates.
fn sources() -> Vec<(String, String)> {
    let crates = ["config", "auth", "storage", "repo", "cli"];
    let of_crate = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
    let mut folders: Vec<_> = crates.into_iter().map(of_crate).collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push((path.display().to_string(), fs_err::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// Joins the lines of string literals, takes comments out, and ends before the tests of the file.
fn literals(source: &str) -> String {
    let product = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = product.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut text = String::new();
    let mut continues = false;
    for line in lines {
        text.push_str(if continues { line.trim_start() } else { line });
        continues = text.ends_with('\\');
        if continues {
            text.pop();
        } else {
            text.push('\n');
        }
    }
    text
}

/// Returns the commands between backticks, and those behind a colon or a tab at the end of a text.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, end) in [("`haul ", "`"), (": haul ", "\""), ("\\thaul ", "\"")] {
        for (at, _) in text.match_indices(start) {
            let rest = &text[at + start.len()..];
            if let Some((command, _)) = rest.split_once(end)
                && !command.contains('\n')
                // The command itself is filled in.
                && !command.starts_with('{')
            {
                found.push(command.split("\\n").next().unwrap_or_default().to_owned());
            }
        }
    }
    found
}

/// Puts a word in the place of what is filled in: a flag or nothing for `{flag}`, else a name.
fn filled(command: &str) -> Vec<String> {
    let mut text = String::new();
    let mut rest = command;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((placeholder, behind)) = after.split_once('}') else { break };
        text.push_str(before);
        if !matches!(placeholder, "flag" | "more") {
            // It can be the name of an option, too.
            text.push_str("core.remote");
        }
        rest = behind;
    }
    text.push_str(rest);
    // What stands for a value in words, as `<key id>`, is one word.
    let mut is_value = false;
    let one_word = |letter: char| {
        is_value = if letter == '<' { true } else { is_value && letter != '>' };
        if is_value && letter == ' ' { '-' } else { letter }
    };
    let text: String = text.chars().map(one_word).collect();
    text.split_whitespace().filter(|word| *word != "…").map(str::to_owned).collect()
}

#[test]
fn every_command_in_a_text_is_one_that_haul_takes() {
    let mut n_commands = 0;
    let mut wrong = Vec::new();
    for (file, source) in sources() {
        for command in commands(&literals(&source)) {
            let words = filled(&command);
            n_commands += 1;
            // `haul config` beside `haul remote` names a command, and is not to be typed so.
            let is_name = !words
                .iter()
                .any(|word| word.starts_with('-') || word.chars().any(|c| !c.is_ascii_lowercase()));
            let line = std::iter::once("haul".to_owned()).chain(words);
            if let Err(error) = Cli::try_parse_from(line)
                && !(is_name
                    && matches!(
                        error.kind(),
                        ErrorKind::MissingRequiredArgument
                            | ErrorKind::MissingSubcommand
                            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    ))
            {
                wrong.push(format!(
                    "{file}: `haul {command}`: {}",
                    error.to_string().lines().next().unwrap_or_default()
                ));
            }
        }
    }
    assert!(n_commands > 60, "only {n_commands} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_are_found_and_filled_in() {
    let source = "// `haul nonsense`\nlet hint = format!(\"type `haul remote modify{flag} \\\n     {} url <url>`\");\n\"run: haul commit\"\n";
    let found = commands(&literals(source));
    assert_eq!(found, ["remote modify{flag} {} url <url>", "commit"]);
    assert_eq!(filled(&found[0]), ["remote", "modify", "core.remote", "url", "<url>"]);
}

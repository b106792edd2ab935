//! Examples of each command, and where DVC's manual describes it: the end of each `--help`.

use clap::{Command, CommandFactory};

use crate::args::Cli;

/// Commands that DVC does not have.
const OWN: &[&str] = &["remote show", "remote check"];

/// For each command, what may be typed.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("init", &["haul init", "haul init --no-scm"]),
    ("add", &["haul add data model.bin", "haul add --glob 'raw/*.csv'"]),
    ("push", &["haul push", "haul push --dry-run -r storage data", "haul push --json"]),
    ("fetch", &["haul fetch", "haul fetch --all-tags"]),
    ("pull", &["haul pull", "haul pull -j 16 data/train", "haul pull --allow-missing"]),
    ("checkout", &["haul checkout", "haul checkout --relink data.dvc"]),
    ("status", &["haul status", "haul status -c", "haul status --json"]),
    (
        "remote add",
        &[
            "haul remote add -d storage s3://my-bucket/project",
            "haul remote add --local backup /mnt/backup/project",
        ],
    ),
    ("remote default", &["haul remote default", "haul remote default storage"]),
    (
        "remote modify",
        &[
            "haul remote modify storage endpointurl https://s3.example.com",
            "haul remote modify --local storage access_key_id AKIAIOSFODNN7EXAMPLE",
            "haul remote modify --local storage secret_access_key -",
            "haul remote modify --unset storage endpointurl",
        ],
    ),
    ("remote list", &["haul remote list", "haul remote list --json"]),
    ("remote remove", &["haul remote remove storage"]),
    ("remote rename", &["haul remote rename storage archive"]),
    ("remote show", &["haul remote show", "haul remote show --all storage"]),
    ("remote check", &["haul remote check", "haul remote check --write storage"]),
    (
        "config",
        &["haul config core.remote", "haul config core.autostage true", "haul config --list --show-origin"],
    ),
    ("cache dir", &["haul cache dir", "haul cache dir --local /mnt/fast/cache"]),
    ("cache migrate", &["haul cache migrate --dvc-files --dry-run"]),
    ("commit", &["haul commit", "haul commit -f data.dvc"]),
    ("destroy", &["haul destroy", "haul destroy --force"]),
    ("freeze", &["haul freeze train raw.csv.dvc"]),
    ("unfreeze", &["haul unfreeze train raw.csv.dvc"]),
    ("install", &["haul install", "haul install --use-pre-commit-tool"]),
    ("update", &["haul update model.pkl.dvc", "haul update --rev v2.0 model.pkl.dvc"]),
    (
        "import-url",
        &[
            "haul import-url s3://bucket/data.csv",
            "haul import-url https://example.com/data.csv raw/data.csv",
            "haul import-url --to-remote remote://storage/big data/big",
        ],
    ),
    ("get-url", &["haul get-url s3://bucket/data.csv", "haul get-url remote://storage/models models"]),
    ("list-url", &["haul list-url s3://bucket/data -R --size"]),
    ("move", &["haul move raw.csv data/raw.csv"]),
    ("remove", &["haul remove raw.csv.dvc", "haul remove --outs raw.csv.dvc train"]),
    ("unprotect", &["haul unprotect data"]),
    (
        "gc",
        &[
            "haul gc --workspace --dry-run",
            "haul gc -a -T --cloud --older-than 7d",
            "haul gc -w -c -r storage",
        ],
    ),
    (
        "list",
        &[
            "haul list . -R --dvc-only",
            "haul list https://github.com/iterative/example-get-started data --rev main",
        ],
    ),
    ("diff", &["haul diff", "haul diff v1.0 main --targets data --json"]),
    ("data status", &["haul data status --granular", "haul data status data --not-in-remote --json"]),
    (
        "import",
        &[
            "haul import https://github.com/iterative/dataset-registry use-cases/cats-dogs",
            "haul import ../other data/model.pkl --rev v1.0 -o models/",
        ],
    ),
    (
        "get",
        &[
            "haul get https://github.com/iterative/dataset-registry use-cases/cats-dogs",
            "haul get ../other data/model.pkl --rev v1.0 -o model.pkl",
        ],
    ),
    ("du", &["haul du . data", "haul du . -s --rev v1.0"]),
    ("check-ignore", &["haul check-ignore data/tmp", "haul check-ignore --details data/tmp"]),
    ("root", &["haul root", "haul --cd data root"]),
    ("version", &["haul version", "haul version --json"]),
    (
        "completion",
        &[
            "haul completion bash > ~/.local/share/bash-completion/completions/haul",
            "haul completion zsh > ~/.zfunc/_haul",
            "haul completion fish > ~/.config/fish/completions/haul.fish",
        ],
    ),
];

/// Makes the tree of commands, as it is parsed and shown.
pub(crate) fn command_tree() -> Command {
    explained(Cli::command(), "")
}

/// Adds to a command and all below it what ends their help.
fn explained(command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    let command = names.iter().fold(command, |command, name| {
        let path = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command.mut_subcommand(name, |inner| explained(inner, &path))
    });
    // Its requests delete.
    let jobs = "Number of requests at once; 0 for the default (`jobs` of the remote, else 16)";
    let command = if path == "gc" { command.mut_arg("jobs", |arg| arg.help(jobs)) } else { command };
    let mut parts: Vec<String> = command.get_after_help().map(ToString::to_string).into_iter().collect();
    if let Some((_, examples)) = EXAMPLES.iter().find(|(name, _)| *name == path) {
        parts.push(format!("Examples:\n  {}", examples.join("\n  ")));
    }
    if path.is_empty() {
        parts.push(String::from("Manual of DVC: https://dvc.org/doc/command-reference"));
    } else if !command.is_hide_set() && !OWN.contains(&path) && !path.starts_with("util") {
        let page = path.replace(' ', "/");
        parts.push(format!("Manual of DVC: https://dvc.org/doc/command-reference/{page}"));
    }
    if parts.is_empty() { command } else { command.after_help(parts.join("\n\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(command: &Command, path: &str, found: &mut Vec<String>) {
        if !command.has_subcommands() {
            found.push(path.to_owned());
        }
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            leaves(inner, format!("{path} {}", inner.get_name()).trim(), found);
        }
    }

    #[test]
    fn every_command_has_examples_and_every_example_a_command() {
        let mut commands = Vec::new();
        leaves(&Cli::command(), "", &mut commands);
        let mut named: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
        commands.sort();
        named.sort_unstable();
        assert_eq!(commands, named);
    }

    #[test]
    fn every_example_is_a_command_line_of_its_command() {
        for (command, examples) in EXAMPLES {
            for example in *examples {
                let line = example.split(" > ").next().unwrap_or_default();
                let words: Vec<&str> = line.split(' ').map(|word| word.trim_matches('\'')).collect();
                let parsed = command_tree().try_get_matches_from(&words);
                let matches = parsed.unwrap_or_else(|error| panic!("`{example}`: {error}"));
                let (mut name, mut inner) = (String::new(), &matches);
                while let Some((word, next)) = inner.subcommand() {
                    name = format!("{name} {word}").trim().to_owned();
                    inner = next;
                }
                assert_eq!(name, *command, "`{example}`");
            }
        }
    }

    #[test]
    fn every_option_is_described() {
        fn check(command: &Command, path: &str) {
            for argument in command.get_arguments() {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                let is_known = argument.is_hide_set() || path.contains("git-hook");
                assert!(is_known || !help.is_empty(), "`haul{path}`: {} has no help", argument.get_id());
            }
            for inner in command.get_subcommands() {
                check(inner, &format!("{path} {}", inner.get_name()));
            }
        }
        check(&command_tree(), "");
    }
}

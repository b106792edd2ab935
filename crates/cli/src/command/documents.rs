//! `docs/json.md`: the documents of `--json`, described by their types.

use std::fmt::Write as _;

use schemars::{Schema, schema_for};
use serde_json::Value;

use crate::ui::{Frame, OriginLine, VERSION};

/// The commands that print DVC's own shapes.
pub(super) const DVC_SHAPES: [&str; 4] = ["status", "diff", "list", "data status"];

/// The hooks, which print what the commands print that they run; the merge driver has nothing beside the frame.
const HOOKS: [&str; 4] =
    ["git-hook pre-commit", "git-hook post-checkout", "git-hook pre-push", "git-hook merge-driver"];

/// The commands and the result that each puts into its document.
pub(super) fn documents() -> Vec<(&'static [&'static str], Schema)> {
    vec![
        (&["init"], schema_for!(super::init::Initialized)),
        (&["add"], schema_for!(super::add::Outcome)),
        (&["push", "fetch", "pull"], schema_for!(super::transfer::message::Outcome)),
        (&["checkout"], schema_for!(super::checkout::Changes)),
        (&["remote default"], schema_for!(super::remote::default::DefaultRemote)),
        (&["remote list"], schema_for!(super::remote::list::RemoteList)),
        (&["remote show"], schema_for!(super::remote::show::RemoteOptions)),
        (&["remote check"], schema_for!(super::remote::check::Findings)),
        (&["config"], schema_for!(super::config::OptionValue)),
        (&["config --list"], schema_for!(super::config::OptionList)),
        (&["cache dir"], schema_for!(super::cache::dir::CacheDir)),
        (
            &["remote add", "remote modify", "remote remove", "remote rename"],
            schema_for!(super::context::Edit),
        ),
        (&["cache migrate"], schema_for!(super::cache::migrate::Migrated)),
        (&["commit"], schema_for!(super::commit::Committed)),
        (&["destroy"], schema_for!(super::destroy::Destroyed)),
        (&["freeze", "unfreeze"], schema_for!(super::freeze::Frozen)),
        (&["install"], schema_for!(super::install::Installed)),
        (&["update"], schema_for!(super::update::Updated)),
        (&["import", "import-url", "add --out", "add --to-remote"], schema_for!(super::import_url::Imported)),
        (&["get", "get-url"], schema_for!(super::get::Got)),
        (&["list-url"], schema_for!(super::list_url::Listing)),
        (&["move"], schema_for!(super::relocate::Moved)),
        (&["remove"], schema_for!(super::remove::Removed)),
        (&["unprotect"], schema_for!(super::unprotect::Unprotected)),
        (&["gc"], schema_for!(super::gc::message::Collection)),
        (&["du"], schema_for!(super::disk_usage::Sizes)),
        (&["check-ignore"], schema_for!(super::check_ignore::Checked)),
        (&["root"], schema_for!(super::root::Root)),
        (&["version"], schema_for!(super::version::About)),
        (&["completion"], schema_for!(super::completion::Script)),
        (
            &[
                "util man",
                "util markdown",
                "util commands",
                "util options",
                "util environment",
                "util errors",
                "util json",
            ],
            schema_for!(super::generate::Generated),
        ),
    ]
}

/// Makes the page.
pub(super) fn page() -> String {
    let mut page = format!(
        "# JSON of haul\n\n\
         With `--json`, before or after the command, every command prints one JSON document on stdout, also when it fails: on a \
         usage error,\noutside of a repository, after half of the work. Warnings, errors and hints go to stderr as ever, and \
         the exit code is the same.\nWith `-q` nothing is printed at all. Where stdout is a terminal, the document is \
         indented.\n\n\
         The document has the fields of the frame and, beside them, those of the command. Fields may come in later versions; \
         `version` is {VERSION}\nuntil one goes or changes its meaning. Names are the same everywhere: `n_…` is a number of \
         things, `total_bytes` a size, `path` a path or\ntarget as a person would type it, `oid` the name of an object (its \
         MD5, with `.dir` for a directory manifest). What may be null may\nbe missing as well.\n\n\
         `{}` print what DVC prints with `--json`, without the frame. When they fail, they print\nthe frame with \
         `errors`, and what they found so far as `result`.\n\n\
         ```json\n{{\"version\": {VERSION}, \"command\": \"root\", \"warnings\": [], \"errors\": [], \"path\": \"..\"}}\n```\n",
        DVC_SHAPES.join("`, `"),
    );
    section(&mut page, "The frame", schema_for!(Frame).as_value());
    let frame = schema_for!(Frame);
    page.push_str("\n## Kinds of errors\n\n| `kind` | Meaning |\n|---|---|\n");
    for kind in frame.as_value()["$defs"]["FailureKind"]["oneOf"].as_array().into_iter().flatten() {
        line(&mut page, &format!("| `{}` | {} |", text(&kind["const"]), described(kind)));
    }
    section(&mut page, "Origins", schema_for!(OriginLine).as_value());
    for (commands, schema) in documents() {
        let commands: Vec<String> = commands.iter().map(|command| format!("`haul {command}`")).collect();
        section(&mut page, &commands.join(", "), schema.as_value());
    }
    line(
        &mut page,
        &format!("\n`haul {}`\nprint what the commands print that they run.", HOOKS.join("`, `haul ")),
    );
    page.push_str(
        "\n`haul config` and `haul cache dir` with a value, and `haul remote default` with a name, print what `haul remote \
         modify` prints.\n",
    );
    page
}

fn line(page: &mut String, text: &str) {
    writeln!(page, "{text}").expect("writing to a string cannot fail");
}

fn section(page: &mut String, title: &str, schema: &Value) {
    line(page, &format!("\n## {title}\n\n{}\n", described(schema)));
    page.push_str("| Field | Type | Meaning |\n|---|---|---|\n");
    fields(page, "", schema, schema);
}

/// Lists the fields of an object, each followed by those that are in it.
fn fields(page: &mut String, prefix: &str, object: &Value, root: &Value) {
    for (name, field) in object["properties"].as_object().into_iter().flatten() {
        let shape = Shape::of(field, root);
        let (path, is_always_there) = (
            format!("{prefix}{name}{}", if shape.is_list { "[]" } else { "" }),
            object["required"].as_array().is_some_and(|required| required.iter().any(|other| other == name)),
        );
        let presence = if is_always_there || shape.is_nullable { "" } else { ", if any" };
        line(page, &format!("| `{path}` | {}{presence} | {} |", shape.words, described(field)));
        if let Some(inner) = shape.object {
            fields(page, &format!("{path}."), inner, root);
        }
    }
}

/// The type of a field, in words.
struct Shape<'a> {
    words: String,
    is_list: bool,
    is_nullable: bool,
    /// The object that it is, or that its elements are.
    object: Option<&'a Value>,
}

impl<'a> Shape<'a> {
    fn of(field: &'a Value, root: &'a Value) -> Self {
        let types: Vec<&str> = match &field["type"] {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let reference = field["$ref"].as_str().or_else(|| {
            field["anyOf"]
                .as_array()
                .and_then(|choices| choices.iter().find_map(|choice| choice["$ref"].as_str()))
        });
        if let Some(name) = reference.and_then(|reference| reference.strip_prefix("#/$defs/")) {
            let is_nullable = field["anyOf"].is_array();
            let or_null = if is_nullable { " or null" } else { "" };
            let (words, object) = match name {
                "OriginLine" => (String::from("[origin](#origins)"), None),
                "FailureKind" => (String::from("[kind](#kinds-of-errors)"), None),
                _ => match root["$defs"][name]["oneOf"].as_array() {
                    Some(values) => {
                        let values = values.iter().map(|value| format!("`{}`", text(&value["const"])));
                        (values.collect::<Vec<_>>().join(", "), None)
                    }
                    None => (String::from("object"), Some(&root["$defs"][name])),
                },
            };
            return Self { words: format!("{words}{or_null}"), is_list: false, is_nullable, object };
        }
        let is_list = types.contains(&"array");
        let is_nullable = types.contains(&"null");
        let mut words: Vec<&str> = Vec::new();
        for name in types {
            words.push(match name {
                "array" => "list",
                "integer" => "number",
                other => other,
            });
        }
        let element = is_list.then(|| Self::of(&field["items"], root));
        let of = element.as_ref().map(|element| format!(" of {}s", element.words)).unwrap_or_default();
        let words = words.join(" or ").replace("list", &format!("list{of}"));
        Self { words, is_list, is_nullable, object: element.and_then(|element| element.object) }
    }
}

fn described(schema: &Value) -> String {
    text(&schema["description"]).replace('\n', " ")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    use clap::{Command, CommandFactory};
    use haul_config::Env;
    use serde_json::Value;

    use super::*;
    use crate::args::Cli;
    use crate::ui::Ui;

    /// A home and a repository that tracks `data` and has its object on the default remote, a directory.
    struct World(tempfile::TempDir);

    impl World {
        fn new() -> Self {
            let world = Self(tempfile::tempdir().unwrap());
            for directory in ["home", "repo", "remote", "elsewhere"] {
                fs_err::create_dir_all(world.path(directory)).unwrap();
            }
            fs_err::write(world.path("repo/data"), "content").unwrap();
            fs_err::write(world.path("repo/other"), "other").unwrap();
            for line in ["init --no-scm", "remote add -d origin ../remote", "add data", "push"] {
                let (code, _, stderr) = world.run("repo", line);
                assert_eq!(code, 0, "{line}: {stderr}");
            }
            world
        }

        /// Makes another world like this one, without waiting for the disk again.
        fn copy(&self) -> Self {
            let copy = Self(tempfile::tempdir().unwrap());
            copy_tree(self.0.path(), copy.0.path());
            copy
        }

        fn path(&self, name: &str) -> PathBuf {
            // Temporary folders lie behind a link on some systems.
            self.0.path().canonicalize().unwrap().join(name)
        }

        fn run(&self, directory: &str, line: &str) -> (u8, String, String) {
            let home = self.path("home");
            let variables = ["HOME", "DVC_SYSTEM_CONFIG_DIR", "DVC_GLOBAL_CONFIG_DIR", "TMPDIR"];
            let variables = variables.map(|name| (name, home.clone()));
            let env = variables.into_iter().chain([("HAUL_DURABILITY", PathBuf::from("none"))]);
            let env = Env::new(self.path(directory), env);
            let (ui, captured) = Ui::captured();
            let words = std::iter::once("haul").chain(line.split_whitespace()).map(OsString::from);
            let status = crate::run(words, &env, ui);
            (status.code(), captured.stdout(), captured.stderr())
        }
    }

    fn copy_tree(from: &Path, to: &Path) {
        for entry in fs_err::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                fs_err::create_dir_all(&target).unwrap();
                copy_tree(&entry.path(), &target);
            } else {
                fs_err::copy(entry.path(), target).unwrap();
            }
        }
    }

    /// Lists all commands that do something, hidden ones, too.
    fn leaves(command: &Command, path: &str, found: &mut Vec<String>) {
        if !command.has_subcommands() {
            found.push(path.to_owned());
        }
        for inner in command.get_subcommands() {
            leaves(inner, format!("{path} {}", inner.get_name()).trim(), found);
        }
    }

    fn commands() -> Vec<String> {
        let mut found = Vec::new();
        leaves(&Cli::command(), "", &mut found);
        assert!(found.len() > 40, "{found:?}");
        found
    }

    /// Returns arguments with which a command succeeds in a [`World`].
    fn arguments(command: &str) -> &'static str {
        match command {
            "init" => "--no-scm -f",
            "add" => "other",
            "remote add" => "second ../second",
            "remote modify" => "origin url ../other",
            "remote remove" | "remote show" | "remote check" => "origin",
            "remote rename" => "origin better",
            "config" => "core.remote",
            "destroy" => "-f",
            "freeze" | "unfreeze" | "remove" => "data.dvc",
            "import-url" => "../repo/other copy",
            "get-url" => "data copy",
            "list-url" | "du" | "list" => ".",
            "move" => "data moved",
            "gc" => "-w -f",
            "get" => ". data -o copy",
            "check-ignore" => "data.dvc --details --non-matching",
            "unprotect" => "data",
            _ => "",
        }
    }

    /// Commands that cannot succeed in a [`World`], which has no Git and no import.
    const FAILING: [&str; 4] = ["diff", "import", "update", "git-hook merge-driver"];

    /// Commands that answer a question with their exit code.
    const ANSWERS: [&str; 2] = ["check-ignore", "remote default"];

    #[track_caller]
    fn document(line: &str, stdout: &str) -> Value {
        assert_eq!(stdout.lines().count(), 1, "`{line}` prints one line: {stdout}");
        serde_json::from_str(stdout).unwrap_or_else(|error| panic!("`{line}`: {error}: {stdout}"))
    }

    #[track_caller]
    fn assert_framed(line: &str, command: &str, code: u8, document: &Value) {
        assert_eq!(document["version"], VERSION, "`{line}`: {document}");
        assert_eq!(document["command"], command, "`{line}`: {document}");
        let errors = document["errors"].as_array().unwrap_or_else(|| panic!("`{line}`: {document}"));
        let is_answer = code == 1 && ANSWERS.contains(&command);
        let has_errors = code != 0 && !is_answer;
        assert_eq!(!errors.is_empty(), has_errors, "`{line}`, {code}: {document}");
        for error in errors {
            for field in ["kind", "message", "hint", "path"] {
                assert!(error.get(field).is_some(), "`{line}`: no {field}: {error}");
            }
            assert_ne!(error["message"], "", "`{line}`: {error}");
        }
    }

    #[test]
    fn every_command_answers_a_usage_error_with_one_document() {
        let world = World::new();
        for command in commands() {
            if command.starts_with("git-hook") && command != "git-hook merge-driver" {
                continue;
            }
            for line in
                [format!("{command} --json --no-such-flag"), format!("--json {command} --no-such-flag")]
            {
                let (code, stdout, stderr) = world.run("repo", &line);
                assert_eq!(code, 254, "`{line}`: {stdout}{stderr}");
                let document = document(&line, &stdout);
                assert_framed(&line, &command, code, &document);
                assert_eq!(document["errors"][0]["kind"], "usage", "`{line}`");
                assert!(stderr.starts_with("ERROR: "), "`{line}`: {stderr}");
            }
        }
        for (line, command) in [
            ("--json", Value::Null),
            ("--json no-such-command", Value::Null),
            ("remote --json", "remote".into()),
            ("repro --json", Value::Null),
            ("push -q -v --json", "push".into()),
        ] {
            let (code, stdout, _) = world.run("repo", line);
            let document = document(line, &stdout);
            assert_eq!((code, &document["command"]), (254, &command), "`{line}`: {document}");
        }
    }

    #[test]
    fn every_command_prints_one_document_where_it_succeeds_and_where_it_fails() {
        let template = World::new();
        let mut unexpected = Vec::new();
        for command in commands() {
            let line = format!("{command} {}", arguments(&command));
            for directory in ["repo", "elsewhere"] {
                let (text_code, ..) = template.copy().run(directory, &line);
                let (code, stdout, stderr) = template.copy().run(directory, &format!("{line} --json"));
                let line = format!("{line} --json, in {directory}");
                assert_eq!(code, text_code, "`{line}`: {stdout}{stderr}");
                let is_good = code == 0 || code == 1 && ANSWERS.contains(&command.as_str());
                if directory == "repo" && is_good == FAILING.contains(&command.as_str()) {
                    unexpected.push(format!("`{line}` ends with {code}: {stdout}{stderr}"));
                }
                let document = document(&line, &stdout);
                let runs = match command.strip_prefix("git-hook ") {
                    Some("pre-commit") => "status",
                    _ => command.as_str(),
                };
                if code != 0 || !DVC_SHAPES.contains(&runs) || document.get("version").is_some() {
                    assert_framed(&line, &command, code, &document);
                }
            }
        }
        assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    }

    #[test]
    fn every_command_has_its_document_described() {
        let described = documents();
        let is_described = |name: &str| {
            DVC_SHAPES.contains(&name)
                || HOOKS.contains(&name)
                || described.iter().any(|(names, _)| names.contains(&name))
        };
        for command in commands() {
            assert!(is_described(&command), "`{command}` is not in the table of documents");
        }
    }

    #[test]
    fn every_field_is_described() {
        for line in page().lines().filter(|line| line.starts_with("| `")) {
            assert!(!line.ends_with("|  |"), "no meaning: {line}");
            assert!(!line.contains("|  |"), "no type: {line}");
        }
    }
}

//! A run of a stage as the run cache keeps it: what was made of what, in a file under two hashes.
//!
//! `runs/KK/KEY/VALUE` has the entry that `dvc.lock` has of the stage. `KEY` is the SHA-256 of what goes into the run: command,
//! dependencies, parameters and the paths of its outs. `VALUE` is that of the whole entry. Sizes do not count.

use sha2::{Digest as _, Sha256};

use super::dvc_file::LockedStage;
use super::python_json::PythonJson;
use super::yaml::{Kind, Node, Value, parse, write_document};

/// The directory of the cache, and the prefix of the keys on a remote.
pub(crate) const RUNS: &str = "runs";

/// Keys that are left out at every level.
const LEFT_OUT: [&str; 2] = ["size", "nfiles"];

/// Returns the text of a run.
pub(crate) fn run_text(stage: &LockedStage) -> String {
    match stage.value() {
        Value::Mapping(entries) => write_document(&entries),
        _ => String::new(),
    }
}

/// Returns the path of a run in the cache, which is its key on a remote; `None` if the text is not that of a run.
pub(crate) fn run_path(text: &str) -> Option<String> {
    let run = parse(text).ok()??;
    run.get("cmd").filter(|cmd| cmd.as_str().is_some() || cmd.is_sequence())?;
    let key = sha256(&without_hashes_of_outs(&run)?)?;
    let value = sha256(&run)?;
    Some(format!("{RUNS}/{}/{key}/{value}", &key[..2]))
}

fn sha256(node: &Node) -> Option<String> {
    let mut json = PythonJson::without(&LEFT_OUT);
    json.push_mapping(node, &|_, _| false);
    json.is_exact.then(|| hex::encode(Sha256::digest(&json.bytes)))
}

/// Returns what goes into the run; of the outs only their paths do.
fn without_hashes_of_outs(run: &Node) -> Option<Node> {
    let outs = run.get("outs")?;
    let paths: Option<Vec<Node>> = outs.items().iter().map(|out| out.get("path").cloned()).collect();
    let paths = Node { kind: Kind::Sequence(paths?).into(), ..outs.clone() };
    let mut entries = run.entries().to_vec();
    for entry in &mut entries {
        if entry.key.as_str() == Some("outs") {
            entry.value = paths.clone();
        }
    }
    Some(Node { kind: Kind::Mapping(entries).into(), ..run.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "cmd: cp a.txt b.txt\ndeps:\n- path: params.yaml\n  hash: md5\n  md5: e0ccdaf42c593022e15b18cc0e96d201\n  \
                       size: 5\nouts:\n- path: a.txt\n  hash: md5\n  md5: 0cc175b9c0f1b6a831c399e269772661\n  size: 1\n- path: \
                       d\n  hash: md5\n  md5: 6e5a266dfdcc331f8c8fa493ddf15ceb.dir\n  size: 3\n  nfiles: 3\n";

    #[test]
    fn run_has_the_name_that_dvc_gives_it() {
        let path = "runs/23/2334394009c1d1057c4158836e4e452b263b01781a110fb40572474bef1b0f3a/\
                    ef0c5cca4aee85f9caeacd4d10da1164641149d737ea186a8151adc2cb556946";
        assert_eq!(run_path(RUN).as_deref(), Some(path));
        // Sizes do not count; hashes do.
        assert_eq!(run_path(&RUN.replace("size: 3", "size: 4")).as_deref(), Some(path));
        let other = run_path(&RUN.replace("6e5a266d", "00000000")).unwrap();
        assert!(other.starts_with(&path[..72]) && other != path, "{other}");
    }

    #[test]
    fn what_is_no_run_has_no_name() {
        for text in [
            "",
            "- a\n",
            "cmd: {a: b}\n",
            "cmd: x\n",
            "cmd: x\nouts: [d]\n",
            "cmd: x\nouts: [{path: d, a: 2020-01-01}]\n",
        ] {
            assert_eq!(run_path(text), None, "{text}");
        }
    }
}

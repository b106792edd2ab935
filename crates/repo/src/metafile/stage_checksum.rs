//! The checksum of a stage (`md5:` at the top of a `.dvc` file that imports data).
//!
//! It is the MD5 of the stage as JSON, without some keys, in the format of Python's `json.dumps` with sorted keys. DVC
//! compares it to detect that the stage was edited by hand.

use std::collections::BTreeMap;

use haul_storage::hash::md5;

use super::dir_manifest::push_json_text;
use super::yaml::{Kind, Node, Scalar, display};

/// Keys that are left out at the top level.
const TOP: [&str; 3] = ["md5", "meta", "desc"];

/// Keys that are left out at every level.
const ANYWHERE: [&str; 11] =
    ["desc", "type", "labels", "meta", "locked", "frozen", "metric", "persist", "isexec", "size", "nfiles"];

/// Returns the checksum of the stage of a `.dvc` file, in hex.
pub(crate) fn stage_checksum(root: &Node) -> String {
    let mut json = Vec::new();
    let is_default = |key: &str, value: &Node| key == "wdir" && value.as_str() == Some(".");
    push_mapping(&mut json, root, &|key, value| TOP.contains(&key) || is_default(key, value));
    hex::encode(md5(&json))
}

fn push_mapping(json: &mut Vec<u8>, node: &Node, is_left_out: &dyn Fn(&str, &Node) -> bool) {
    let members: BTreeMap<String, &Node> = node
        .entries()
        .iter()
        .filter_map(|entry| Some((display(entry.key.as_scalar()?), &entry.value)))
        .filter(|(key, value)| key != "<<" && !ANYWHERE.contains(&key.as_str()) && !is_left_out(key, value))
        .collect();
    json.push(b'{');
    for (position, (key, value)) in members.into_iter().enumerate() {
        json.extend_from_slice(if position == 0 { b"\"" } else { b", \"" });
        push_json_text(json, &key);
        json.extend_from_slice(b"\": ");
        push_value(json, value);
    }
    json.push(b'}');
}

fn push_value(json: &mut Vec<u8>, node: &Node) {
    match &*node.kind {
        Kind::Mapping(_) => push_mapping(json, node, &|_, _| false),
        Kind::Sequence(items) => {
            json.push(b'[');
            for (position, item) in items.iter().enumerate() {
                json.extend_from_slice(if position == 0 { b"" } else { b", " });
                push_value(json, item);
            }
            json.push(b']');
        }
        Kind::Scalar(Scalar::Text(text)) => {
            json.push(b'"');
            push_json_text(json, text);
            json.push(b'"');
        }
        Kind::Scalar(Scalar::Null) => json.extend_from_slice(b"null"),
        Kind::Scalar(Scalar::Bool(value)) => json.extend_from_slice(value.to_string().as_bytes()),
        Kind::Scalar(scalar) => json.extend_from_slice(display(scalar).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metafile::yaml::parse;

    #[test]
    fn stage_checksum_is_the_one_of_dvc() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/imports.json")).unwrap();
        let cases = fixture["cases"].as_array().unwrap();
        assert!(cases.len() > 3);
        for text in cases.iter().map(|case| &case["text"]).chain([&fixture["before"], &fixture["after"]]) {
            let root = parse(text.as_str().unwrap()).unwrap().unwrap();
            assert_eq!(Some(stage_checksum(&root).as_str()), root.get("md5").unwrap().as_str(), "{text}");
        }
    }
}

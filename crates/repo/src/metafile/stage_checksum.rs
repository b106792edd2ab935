//! The checksum of a stage (`md5:` at the top of a `.dvc` file that imports data).
//!
//! It is the MD5 of the stage as JSON, without some keys, in the format of Python's `json.dumps` with sorted keys. DVC
//! compares it to detect that the stage was edited by hand.

use haul_storage::hash::md5;

use super::python_json::PythonJson;
use super::yaml::Node;

/// Keys that are left out at the top level.
const TOP: [&str; 3] = ["md5", "meta", "desc"];

/// Keys that are left out at every level.
const ANYWHERE: [&str; 11] =
    ["desc", "type", "labels", "meta", "locked", "frozen", "metric", "persist", "isexec", "size", "nfiles"];

/// Returns the checksum of the stage of a `.dvc` file, in hex.
pub(crate) fn stage_checksum(root: &Node) -> String {
    let mut json = PythonJson::without(&ANYWHERE);
    let is_default = |key: &str, value: &Node| key == "wdir" && value.as_str() == Some(".");
    json.push_mapping(root, &|key, value| TOP.contains(&key) || is_default(key, value));
    hex::encode(md5(&json.bytes))
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

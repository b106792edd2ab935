//! The hash of DVC 2, compared with that of DVC 3.67.1.

use haul_repo::metafile::legacy_hash::md5_dos2unix;

#[test]
fn legacy_hash_is_the_one_of_dvc() {
    let cases: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("fixtures/legacy_hashes.json")).unwrap();
    assert!(cases.len() > 10);
    for case in cases {
        let mut content = Vec::new();
        for part in case["parts"].as_array().unwrap() {
            let count = usize::try_from(part[1].as_u64().unwrap()).unwrap();
            content.extend(part[0].as_str().unwrap().repeat(count).into_bytes());
        }
        let digest = md5_dos2unix(&mut content.as_slice()).unwrap();
        assert_eq!(hex::encode(digest), case["md5"].as_str().unwrap(), "{}", case["parts"]);
    }
}

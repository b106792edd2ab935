//! Differences that are meant: what each `Deviation:` looks like from outside.

use super::super::scenario::Output;

/// How to recognise a deviation.
struct Excuse {
    why: &'static str,
    /// Words of which the command has one.
    commands: &'static [&'static str],
    /// The exit codes of DVC and of haul.
    codes: (i32, i32),
    /// Words of which haul or DVC says one, or which the difference has.
    signs: &'static [&'static str],
}

const EXCUSES: &[Excuse] = &[
    Excuse {
        why: "DVC stops at the first target that fails; those behind it are added by haul",
        commands: &[" add "],
        codes: (1, 1),
        signs: &["repo/"],
    },
    Excuse {
        why: "data that is nowhere is a warning of DVC's, and a failure of haul's",
        commands: &[" fetch", " pull", " push"],
        codes: (0, 1),
        signs: &[
            "WARNING: Some of the cache files do not exist",
            "is not found in the cache or on",
            "not found on",
        ],
    },
    Excuse {
        why: "data of imports is kept in the cache; DVC keeps it in a second cache, by its sources",
        commands: &[" fetch", " pull", " checkout", " import", " update"],
        codes: (0, 0),
        signs: &[".dvc/cache/fs"],
    },
];

/// Returns why a difference is meant, if it is.
pub(super) fn find(step: &str, dvc: &Output, haul: &Output, difference: &str) -> Option<&'static str> {
    let is_one = |excuse: &&Excuse| {
        excuse.codes == (dvc.code, haul.code)
            && excuse.commands.iter().any(|command| step.contains(command))
            && excuse.signs.iter().any(|sign| {
                haul.stderr.contains(sign) || dvc.stderr.contains(sign) || difference.contains(sign)
            })
    };
    EXCUSES.iter().find(is_one).map(|excuse| excuse.why)
}

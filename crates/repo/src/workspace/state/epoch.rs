//! What ends when the power fails.

use std::path::Path;

use haul_storage::hash::md5;

/// A name for the time since the machine started and the file system of a folder was mounted. As long as it stays the
/// same, no power failure has taken back what was written.
pub(super) fn epoch_of(folder: &Path) -> String {
    // Where there is no such file, only the mount counts.
    let boot = fs_err::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    // The first command asks before there is such a directory: then it will be on the file system above.
    let mount = folder.ancestors().find_map(mount_id);
    let epoch = format!("{} {}", boot.trim(), mount.unwrap_or(0));
    format!("{:032x}", u128::from_be_bytes(md5(epoch.as_bytes())))
}

/// Returns a number that no other mount gets until the machine starts anew; Linux has it since 6.8.
#[cfg(target_os = "linux")]
fn mount_id(folder: &Path) -> Option<u64> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    const STATX_MNT_ID_UNIQUE: u32 = 0x4000;
    let found =
        statx(CWD, folder, AtFlags::empty(), StatxFlags::from_bits_retain(STATX_MNT_ID_UNIQUE)).ok()?;
    (found.stx_mask & STATX_MNT_ID_UNIQUE != 0).then_some(found.stx_mnt_id)
}

#[cfg(not(target_os = "linux"))]
fn mount_id(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_is_the_same_before_the_directory_is_made_and_after() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("tmp/haul");
        let before = epoch_of(&state);
        fs_err::create_dir_all(&state).unwrap();
        assert_eq!(epoch_of(&state), before);
    }
}

//! Finds out whether recorded versions still exist.

use std::collections::HashMap;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{RecordedVersion, VersionedStore};
use crate::transfer::RequestCounts;
use crate::{Error, ErrorKind, Result};

/// Up to this many versions are asked for one by one.
const FEW: usize = 16;
/// A listing is abandoned, and the rest asked for one by one, when it takes more pages than a tenth of the requests that
/// it saves: files with a long history fill many pages.
const WORTH: usize = 10;

/// The state of a recorded version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedState {
    /// It is the latest version of its key.
    Latest,
    /// It exists, but a newer version is the latest.
    Superseded,
    /// It exists, but its key was deleted: the latest version is a delete marker.
    Hidden,
    /// It does not exist; or its key was deleted, and the credentials must not read old versions.
    Gone,
    /// Another version is the latest of its key, and the credentials must not read old versions.
    Unknown,
}

/// Looks for recorded versions, with at most `jobs` requests at once; the answers are in the order of `recorded`.
///
/// For many versions, it lists the versions below the keys' common directory (`s3:ListBucketVersions`). For a few, and
/// if that is not allowed, it sends a HEAD for each key, and for the recorded version if the latest is another one
/// (`s3:GetObject`, `s3:GetObjectVersion`).
///
/// # Errors
///
/// [`ErrorKind::Denied`] if the credentials must read neither a key nor its recorded version, so that it is not known
/// whether the version exists.
pub async fn look_up(
    store: &dyn VersionedStore,
    recorded: &[RecordedVersion],
    jobs: usize,
) -> Result<(Vec<RecordedState>, RequestCounts)> {
    let mut counts = RequestCounts::default();
    let mut states: Vec<Option<RecordedState>> = vec![None; recorded.len()];
    if recorded.len() > FEW {
        list(store, recorded, &mut states, &mut counts).await?;
    }
    let open: Vec<usize> = (0..recorded.len()).filter(|index| states[*index].is_none()).collect();
    let answers: Vec<(usize, RecordedState, u64)> = stream::iter(open)
        .map(|index| async move {
            let (state, n_requests) = look_at(store, &recorded[index]).await?;
            Ok::<_, Error>((index, state, n_requests))
        })
        .buffer_unordered(jobs.max(1))
        .try_collect()
        .await?;
    for (index, state, n_requests) in answers {
        states[index] = Some(state);
        counts.head += n_requests;
    }
    if states.contains(&Some(RecordedState::Gone)) && store.confirm().await? {
        counts.get += 1;
    }
    Ok((states.into_iter().map(|state| state.unwrap_or(RecordedState::Gone)).collect(), counts))
}

/// Answers from a listing, as far as listing is allowed and worth its pages.
async fn list(
    store: &dyn VersionedStore,
    recorded: &[RecordedVersion],
    states: &mut [Option<RecordedState>],
    counts: &mut RequestCounts,
) -> Result<()> {
    let mut wanted: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, version) in recorded.iter().enumerate() {
        wanted.entry(&version.key).or_default().push(index);
    }
    let prefix = common_folder(recorded);
    let mut found: Vec<RecordedState> = vec![RecordedState::Gone; recorded.len()];
    let mut cursor = None;
    for _ in 0..=recorded.len() / WORTH {
        counts.list += 1;
        let page = match store.list_versions(prefix, cursor.as_ref()).await {
            Ok(page) => page,
            // Some servers list versions in their own formats; all of them understand a HEAD.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Denied | ErrorKind::Unsupported | ErrorKind::Corrupt
                ) =>
            {
                tracing::debug!(%error, "asking for each version, as they cannot be listed");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for version in &page.versions {
            for &index in wanted.get(version.key.as_str()).into_iter().flatten() {
                let is_recorded = version.version_id.as_deref() == Some(&*recorded[index].version_id);
                found[index] = match (is_recorded && !version.is_delete_marker, version.is_latest) {
                    (true, true) => RecordedState::Latest,
                    (true, false) if found[index] == RecordedState::Gone => RecordedState::Superseded,
                    // A delete marker is listed before the versions it hides.
                    (false, true) if version.is_delete_marker => RecordedState::Unknown,
                    (true, false) if found[index] == RecordedState::Unknown => RecordedState::Hidden,
                    _ => continue,
                };
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            for (state, found) in states.iter_mut().zip(found) {
                // Only a delete marker was found, and not the recorded version.
                *state = Some(if found == RecordedState::Unknown { RecordedState::Gone } else { found });
            }
            return Ok(());
        }
    }
    Ok(())
}

/// Asks for the key, and for the recorded version if that is not enough. Also returns the number of requests.
async fn look_at(store: &dyn VersionedStore, recorded: &RecordedVersion) -> Result<(RecordedState, u64)> {
    let shown = match store.head_version(&recorded.key, None).await {
        Ok(Some(latest)) if latest.version_id.as_ref() == Some(&recorded.version_id) => {
            return Ok((RecordedState::Latest, 1));
        }
        Ok(Some(_)) => Shown::Another,
        Ok(None) => Shown::Nothing,
        // Without the right to list, the reply for a missing key is "access denied" as well.
        Err(error) if error.kind() == ErrorKind::Denied => Shown::Denied,
        Err(error) => return Err(error),
    };
    let state = match (store.head_version(&recorded.key, Some(&recorded.version_id)).await, shown) {
        (Ok(Some(_)), Shown::Another) => RecordedState::Superseded,
        (Ok(Some(_)), Shown::Nothing | Shown::Denied) => RecordedState::Hidden,
        (Ok(None), _) => RecordedState::Gone,
        (Err(error), shown) if error.kind() == ErrorKind::Denied => match shown {
            Shown::Another => RecordedState::Unknown,
            Shown::Nothing => RecordedState::Gone,
            Shown::Denied => return Err(unseen(store, recorded, error)),
        },
        (Err(error), _) => return Err(error),
    };
    Ok((state, 2))
}

/// What a bucket returns for a key without a version id.
#[derive(Clone, Copy)]
enum Shown {
    /// Another version than the recorded one.
    Another,
    Nothing,
    Denied,
}

fn unseen(store: &dyn VersionedStore, recorded: &RecordedVersion, error: Error) -> Error {
    let message = format!(
        "cannot find out whether the recorded version of `{}` is on `{}`: the credentials must read neither the latest \
         version nor at that one",
        recorded.key,
        store.location()
    );
    Error::new(ErrorKind::Denied, message).with_source(error).with_hint(
        "the credentials need the right s3:GetObjectVersion on the objects, or s3:ListBucketVersions on the bucket; if \
         `sse_customer_key` is set, it must be that of the objects",
    )
}

/// Returns the deepest directory that contains all keys, with its `/`; empty if there is none.
fn common_folder(recorded: &[RecordedVersion]) -> &str {
    let Some((first, rest)) = recorded.split_first() else { return "" };
    let n_common = rest.iter().fold(first.key.len(), |n_common, version| {
        let equal = first.key.bytes().zip(version.key.bytes()).take_while(|(one, other)| one == other);
        n_common.min(equal.count())
    });
    match first.key.as_bytes()[..n_common].iter().rposition(|byte| *byte == b'/') {
        Some(end) => &first.key[..=end],
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_folder_ends_at_a_slash() {
        let of = |keys: &[&str]| {
            let recorded: Vec<_> = keys
                .iter()
                .map(|key| RecordedVersion { key: (*key).to_owned(), version_id: String::new() })
                .collect();
            common_folder(&recorded).to_owned()
        };
        assert_eq!(of(&["data/a", "data/ab"]), "data/");
        assert_eq!(of(&["data/a", "dart/b"]), "");
        assert_eq!(of(&["d/é/a", "d/è/a"]), "d/");
        assert_eq!(of(&["d/x/a"]), "d/x/");
        assert_eq!(of(&[]), "");
    }
}

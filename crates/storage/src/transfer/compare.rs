//! Looking at both sides.

use futures::stream::BoxStream;

use super::context::{Context, blocking};
use super::plan::Plan;
use super::{CompareReport, ObjectGroup, ObjectState, TransferOptions};
use crate::progress::{Event, Observer, Phase};
use crate::{Cache, Error, ErrorKind, ListFrom, ListStore as _, Presence, RemoteOdb, Result};

/// Asks cache and remote at the same time for all objects.
pub(super) async fn run(
    cache: &Cache,
    remote: &RemoteOdb,
    groups: BoxStream<'_, Result<ObjectGroup>>,
    options: &TransferOptions,
    observer: &dyn Observer,
) -> Result<CompareReport> {
    let before = remote.requests();
    let plan = Plan::collect(groups, &options.cancel).await?;
    let context = Context::new(cache, remote.shared_store(), options, Phase::Querying);
    let n_objects = plan.len() as u64;
    observer.on(Event::Planned { phase: Phase::Querying, n_objects, total_bytes: 0 });

    let names = plan.names();
    let wanted: Vec<_> = names.iter().map(|(layout, oid)| (*layout, *oid, None)).collect();
    let in_cache = blocking({
        let (cache, cancel) = (cache.clone(), context.stop.clone());
        move || cache.check_many(&names, &cancel).into_iter().collect::<Result<Vec<_>>>()
    });
    let on_remote = context.unless_stopped(remote.look_up(&wanted, context.jobs));
    let (mut in_cache, on_remote) = futures::try_join!(in_cache, on_remote)?;
    if !on_remote.is_empty() && on_remote.iter().all(|presence| *presence == Presence::Unknown) {
        return Err(closed(remote).await);
    }

    // Sizes that differ say that one side is wrong, not which: the own copy is looked at first.
    let doubtful: Vec<usize> = (0..in_cache.len())
        .filter(|object| {
            matches!((in_cache[*object], on_remote[*object]), (Some(local), Presence::Present { size_bytes }) if local != size_bytes)
        })
        .collect();
    let mut damaged_in_cache = Vec::new();
    for object in doubtful {
        let ((layout, oid), cache) = (plan.name(object), cache.clone());
        if !blocking(move || cache.verify(layout, &oid)).await? {
            damaged_in_cache.push(context.cache.object_path(layout, &oid));
            in_cache[object] = None;
        }
    }

    let mut report = CompareReport { damaged_in_cache, ..CompareReport::default() };
    for (object, (local, presence)) in in_cache.into_iter().zip(on_remote).enumerate() {
        let (layout, oid) = plan.name(object);
        let presence = match presence {
            Presence::Present { size_bytes } if local.is_some_and(|local| local != size_bytes) => {
                Presence::Damaged { size_bytes }
            }
            other => other,
        };
        if matches!(presence, Presence::Damaged { .. }) {
            report.damaged.push(plan.describe(object));
        }
        let state = match (local.is_some(), matches!(presence, Presence::Present { .. })) {
            (true, true) => {
                report.n_in_sync += 1;
                continue;
            }
            (true, false) => ObjectState::CacheOnly,
            (false, true) => ObjectState::RemoteOnly,
            (false, false) => ObjectState::Missing,
        };
        report.differing.insert((layout, oid), state);
    }
    observer.on(Event::Finished { phase: Phase::Querying, n_objects });
    report.requests = remote.requests().since(&before);
    Ok(report)
}

/// Makes the error of a remote that says neither what it has nor what it lacks. The refusal of a listing has words, which
/// those of single objects do not.
async fn closed(remote: &RemoteOdb) -> Error {
    let message = format!("`{}` does not say what it has", remote.location());
    let error = Error::new(ErrorKind::Denied, message);
    match remote.store().list_page("", &ListFrom::Start).await {
        Ok(_) => error.with_hint("ask for the permissions s3:ListBucket and s3:GetObject"),
        Err(refusal) => match refusal.hint().map(str::to_owned) {
            Some(hint) => error.with_source(refusal).with_hint(hint),
            None => error.with_source(refusal),
        },
    }
}

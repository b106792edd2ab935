//! How much a fetch has to move, as far as that can be known before the bytes come.

use super::plan::Plan;

/// Adds up what is lacking.
///
/// A manifest tells no sizes, but the metafile tells how large the whole directory is. What is in the cache already is known,
/// so the rest is what has to come.
#[derive(Debug)]
pub(super) struct Estimate {
    /// By directory; `None` where nothing tells how large it is.
    rests: Vec<Option<Rest>>,
    sizes: Vec<Size>,
    /// Of lacking objects that have a size.
    known_bytes: u64,
    /// Of directories that lack objects without a size.
    rest_bytes: u64,
    /// Lacking objects without a size, in no directory that has one.
    n_unsized: u64,
    told: (u64, u64),
}

/// What is known of the size of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    /// It was not looked for yet.
    Open,
    /// It has to come, and nothing tells how large it is.
    Untold,
    Known,
}

/// What of a directory has no size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    pub(super) bytes: u64,
    /// How often its objects without a size are mentioned.
    pub(super) n_mentions: u32,
    pub(super) is_lacking: bool,
}

impl Estimate {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            rests: plan.rests(),
            sizes: vec![Size::Open; plan.len()],
            known_bytes: 0,
            rest_bytes: 0,
            n_unsized: 0,
            told: (0, 0),
        }
    }

    /// Takes note of an object that need not come.
    pub(super) fn present(&mut self, plan: &Plan, object: usize, size_bytes: u64) {
        self.size(plan, object, size_bytes);
    }

    /// Takes note of an object that has to come.
    pub(super) fn lacking(&mut self, plan: &Plan, object: usize) {
        if let Some(size_bytes) = plan.size_bytes(object) {
            self.known_bytes += size_bytes;
            return self.size(plan, object, size_bytes);
        }
        // A manifest that is in hand does not come from the remote.
        if plan.manifest(object).is_some() {
            return self.size(plan, object, 0);
        }
        self.sizes[object] = Size::Untold;
        let mut is_covered = false;
        for directory in plan.directories_of(object) {
            if let Some(rest) = &mut self.rests[directory] {
                is_covered = true;
                if !std::mem::replace(&mut rest.is_lacking, true) {
                    self.rest_bytes += rest.bytes;
                }
            }
        }
        self.n_unsized += u64::from(!is_covered);
    }

    /// Takes note of what the server says of the size of an object that has to come.
    pub(super) fn announced(&mut self, plan: &Plan, object: usize, size_bytes: u64) {
        match (self.sizes[object], plan.size_bytes(object)) {
            (Size::Known, Some(recorded)) => {
                self.known_bytes = (self.known_bytes + size_bytes).saturating_sub(recorded);
            }
            (Size::Known, None) => {}
            (Size::Open | Size::Untold, _) => {
                self.known_bytes += size_bytes;
                self.size(plan, object, size_bytes);
            }
        }
    }

    /// Takes note of an object that will not come: if nothing told its size, it is in no total any more.
    pub(super) fn will_not_come(&mut self, plan: &Plan, object: usize) {
        if self.sizes[object] != Size::Known {
            self.size(plan, object, 0);
        }
    }

    fn size(&mut self, plan: &Plan, object: usize, size_bytes: u64) {
        let before = std::mem::replace(&mut self.sizes[object], Size::Known);
        let is_covered = plan.directories_of(object).any(|directory| self.rests[directory].is_some());
        self.n_unsized -= u64::from(before == Size::Untold && !is_covered);
        for directory in plan.directories_of(object) {
            let Some(rest) = &mut self.rests[directory] else { continue };
            rest.n_mentions = rest.n_mentions.saturating_sub(1);
            let left = if rest.n_mentions == 0 { 0 } else { rest.bytes.saturating_sub(size_bytes) };
            if rest.is_lacking {
                self.rest_bytes -= rest.bytes - left;
            }
            rest.bytes = left;
        }
    }

    /// Returns by how much the bytes to come and the number of objects that are not in them changed since the last time.
    pub(super) fn change(&mut self) -> Option<(i64, i64)> {
        let now = (self.known_bytes + self.rest_bytes, self.n_unsized);
        let before = std::mem::replace(&mut self.told, now);
        let difference =
            |now: u64, before: u64| i64::try_from(i128::from(now) - i128::from(before)).unwrap_or(0);
        (now != before).then(|| (difference(now.0, before.0), difference(now.1, before.1)))
    }
}

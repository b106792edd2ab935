//! The work items that are measured.

/// One group of lines of the report.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) name: &'static str,
    /// The tools that can do it; the others are compared with the first.
    pub(super) tools: &'static [&'static str],
    pub(super) runs: u32,
    pub(super) data: Data,
    pub(super) verb: Verb,
    /// The round trip to the server, in milliseconds.
    pub(super) round_trip_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    /// 10 000 files of 4 KiB.
    Small,
    /// 20 files of 50 MiB.
    Medium,
    /// 1 file of 2 GiB.
    Large,
    /// 100 000 files of 200 bytes.
    Many,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    RemoteList,
    Add,
    Status,
    Checkout,
    Push,
    PushNothing,
    Fetch,
}

/// `cp` shows how long the file system takes to copy the data once.
const LOCAL: &[&str] = &["haul", "dvc", "cp"];
const BOTH: &[&str] = &["haul", "dvc"];
const REMOTE: &[&str] = &["haul", "dvc", "s5cmd", "rclone"];
/// `curl` shows how long one file takes over one connection.
const ONE_FILE: &[&str] = &["haul", "dvc", "s5cmd", "rclone", "curl"];
const FAR: &[&str] = &["haul", "s5cmd", "rclone"];

pub(super) const ITEMS: &[Item] = &[
    item("remote-list", BOTH, 20, Data::Small, Verb::RemoteList),
    item("a-add", LOCAL, 5, Data::Small, Verb::Add),
    item("a-status", BOTH, 10, Data::Small, Verb::Status),
    item("a-checkout", LOCAL, 5, Data::Small, Verb::Checkout),
    item("a-push", REMOTE, 3, Data::Small, Verb::Push),
    item("a-push-nothing", BOTH, 5, Data::Small, Verb::PushNothing),
    item("a-fetch", REMOTE, 3, Data::Small, Verb::Fetch),
    Item { round_trip_ms: 20, ..item("a-push-20ms", FAR, 2, Data::Small, Verb::Push) },
    Item { round_trip_ms: 20, ..item("a-fetch-20ms", FAR, 2, Data::Small, Verb::Fetch) },
    item("b-add", LOCAL, 3, Data::Medium, Verb::Add),
    item("b-checkout", LOCAL, 3, Data::Medium, Verb::Checkout),
    item("b-push", REMOTE, 3, Data::Medium, Verb::Push),
    item("b-fetch", REMOTE, 3, Data::Medium, Verb::Fetch),
    item("c-add", LOCAL, 3, Data::Large, Verb::Add),
    item("c-checkout", LOCAL, 3, Data::Large, Verb::Checkout),
    item("c-push", ONE_FILE, 3, Data::Large, Verb::Push),
    item("c-fetch", ONE_FILE, 3, Data::Large, Verb::Fetch),
    item("d-add", LOCAL, 2, Data::Many, Verb::Add),
    item("d-status", BOTH, 3, Data::Many, Verb::Status),
];

const fn item(name: &'static str, tools: &'static [&'static str], runs: u32, data: Data, verb: Verb) -> Item {
    Item { name, tools, runs, data, verb, round_trip_ms: 0 }
}

impl Data {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Small => "a",
            Self::Medium => "b",
            Self::Large => "c",
            Self::Many => "d",
        }
    }

    /// Returns the number of files and the size of each in bytes.
    pub(super) fn files(self) -> (u64, u64) {
        match self {
            Self::Small => (10_000, 4 << 10),
            Self::Medium => (20, 50 << 20),
            Self::Large => (1, 2 << 30),
            Self::Many => (100_000, 200),
        }
    }

    /// Returns whether the data of earlier runs takes much space but has few files, so that it can be deleted.
    pub(super) fn is_bulky(self) -> bool {
        matches!(self, Self::Medium | Self::Large)
    }
}

impl Verb {
    /// Returns whether a warm-up round would take long and change nothing, because the server is warm already.
    pub(super) fn needs_no_warming(self) -> bool {
        matches!(self, Self::Push | Self::Fetch)
    }
}

//! The command line of `cargo xtask`.

use std::path::PathBuf;

xflags::xflags! {
    /// Development tasks of haul.
    cmd xtask {
        /// Run the main job from init to pull on an embedded S3 server, and compare every byte.
        cmd demo {
            /// Server: `embedded` (default), `minio`, `seaweedfs`, or the URL of an endpoint (keys from AWS_ACCESS_KEY_ID
            /// and AWS_SECRET_ACCESS_KEY).
            optional --server server: String
            /// Number of small files (default 4000).
            optional --files files: u64
            /// Size of the one large file in MiB (default 300).
            optional --large-mib large_mib: u64
            /// Leave the folder and the server up until Enter is pressed.
            optional --keep
            /// Take the debug build: slower, but there after `cargo test`.
            optional --debug
        }
        /// What has to pass before a change is merged: fmt, clippy, tests, docs, tidy.
        cmd check {
            /// Leave the tests out.
            optional --no-tests
        }
        /// Check layers, file sizes and other house rules.
        cmd tidy {}
        /// Run the tests against real S3 servers; MinIO is built if it is not found.
        cmd integration {
            /// Comma-separated servers (default `minio,minio-tls`; `all` is every server this machine can run).
            optional --servers servers: String
            /// Only tests whose name contains this.
            optional --filter filter: String
            /// Take the results over into tests/compatibility.json.
            optional --record
        }
        /// Kill each command before every call that changes a file, and check that nothing is lost or in the way.
        cmd kills {
            /// Only tests whose name contains this.
            optional --filter filter: String
            /// Let real DVC look at each repository at the end, too.
            optional --dvc
        }
        /// Write the pages of `docs` that are made from code and data.
        cmd generate {
            /// Write nothing; fail if a page is out of date, or the last run of `integration` saw something else than it says.
            optional --check
        }
        /// Run the same commands through real DVC and through haul, and compare everything; find credentials with
        /// botocore and with haul, and compare the answers.
        cmd parity {
            /// Only scenarios whose name contains one of these, comma-separated; `credentials` for these alone.
            optional --filter filter: String
            /// Keep the repositories of scenarios that passed, too.
            optional --keep
            /// Seed of the random cases of credentials and endpoints (default 1).
            optional --seed seed: u64
            /// Number of cases of credentials (default 700) and of endpoints (default 2000).
            optional --cases cases: u32
            /// Server: `embedded` (default), another server by name, or the URL of an endpoint that has the buckets.
            optional --server server: String
            /// The binary to compare with dvc (default: built from this checkout).
            optional --haul haul: PathBuf
        }
        /// Run random inputs through the parsers, guided by the code they reach.
        cmd fuzz {
            /// Seconds for each target (default 60); as many targets at once as there are cores.
            optional --seconds seconds: u64
            /// So many inputs for each target instead, from a fixed seed: the same ones each time.
            optional --runs runs: u64
            /// Comma-separated targets (default all): the folders of fuzz/corpus.
            optional --targets targets: String
            /// Take over into fuzz/corpus what reached code that nothing there reaches.
            optional --grow
        }
        /// Measure haul beside dvc, s5cmd, rclone, curl and cp on MinIO, as a Markdown table.
        cmd bench {
            /// Comma-separated work items (default all).
            optional --only only: String
            /// Comma-separated tools (default all that can do the work).
            optional --tools tools: String
            /// At most so many runs of each measurement (default: as each needs).
            optional --runs runs: u32
            /// Server: `minio` (default), `seaweedfs` or `embedded`.
            optional --server server: String
            /// Write the figures to this file as JSON.
            optional --json json: String
        }
        /// Cut the power of file systems under running commands (needs root), and look for damage; or measure what waiting for
        /// the disk costs.
        cmd powercut {
            /// Number of cuts (default 200).
            optional --cuts cuts: u32
            /// A minute or so: fewer cuts.
            optional --short
            /// Comma-separated file systems: ext4, xfs (default both).
            optional --fs fs: String
            /// Comma-separated commands: add, fetch, pull, checkout, commit, push (default all).
            optional --verbs verbs: String
            /// Seed of the moments of the cuts (default 1).
            optional --seed seed: u64
            /// Another program to try, as `dvc`; its damage is reported and is no failure.
            optional --client client: PathBuf
            /// Take the debug build: slower, but there after `cargo test`.
            optional --debug
            /// Cut nothing: print how long commands take with and without waiting for the disk, in pairs.
            optional --cost
        }
        /// Install what the other tasks need below target/tools.
        cmd tools {
            /// Which: minio, mc, versitygw, clients (dvc, s5cmd), servers (moto, SeaweedFS), ceph.
            repeated names: String
        }
    }
}

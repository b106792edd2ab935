//! The command line of `cargo xtask`.

use std::path::PathBuf;

xflags::xflags! {
    /// Development tasks of haul.
    cmd xtask {
        /// Run the main workflow from init to pull on an embedded S3 server, and compare every byte.
        cmd demo {
            /// Server: `embedded` (default), `minio`, `seaweedfs`, or the URL of an endpoint (keys from AWS_ACCESS_KEY_ID
            /// and AWS_SECRET_ACCESS_KEY).
            optional --server server: String
            /// Number of small files (default 4000).
            optional --files files: u64
            /// Size of the one large file in MiB (default 300).
            optional --large-mib large_mib: u64
            /// Keep the directory and the server until Enter is pressed.
            optional --keep
            /// Take the release build: minutes more to compile, and the speed that users get.
            optional --release
        }
        /// Run the checks that must pass before a change is merged: fmt, clippy, tests, docs, tidy.
        cmd check {
            /// Skip the tests.
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
            /// Write the results to tests/compatibility.json.
            optional --record
        }
        /// Kill each command before every call that changes a file, and check that nothing is lost or blocked.
        cmd kills {
            /// Only tests whose name contains this.
            optional --filter filter: String
            /// Check each repository with real DVC at the end, too.
            optional --dvc
        }
        /// Write the pages of `docs` that are made from code and data.
        cmd generate {
            /// Write nothing; fail if a page is out of date, or if the last run of `integration` had other results.
            optional --check
        }
        /// Run the same commands through real DVC and through haul, and compare everything; find credentials with
        /// botocore and with haul, and compare the answers.
        cmd parity {
            /// Only scenarios whose name contains one of these, comma-separated; `credentials` for only the credentials.
            optional --filter filter: String
            /// Keep the repositories of scenarios that passed, too.
            optional --keep
            /// Run so many random sequences of commands through both instead of the scenarios.
            optional --fuzz fuzz: u64
            /// Seed of the random cases of credentials, endpoints and templates (default 1), and of the sequences (default: a random one,
            /// which is printed).
            optional --seed seed: u64
            /// Number of cases of credentials (default 700), of endpoints (default 2000) and of templates (default 400).
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
            /// Number of inputs for each target instead of a time, from a fixed seed: the same inputs each time.
            optional --runs runs: u64
            /// Comma-separated targets (default all): the directories of fuzz/corpus.
            optional --targets targets: String
            /// Add inputs that reached new code to fuzz/corpus.
            optional --grow
        }
        /// Compare the performance of haul, dvc, s5cmd, rclone, curl and cp on MinIO, as a Markdown table.
        cmd bench {
            /// Comma-separated work items (default all).
            optional --only only: String
            /// Comma-separated tools (default all that can do the work).
            optional --tools tools: String
            /// Maximum number of runs of each measurement (default: as each needs).
            optional --runs runs: u32
            /// Server: `minio` (default), `seaweedfs` or `embedded`.
            optional --server server: String
            /// Write the figures to this file as JSON.
            optional --json json: String
        }
        /// Cut the power of file systems under running commands (needs root), and look for damage; or measure the cost of
        /// waiting for the disk.
        cmd powercut {
            /// Number of cuts (default 200).
            optional --cuts cuts: u32
            /// Run for about a minute, with fewer cuts.
            optional --short
            /// Comma-separated file systems: ext4, xfs (default both).
            optional --fs fs: String
            /// Comma-separated commands: add, fetch, pull, checkout, commit, push (to a remote with
            /// versions), store (push to a directory); default all.
            optional --verbs verbs: String
            /// Seed of the times of the cuts (default 1).
            optional --seed seed: u64
            /// Another program to test, such as `dvc`; its damage is reported but is not a failure.
            optional --client client: PathBuf
            /// Use the debug build: slower, but already built after `cargo test`.
            optional --debug
            /// Do not cut the power: print how long commands take with and without waiting for the disk, in pairs.
            optional --cost
        }
        /// Build what is handed to users into target/packages: an archive with the static binary, a Debian package, a wheel, the
        /// list of parts (SBOM) and checksums.
        cmd dist {
            /// Build once more, in another directory, and fail if the binary differs.
            optional --reproduce
            /// Install each package into an empty place, and run the demo with what the wheel installed.
            optional --try-out
        }
        /// Install what the other tasks need below target/tools.
        cmd tools {
            /// One of minio, mc, versitygw, clients (dvc, s5cmd), servers (moto, SeaweedFS), ceph.
            repeated names: String
        }
    }
}

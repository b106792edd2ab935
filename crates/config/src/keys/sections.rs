//! The sections besides remotes.

use super::Kind::{Bool, Choice, Integer, LinkTypes, LowerCase, Number, Path, Text};
use super::{Key, Section, Use};

const CONFIGURATION: &str = "https://dvc.org/doc/user-guide/project-structure/configuration";

pub(super) const SECTIONS: &[Section] = &[
    Section {
        name: "core",
        is_named: false,
        keys: CORE,
        documentation: "https://dvc.org/doc/user-guide/project-structure/configuration#core",
    },
    Section {
        name: "cache",
        is_named: false,
        keys: CACHE,
        documentation: "https://dvc.org/doc/user-guide/project-structure/configuration#cache",
    },
    Section {
        name: "remote",
        is_named: true,
        keys: &[],
        documentation: "https://dvc.org/doc/user-guide/project-structure/configuration#remote",
    },
    Section { name: "state", is_named: false, keys: STATE, documentation: CONFIGURATION },
    Section { name: "index", is_named: false, keys: INDEX, documentation: CONFIGURATION },
    Section { name: "machine", is_named: true, keys: MACHINE, documentation: CONFIGURATION },
    Section { name: "feature", is_named: false, keys: FEATURE, documentation: CONFIGURATION },
    Section {
        name: "plots",
        is_named: false,
        keys: PLOTS,
        documentation: "https://dvc.org/doc/user-guide/project-structure/configuration#plots",
    },
    Section {
        name: "exp",
        is_named: false,
        keys: EXP,
        documentation: "https://dvc.org/doc/user-guide/project-structure/configuration#exp",
    },
    Section {
        name: "parsing",
        is_named: false,
        keys: PARSING,
        documentation: "https://dvc.org/doc/user-guide/project-structure/configuration#parsing",
    },
    Section {
        name: "hydra",
        is_named: false,
        keys: HYDRA,
        documentation: "https://dvc.org/doc/user-guide/project-structure/configuration#hydra",
    },
    Section {
        name: "studio",
        is_named: false,
        keys: STUDIO,
        documentation: "https://dvc.org/doc/user-guide/project-structure/configuration#studio",
    },
    Section {
        name: "db",
        is_named: true,
        keys: DB,
        documentation: "https://dvc.org/doc/user-guide/project-structure/configuration#db",
    },
];

const CORE: &[Key] = &[
    Key::new("remote", LowerCase, "The default remote."),
    Key::new("checksum_jobs", Integer(Some(1), None), "How many files are hashed side by side."),
    Key::new("interactive", Bool, "Whether DVC asks before it reproduces a stage.")
        .default("false")
        .used(Use::DvcOnly),
    Key::new("analytics", Bool, "Whether DVC reports its usage.")
        .default("true")
        .used(Use::DvcOnly)
        .deviation("haul never reports anything"),
    Key::new("hardlink_lock", Bool, "Whether the repository lock works without `flock`.").default("false"),
    Key::new("no_scm", Bool, "Whether the repository is not under Git.").default("false"),
    Key::new("autostage", Bool, "Whether files that are written are also staged with Git.").default("false"),
    Key::new("experiments", Bool, "Whether experiments are on.").used(Use::Obsolete),
    Key::new("check_update", Bool, "Whether DVC looks for a newer version of itself.")
        .default("true")
        .used(Use::DvcOnly)
        .deviation("haul never looks for updates"),
    Key::new("site_cache_dir", Text, "Where state that belongs to no repository is kept.")
        .used(Use::Idle("haul keeps its state in `.dvc/tmp/haul`")),
    Key::new("machine", LowerCase, "The default machine.").used(Use::DvcOnly),
];

pub(super) const PROTECTED: Key =
    Key::new("protected", Bool, "Whether linked files are read-only; they always are.")
        .default("false")
        .used(Use::Obsolete);
/// DVC 3 reads it and never warns.
pub(super) const SLOW_LINK_WARNING: Key =
    Key::new("slow_link_warning", Bool, "Whether a slow way of linking is worth a warning.")
        .default("true")
        .used(Use::Obsolete);

const CACHE: &[Key] = &[
    Key::new("local", Text, "The cache of outputs on this machine.").used(Use::Obsolete),
    Key::new("s3", Text, "The cache of external outputs.").used(Use::Obsolete),
    Key::new("gs", Text, "The cache of external outputs.").used(Use::Obsolete),
    Key::new("hdfs", Text, "The cache of external outputs.").used(Use::Obsolete),
    Key::new("webhdfs", Text, "The cache of external outputs.").used(Use::Obsolete),
    Key::new("ssh", Text, "The cache of external outputs.").used(Use::Obsolete),
    Key::new("azure", Text, "The cache of external outputs.").used(Use::Obsolete),
    Key::new("dir", Path, "The folder of the cache.").default(".dvc/cache"),
    Key::new("type", LinkTypes, "How cached files appear in the workspace, by preference.")
        .default("reflink,copy"),
    PROTECTED,
    Key::new("shared", Choice(&["group"]), "Who else may write to the cache."),
    SLOW_LINK_WARNING,
    Key::new("verify", Bool, "Whether objects are hashed again once they are in the cache.")
        .default("false")
        .used(Use::Idle("every object is hashed while it is written, and gets its name only if it is right")),
];

const STATE: &[Key] = &[
    Key::new("dir", Text, "Where state is kept.").used(Use::Obsolete),
    Key::new("row_limit", Integer(Some(1), None), "How many rows the state has.").used(Use::Obsolete),
    Key::new("row_cleanup_quota", Integer(Some(0), Some(100)), "How much of the state is cleaned up.")
        .used(Use::Obsolete),
];

const INDEX: &[Key] = &[Key::new("dir", Text, "Where indexes are kept.").used(Use::Obsolete)];

const MACHINE: &[Key] = &[
    Key::new("cloud", Choice(&["aws", "azure"]), "The provider.").used(Use::DvcOnly),
    Key::new("region", Choice(&["us-west", "us-east", "eu-west", "eu-north"]), "The region.")
        .used(Use::DvcOnly),
    Key::new("image", Text, "The image.").used(Use::DvcOnly),
    Key::new("spot", Bool, "Whether it is a spot instance.").used(Use::DvcOnly),
    Key::new("spot_price", Number(None), "The highest price.").used(Use::DvcOnly),
    Key::new("instance_hdd_size", Integer(None, None), "The size of its disk.").used(Use::DvcOnly),
    Key::new("instance_type", LowerCase, "The kind of instance.").used(Use::DvcOnly),
    Key::new("instance_gpu", LowerCase, "The kind of GPU.").used(Use::DvcOnly),
    Key::new("ssh_private", Text, "The private key.").secret().used(Use::DvcOnly),
    Key::new("startup_script", Path, "What it runs at its start.").used(Use::DvcOnly),
    Key::new("setup_script", Path, "What it runs to be set up.").used(Use::DvcOnly),
];

const FEATURE: &[Key] =
    &[Key::new("machine", Bool, "Whether machines are on.").default("false").used(Use::DvcOnly)];

const PLOTS: &[Key] = &[
    Key::new("html_template", Text, "The template of plots.").used(Use::DvcOnly),
    Key::new("auto_open", Bool, "Whether plots are opened.").default("false").used(Use::DvcOnly),
    Key::new("out_dir", Text, "Where plots are written.").used(Use::DvcOnly),
];

const EXP: &[Key] = &[
    Key::new("code", Text, "The folder of code.").used(Use::Obsolete),
    Key::new("data", Text, "The folder of data.").used(Use::Obsolete),
    Key::new("models", Text, "The folder of models.").used(Use::Obsolete),
    Key::new("metrics", Text, "The file of metrics.").used(Use::Obsolete),
    Key::new("params", Text, "The file of parameters.").used(Use::Obsolete),
    Key::new("plots", Text, "The folder of plots.").used(Use::Obsolete),
    Key::new("live", Text, "The folder of live metrics.").used(Use::Obsolete),
    Key::new("auto_push", Bool, "Whether experiments are pushed when saved.").used(Use::DvcOnly),
    Key::new("git_remote", Text, "The Git remote experiments are pushed to.").used(Use::DvcOnly),
];

const PARSING: &[Key] = &[
    Key::new("bool", Choice(&["store_true", "boolean_optional"]), "How booleans become arguments.")
        .used(Use::DvcOnly),
    Key::new("list", Choice(&["nargs", "append"]), "How lists become arguments.").used(Use::DvcOnly),
];

const HYDRA: &[Key] = &[
    Key::new("enabled", Bool, "Whether Hydra composes parameters.").default("false").used(Use::DvcOnly),
    Key::new("config_dir", Text, "The folder of its configuration.").used(Use::DvcOnly),
    Key::new("config_module", Text, "The module of its configuration.").used(Use::DvcOnly),
    Key::new("config_name", Text, "The name of its configuration.").used(Use::DvcOnly),
    Key::new("plugins_path", Text, "Where its plugins are.").used(Use::DvcOnly),
];

const STUDIO: &[Key] = &[
    Key::new("token", Text, "The access token.").secret().used(Use::DvcOnly),
    Key::new("url", Text, "The server.").used(Use::DvcOnly),
    Key::new("repo_url", Text, "The repository as the server knows it.").used(Use::DvcOnly),
    Key::new("offline", Bool, "Whether nothing is sent to it.").default("false").used(Use::DvcOnly),
];

const DB: &[Key] = &[
    Key::new("url", Text, "The database.").used(Use::DvcOnly),
    Key::new("username", Text, "Who connects.").used(Use::DvcOnly),
    Key::new("password", Text, "The password.").secret().used(Use::DvcOnly),
];

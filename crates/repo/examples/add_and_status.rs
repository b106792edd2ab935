//! Makes a repository in a temporary directory, tracks a directory, changes it and shows the differences.
//!
//! Run it with `cargo run -p haul-repo --example add_and_status`.

use std::error::Error;

use haul_config::Env;
use haul_repo::Repo;
use haul_repo::init::{InitOptions, init};
use haul_repo::ops::{self, AddOptions, CheckoutOptions, StatusOptions};
use haul_storage::progress::NoObserver;

#[expect(clippy::print_stdout, reason = "an example shows something")]
fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let env = Env::new(folder.path(), [("HOME", folder.path())]);
    init(folder.path(), InitOptions { no_scm: true, ..InitOptions::default() }, &env)?;
    fs_err::create_dir(folder.path().join("data"))?;
    fs_err::write(folder.path().join("data/a.txt"), "hello")?;

    let repo = Repo::discover(&env)?;
    let options = AddOptions { targets: vec!["data".to_owned()], ..AddOptions::default() };
    for added in ops::add(&repo, &options, &NoObserver)?.added {
        println!("added {} as {}", added.target, added.oid);
    }

    fs_err::write(folder.path().join("data/a.txt"), "changed")?;
    for stage in ops::status(&repo, &StatusOptions::default(), &NoObserver)?.stages {
        for out in stage.changed_outs {
            println!("{}: {} is {}", stage.address, out.path, out.state.as_str());
        }
    }

    // The change is not in the cache, so it is only overwritten with `force`.
    match ops::checkout(&repo, &CheckoutOptions::default(), &NoObserver) {
        Ok(_) => println!("nothing would be lost"),
        Err(error) => println!("{error}"),
    }
    let options = CheckoutOptions { force: true, ..CheckoutOptions::default() };
    println!("replaced {} file", ops::checkout(&repo, &options, &NoObserver)?.stats.n_modified);
    Ok(())
}

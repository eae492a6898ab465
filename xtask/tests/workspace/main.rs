//! Rules about the whole tree that no compiler checks: which crate may see which, what may come from
//! outside, how long a file may be. Each rule is a pure function from what was read to a list of sentences;
//! an empty list passes, and every rule has a test that feeds it an offender.

mod arrows;
mod dependencies;
mod files;
mod licences;

use std::{path::Path, path::PathBuf, sync::LazyLock};

use cargo_metadata::{Metadata, MetadataCommand};

/// The resolved graph for the system that is shipped; the same one as in deny.toml.
static METADATA: LazyLock<Metadata> = LazyLock::new(|| {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(["--filter-platform".to_owned(), "x86_64-unknown-linux-gnu".to_owned()])
        .exec()
        .expect("cargo metadata reads the workspace that cargo has just built")
});

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_path_buf()
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read_toml(path: &str) -> toml::Table {
    read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails with all sentences at once.
#[track_caller]
fn assert_none(sentences: &[String]) {
    assert!(sentences.is_empty(), "\n  {}\n", sentences.join("\n  "));
}

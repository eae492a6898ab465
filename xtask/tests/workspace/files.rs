//! What every source file and every manifest of the workspace has in common.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{METADATA, assert_none, read_toml, root};

/// The house rule says about 600; this is where "about" ends.
const LONGEST_FILE: usize = 700;

#[test]
fn no_file_holds_two_ideas() {
    let files = rust_files();
    assert!(files.len() > 20, "found only {} Rust files, is the search broken?", files.len());
    assert_none(&files.iter().filter_map(|(path, text)| too_long(path, text)).collect::<Vec<_>>());
}

#[test]
fn no_lint_is_allowed_away() {
    assert_none(&rust_files().iter().flat_map(|(path, text)| allowances(path, text)).collect::<Vec<_>>());
}

#[test]
fn every_crate_inherits_the_lints() {
    let lints = &read_toml("Cargo.toml")["workspace"]["lints"]["rust"];
    assert_eq!(lints.get("unsafe_code").and_then(toml::Value::as_str), Some("forbid"), "in Cargo.toml");
    let without = METADATA.workspace_packages().into_iter().filter_map(|package| {
        let manifest = read_toml(package.manifest_path.as_str());
        (!inherits_lints(&manifest)).then(|| {
            format!("{} lacks the workspace's lints. Add:\n[lints]\nworkspace = true", package.manifest_path)
        })
    });
    assert_none(&without.collect::<Vec<_>>());
}

#[test]
fn an_offending_file_is_named() {
    let long = "// a line\n".repeat(LONGEST_FILE + 1);
    assert_eq!(
        too_long("crates/rules/src/all.rs", &long).as_deref(),
        Some("crates/rules/src/all.rs has 701 lines, the limit is 700. Give its second idea its own file.")
    );
    assert_eq!(too_long("crates/rules/src/all.rs", &format!("// @generated\n{long}")), None);
    let text = format!("{}dead_code)]\nfn f() {{}}\n#{}unused)]\n", marker(), &marker().replace('#', "!"));
    assert_eq!(
        allowances("a.rs", &text),
        [1, 3].map(|line| format!(
            "a.rs:{line} allows a lint. Write #[expect(lint, reason = \"…\")], which tells when it is no longer due."
        ))
    );
    assert!(!inherits_lints(&"[package]\nname = \"a\"".parse().unwrap()));
}

fn too_long(path: &str, text: &str) -> Option<String> {
    let is_generated = text.lines().take(5).any(|line| line.contains("@generated"));
    let lines = text.lines().count();
    (!is_generated && lines > LONGEST_FILE).then(|| {
        format!("{path} has {lines} lines, the limit is {LONGEST_FILE}. Give its second idea its own file.")
    })
}

fn allowances(path: &str, text: &str) -> Vec<String> {
    let inner = marker().replace('#', "#!");
    let lines =
        text.lines().enumerate().filter(|(_, line)| line.contains(&marker()) || line.contains(&inner));
    let sentence = |number: usize| {
        format!(
            "{path}:{number} allows a lint. Write #[expect(lint, reason = \"…\")], which tells when it is no \
             longer due."
        )
    };
    lines.map(|(index, _)| sentence(index + 1)).collect()
}

/// In two pieces, or this file would name itself.
fn marker() -> String {
    ["#[", "allow("].concat()
}

fn inherits_lints(manifest: &toml::Table) -> bool {
    let inherited = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    inherited.and_then(toml::Value::as_bool) == Some(true)
}

/// Path from the workspace, and text, of every Rust file that git would keep.
fn rust_files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(&root(), &mut files);
    files
        .into_iter()
        .filter_map(|path| {
            let text = fs::read_to_string(&path).ok()?;
            Some((path.strip_prefix(root()).unwrap_or(&path).display().to_string(), text))
        })
        .collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory of the workspace is readable").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory && !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()) {
            collect(&path, files);
        } else if !is_directory && path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

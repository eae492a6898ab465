//! Each direct dependency has one line of reason in docs/DEPENDENCIES.md.

use std::collections::BTreeSet;

use crate::{METADATA, assert_none, read, read_toml};

#[test]
fn every_direct_dependency_has_its_reason() {
    let used: BTreeSet<String> = METADATA
        .workspace_packages()
        .iter()
        .flat_map(|package| &package.dependencies)
        .filter(|dependency| dependency.path.is_none())
        .map(|dependency| dependency.name.clone())
        .collect();
    let offered = read_toml("Cargo.toml")["workspace"]["dependencies"]
        .as_table()
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.get("path").is_none())
        .map(|(name, _)| name.clone())
        .collect();
    assert_none(&differences(&used, &offered, &reasons(&read("docs/DEPENDENCIES.md"))));
}

#[test]
fn a_missing_and_a_stale_line_are_told() {
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let text = "| crate | why |\n|---|---|\n| `bytes` | shared |\n| `empty` |  |\n| `old` | was used |\n";
    assert_eq!(reasons(text), set(&["bytes", "old"]));
    assert_eq!(
        differences(&set(&["bytes", "url"]), &set(&["bytes", "url", "unused"]), &reasons(text)),
        [
            "`unused` has no reason: add a line to docs/DEPENDENCIES.md, or do without it.",
            "`url` has no reason: add a line to docs/DEPENDENCIES.md, or do without it.",
            "`old` is no dependency any more: delete its line in docs/DEPENDENCIES.md.",
        ]
    );
}

fn differences(
    used: &BTreeSet<String>,
    offered: &BTreeSet<String>,
    reasons: &BTreeSet<String>,
) -> Vec<String> {
    let direct: BTreeSet<String> = used | offered;
    let missing = direct
        .difference(reasons)
        .map(|name| format!("`{name}` has no reason: add a line to docs/DEPENDENCIES.md, or do without it."));
    let stale = reasons
        .difference(&direct)
        .map(|name| format!("`{name}` is no dependency any more: delete its line in docs/DEPENDENCIES.md."));
    missing.chain(stale).collect()
}

/// The first column of each row ``| `name` | reason |``.
fn reasons(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.filter(|(_, reason)| !reason.trim_matches(['|', ' ']).is_empty())
        .map(|(name, _)| name.to_owned())
        .collect()
}

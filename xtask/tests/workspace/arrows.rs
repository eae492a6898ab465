//! The direction of dependencies: model ◄ rules ◄ actions ◄ engine ◄ api ◄ server, and store beside them.

use std::collections::{BTreeMap, VecDeque};

use cargo_metadata::DependencyKind;

use crate::{METADATA, assert_none};

/// Each crate of the workspace and those it may use. `testkit` may also be used by tests, anywhere. What tortures the product sees
/// nothing of it; what measures it only what it runs in its own process.
const ARROWS: &[(&str, &[&str])] = &[
    ("metrics", &[]),
    ("model", &[]),
    ("rules", &["model"]),
    ("actions", &["model", "rules"]),
    ("store", &["metrics", "model"]),
    ("engine", &["metrics", "model", "rules", "actions", "store"]),
    ("api", &["metrics", "model", "rules", "actions", "store", "engine"]),
    ("server", &["model", "rules", "actions", "store", "engine", "api"]),
    ("testkit", &["model", "rules", "actions", "store", "engine", "api"]),
    ("torture", &["testkit"]),
    ("bench", &["rules", "testkit"]),
    ("xtask", &[]),
];

const TEST_ONLY: &str = "testkit";
/// Look at databases from outside.
const OUTSIDE: &[&str] = &[TEST_ONLY, "bench"];

const IO: &[&str] = &["tokio", "reqwest", "axum", "hyper", "rusqlite", "tokio-postgres"];

/// What a crate may not reach, not even through another one.
const NEVER_REACHES: &[(&str, &[&str])] = &[("model", IO), ("rules", IO), ("engine", &["axum"])];

/// What only one crate may name among its dependencies.
const ONLY_IN: &[(&str, &str)] = &[("rusqlite", "store"), ("tokio-postgres", "store")];

/// One line of some `[…dependencies]`. Third-party nodes carry their version: `tokio 1.47.0`.
struct Edge {
    from: String,
    to: String,
    kind: DependencyKind,
}

#[test]
fn every_arrow_points_the_right_way() {
    assert_none(&wrong_arrows(&edges(), &members()));
}

#[test]
fn no_crate_reaches_what_it_must_not_see() {
    assert_none(&wrong_reach(&edges()));
}

#[test]
fn a_wrong_arrow_is_told_in_a_sentence() {
    use DependencyKind::{Development, Normal};
    let edge = |from: &str, to: &str, kind| Edge { from: from.to_owned(), to: to.to_owned(), kind };
    let edges = [
        edge("rules", "store", Normal),
        edge("engine", "testkit", Normal),
        edge("store", "testkit", Development),
        edge("api", "rusqlite 0.39.0", Normal),
        edge("engine", "rusqlite 0.39.0", Development),
        edge("rules", "clock 1.0.0", Normal),
        edge("clock 1.0.0", "tokio 1.47.0", Normal),
        edge("model", "tokio 1.47.0", Development),
        edge("mailer", "model", Normal),
    ];
    let members = ["mailer", "rules", "engine"].map(str::to_owned);
    assert_eq!(
        wrong_arrows(&edges, &members),
        [
            "`mailer` is a new crate: give it a row in ARROWS (xtask/tests/workspace/arrows.rs) and in the \
             architecture.",
            "`rules` depends on `store`, but it may use only model. Move what it needs into a crate that it \
             may use, or have the caller pass it in.",
            "`engine` depends on `testkit` outside of its tests. Move the line to [dev-dependencies].",
            "`api` depends on `rusqlite`, which only `store` may use. Ask `store` for what you need through \
             a function of its own.",
        ]
    );
    assert_eq!(
        wrong_reach(&edges),
        [
            "`rules` must not see `tokio`, but reaches it: rules → clock 1.0.0 → tokio 1.47.0. Take the I/O to \
          a crate further out, or switch off the feature that brings it in."
        ]
    );
}

fn wrong_arrows(edges: &[Edge], members: &[String]) -> Vec<String> {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let unknown = members.iter().filter(|member| !arrows.contains_key(member.as_str())).map(|member| {
        format!(
            "`{member}` is a new crate: give it a row in ARROWS (xtask/tests/workspace/arrows.rs) and in \
             the architecture."
        )
    });
    let wrong = edges.iter().filter_map(|Edge { from, to, kind }| {
        let may_use = arrows.get(from.as_str())?;
        let to = name(to);
        if to == TEST_ONLY && !may_use.contains(&to) {
            return (*kind != DependencyKind::Development).then(|| {
                format!(
                    "`{from}` depends on `{to}` outside of its tests. Move the line to [dev-dependencies]."
                )
            });
        }
        if arrows.contains_key(to) && !may_use.contains(&to) {
            let list = if may_use.is_empty() { "no crate of ours".to_owned() } else { may_use.join(", ") };
            return Some(format!(
                "`{from}` depends on `{to}`, but it may use only {list}. Move what it needs into a crate \
                 that it may use, or have the caller pass it in."
            ));
        }
        // A test may look into the file itself: what it dumps must not go through what it tests.
        let is_wrong = |(package, owner): &&(&str, &str)| {
            to == *package
                && *owner != from
                && !OUTSIDE.contains(&from.as_str())
                && *kind != DependencyKind::Development
        };
        let owner = ONLY_IN.iter().find(is_wrong)?.1;
        Some(format!(
            "`{from}` depends on `{to}`, which only `{owner}` may use. Ask `{owner}` for what you need \
             through a function of its own."
        ))
    });
    unknown.chain(wrong).collect()
}

fn wrong_reach(edges: &[Edge]) -> Vec<String> {
    let sentences = NEVER_REACHES.iter().flat_map(|(from, never)| {
        paths_from(from, edges).into_iter().filter_map(move |path| {
            let reached = name(path.last()?);
            never.contains(&reached).then(|| {
                format!(
                    "`{from}` must not see `{reached}`, but reaches it: {}. Take the I/O to a crate further \
                     out, or switch off the feature that brings it in.",
                    path.join(" → ")
                )
            })
        })
    });
    sentences.collect()
}

/// The shortest path to each node that the built crate contains, along normal dependencies.
fn paths_from<'a>(start: &'a str, edges: &'a [Edge]) -> Vec<Vec<&'a str>> {
    let mut paths: BTreeMap<&str, Vec<&str>> = BTreeMap::from([(start, vec![start])]);
    let mut waiting = VecDeque::from([start]);
    while let Some(node) = waiting.pop_front() {
        let next = edges.iter().filter(|edge| edge.from == node && edge.kind == DependencyKind::Normal);
        for Edge { to, .. } in next {
            if !paths.contains_key(to.as_str()) {
                let path = paths[node].iter().copied().chain([to.as_str()]).collect();
                paths.insert(to, path);
                waiting.push_back(to);
            }
        }
    }
    paths.into_values().collect()
}

/// `tokio 1.47.0` is called `tokio`.
fn name(node: &str) -> &str {
    node.split(' ').next().unwrap_or(node)
}

fn members() -> Vec<String> {
    METADATA.workspace_packages().iter().map(|package| package.name.to_string()).collect()
}

fn edges() -> Vec<Edge> {
    let members = members();
    let label: BTreeMap<_, _> = METADATA
        .packages
        .iter()
        .map(|package| {
            let name = package.name.to_string();
            let label = if members.contains(&name) { name } else { format!("{name} {}", package.version) };
            (&package.id, label)
        })
        .collect();
    let resolve = METADATA.resolve.as_ref().expect("cargo metadata resolves unless told not to");
    let edges = resolve.nodes.iter().flat_map(|node| {
        node.deps.iter().flat_map(|dependency| {
            dependency.dep_kinds.iter().map(|kind| Edge {
                from: label[&node.id].clone(),
                to: label[&dependency.pkg].clone(),
                kind: kind.kind,
            })
        })
    });
    edges.collect()
}

//! The part of deny.toml that can be checked without cargo-deny: licences, bans, sources.

use std::collections::BTreeSet;

use crate::{METADATA, assert_none, read_toml};

/// deny.toml, as far as it is read here.
struct Policy {
    permitted: BTreeSet<String>,
    banned: BTreeSet<String>,
}

/// What is asked about one package.
struct Origin {
    name: String,
    licence: Option<String>,
    is_from_crates_io: bool,
}

#[test]
fn every_dependency_is_permitted_by_deny_toml() {
    let ours: BTreeSet<_> = METADATA.workspace_members.iter().collect();
    let resolve = METADATA.resolve.as_ref().expect("cargo metadata resolves unless told not to");
    let built: BTreeSet<_> = resolve.nodes.iter().map(|node| &node.id).collect();
    let origins: Vec<Origin> = METADATA
        .packages
        .iter()
        .filter(|package| built.contains(&package.id) && !ours.contains(&package.id))
        .map(|package| Origin {
            name: package.name.to_string(),
            licence: package.license.clone(),
            is_from_crates_io: package.source.as_ref().is_some_and(cargo_metadata::Source::is_crates_io),
        })
        .collect();
    assert!(origins.len() > 100, "found only {} packages, is the search broken?", origins.len());
    assert_none(&violations(&Policy::read(), &origins));
}

#[test]
fn an_offender_is_told_in_a_sentence() {
    let policy = Policy {
        permitted: ["MIT", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into(),
        banned: BTreeSet::from(["openssl-sys".to_owned()]),
    };
    let origin = |name: &str, licence: Option<&str>, is_from_crates_io| Origin {
        name: name.to_owned(),
        licence: licence.map(str::to_owned),
        is_from_crates_io,
    };
    let origins = [
        origin("fine", Some("GPL-3.0/MIT"), true),
        origin("copyleft", Some("MIT AND (GPL-3.0 OR AGPL-3.0)"), true),
        origin("silent", None, true),
        origin("openssl-sys", Some("MIT"), true),
        origin("forked", Some("Apache-2.0 WITH LLVM-exception OR GPL-3.0"), false),
    ];
    assert_eq!(
        violations(&policy, &origins),
        [
            "`copyleft` is under `MIT AND (GPL-3.0 OR AGPL-3.0)`, which deny.toml does not permit.",
            "`silent` names no licence.",
            "`openssl-sys` is banned by deny.toml: find the feature that brings it in with `cargo tree -i openssl-sys`.",
            "`forked` does not come from crates.io.",
        ]
    );
}

#[test]
fn licence_expressions_bind_as_spdx_says() {
    let permitted = BTreeSet::from(["A".to_owned(), "B".to_owned()]);
    let table = [
        ("A", true),
        ("X", false),
        ("A OR X", true),
        ("X OR A", true),
        ("A AND X", false),
        ("A AND B", true),
        ("X AND X OR A", true),
        ("A OR X AND X", true),
        ("(A OR X) AND X", false),
        ("(A OR X) AND B", true),
        ("X/A", true),
        ("A WITH exception", false),
        ("A AND", false),
        ("(A", false),
        ("", false),
    ];
    for (expression, expected) in table {
        assert_eq!(is_permitted(expression, &permitted), expected, "{expression}");
    }
}

fn violations(policy: &Policy, origins: &[Origin]) -> Vec<String> {
    let of_one = |Origin { name, licence, is_from_crates_io }: &Origin| {
        let licence = match licence {
            None => Some(format!("`{name}` names no licence.")),
            Some(expression) if is_permitted(expression, &policy.permitted) => None,
            Some(expression) => {
                Some(format!("`{name}` is under `{expression}`, which deny.toml does not permit."))
            }
        };
        let ban = policy.banned.contains(name).then(|| {
            format!(
                "`{name}` is banned by deny.toml: find the feature that brings it in with `cargo tree -i {name}`."
            )
        });
        let source = (!is_from_crates_io).then(|| format!("`{name}` does not come from crates.io."));
        [licence, ban, source].into_iter().flatten()
    };
    origins.iter().flat_map(of_one).collect()
}

/// Evaluates an SPDX expression, the old form with a slash included; a malformed one is not permitted.
fn is_permitted(expression: &str, permitted: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = Words { words: spaced.split_whitespace().collect(), permitted };
    words.any_of() == Some(true) && words.words.is_empty()
}

/// What is left of an expression. `None` from a method: malformed.
struct Words<'a> {
    words: Vec<&'a str>,
    permitted: &'a BTreeSet<String>,
}

impl<'a> Words<'a> {
    fn any_of(&mut self) -> Option<bool> {
        let mut result = self.all_of()?;
        while self.take_if("OR") {
            result |= self.all_of()?;
        }
        Some(result)
    }

    fn all_of(&mut self) -> Option<bool> {
        let mut result = self.one()?;
        while self.take_if("AND") {
            result &= self.one()?;
        }
        Some(result)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take_if("(") {
            let result = self.any_of();
            return if self.take_if(")") { result } else { None };
        }
        let mut licence = self.take()?.to_owned();
        if self.take_if("WITH") {
            licence = format!("{licence} WITH {}", self.take()?);
        }
        Some(self.permitted.contains(&licence))
    }

    fn take(&mut self) -> Option<&'a str> {
        (!self.words.is_empty()).then(|| self.words.remove(0))
    }

    fn take_if(&mut self, word: &str) -> bool {
        let is_next = self.words.first() == Some(&word);
        if is_next {
            self.words.remove(0);
        }
        is_next
    }
}

impl Policy {
    fn read() -> Self {
        let file = read_toml("deny.toml");
        let list = |section: &str, key: &str| {
            file[section][key].as_array().cloned().expect("deny.toml has this list")
        };
        let text = |value: &toml::Value| value.as_str().expect("a name in deny.toml is text").to_owned();
        Self {
            permitted: list("licenses", "allow").iter().map(text).collect(),
            banned: list("bans", "deny").iter().map(|ban| text(&ban["crate"])).collect(),
        }
    }
}

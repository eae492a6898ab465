//! Which workflows call which (`run_workflow`): what must be applied together, and what must not be deleted. Pure. What a template names is seen when it
//! runs, and not here.

use std::collections::{HashMap, HashSet};

use model::effect::WorkflowName;
use serde_json::Value;

/// Puts what calls one another into the same request, and as much as there is room for: places of the list, `most` to a request where that can be.
pub fn together(files: &[(&str, Vec<WorkflowName>)], most: usize) -> Vec<Vec<usize>> {
    let places: HashMap<&str, usize> = files.iter().enumerate().map(|(at, (key, _))| (*key, at)).collect();
    let mut bound = vec![Vec::new(); files.len()];
    for (caller, (_, names)) in files.iter().enumerate() {
        for name in names {
            let called = match name {
                WorkflowName::Key(key) => places.get(key.as_str()).copied(),
                // It is there already.
                WorkflowName::Id(_) => None,
            };
            if let Some(called) = called {
                bound[caller].push(called);
                bound[called].push(caller);
            }
        }
    }
    let (mut seen, mut requests) = (HashSet::new(), Vec::<Vec<usize>>::new());
    for first in 0..files.len() {
        let (mut group, mut pending) = (Vec::new(), vec![first]);
        while let Some(at) = pending.pop() {
            if seen.insert(at) {
                group.push(at);
                pending.extend(&bound[at]);
            }
        }
        group.sort_unstable();
        match requests.last_mut() {
            Some(last) if last.len() + group.len() <= most => {
                last.append(&mut group);
                last.sort_unstable();
            }
            _ if group.is_empty() => {}
            _ => requests.push(group),
        }
    }
    requests
}

/// The keys of stored workflows that these call, and what those call in turn.
pub fn called(callers: &[Vec<WorkflowName>], stored: &[Value]) -> HashSet<String> {
    let find = |name: &WorkflowName| {
        stored.iter().find(|one| match name {
            WorkflowName::Key(key) => one["key"] == key.as_str(),
            WorkflowName::Id(id) => one["id"] == id.get(),
        })
    };
    let mut called = HashSet::new();
    let mut pending: Vec<WorkflowName> = callers.iter().flatten().cloned().collect();
    while let Some(name) = pending.pop() {
        let Some(found) = find(&name) else { continue };
        let key = found["key"].as_str().unwrap_or_default();
        if called.insert(key.to_owned()) {
            pending.extend(api::callee::names(found));
            // What is published next may call it.
            pending.extend(api::callee::names(&found["draft"]));
        }
    }
    called
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn calls(name: &Value) -> Value {
        json!([{"id": "s1", "type": "run_workflow", "config": {"workflowId": name}}])
    }

    fn key(key: &str) -> WorkflowName {
        WorkflowName::Key(key.to_owned())
    }

    #[test]
    fn what_calls_one_another_is_applied_together() {
        let files = [
            ("a", vec![key("d")]),
            ("b", vec![]),
            ("c", vec![key("gone")]),
            ("d", vec![]),
            ("e", vec![key("b")]),
        ];
        assert_eq!(together(&files, 2), [vec![0, 3], vec![1, 4], vec![2]]);
        assert_eq!(together(&files, 4), [vec![0, 1, 3, 4], vec![2]]);
        assert_eq!(together(&files, 1), [vec![0, 3], vec![1, 4], vec![2]], "what cannot be parted is not");
        assert!(together(&[], 2).is_empty());
    }

    #[test]
    fn what_is_called_is_found_over_several_calls() {
        let stored = [
            json!({"id": 1, "key": "first", "actions": calls(&json!("second")), "draft": null}),
            json!({"id": 2, "key": "second", "actions": [], "onFailure": calls(&json!(3)), "draft": {"actions": calls(&json!("first"))}}),
            json!({"id": 3, "key": "third", "actions": calls(&json!("{{fourth}}"))}),
            json!({"id": 4, "key": "fourth", "actions": []}),
        ];
        let mut found: Vec<String> =
            called(&[vec![key("first"), key("gone")]], &stored).into_iter().collect();
        found.sort();
        assert_eq!(found, ["first", "second", "third"]);
    }
}

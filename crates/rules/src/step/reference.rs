//! What a step reads: the steps that must have run before, and what is known only when it runs.

use model::Problem;

use crate::{Path, suggest::nearest};

/// Adds a problem for each path that reads the output of a step that does not run before.
pub(crate) fn check_references<'p>(
    paths: impl IntoIterator<Item = (String, &'p Path)>,
    earlier: &[String],
    problems: &mut Vec<Problem>,
) {
    for (place, path) in paths {
        let Some(id) = path.step().filter(|id| !earlier.iter().any(|step| step == id)) else { continue };
        let instead = match (earlier, nearest(id, earlier.iter().map(String::as_str))) {
            ([], _) => "no step does".to_owned(),
            (_, Some(name)) => format!("did you mean \"{name}\"?"),
            (earlier, None) => format!("these do: {}", earlier.join(", ")),
        };
        problems
            .push(Problem::at(place, format!("{path} needs a step \"{id}\" that runs before: {instead}")));
    }
}

/// What a step reads besides the trigger data when it is performed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Steps whose outcome it reads.
    pub steps: Vec<String>,
    /// It reads all steps at once.
    pub all_steps: bool,
    /// It reads the execution's id or attempt.
    pub execution: bool,
    /// It reads the time.
    pub now: bool,
}

impl Reads {
    pub(super) fn note(&mut self, path: &Path) {
        match (path.root(), path.step()) {
            (Some("steps"), Some(id)) => self.steps.push(id.to_owned()),
            (Some("steps"), None) => self.all_steps = true,
            (Some("execution"), _) => self.execution = true,
            (Some("now"), _) => self.now = true,
            _ => {}
        }
    }
}

//! Regular expressions: linear-time, of bounded size, with errors that say what to do.

use regex::{Regex, RegexBuilder};

/// The longest pattern, in characters.
pub(crate) const MAX_LENGTH: usize = 2_000;
/// What a compiled pattern may take in memory: `(a{1000}){1000}` is refused, not tried.
const MAX_COMPILED: usize = 1 << 20;

/// Compiles a pattern.
pub(crate) fn compile(pattern: &str, case_sensitive: bool) -> Result<Regex, String> {
    if pattern.chars().count() > MAX_LENGTH {
        return Err(format!("the regular expression is longer than {MAX_LENGTH} characters"));
    }
    RegexBuilder::new(pattern)
        .case_insensitive(!case_sensitive)
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .nest_limit(100)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                "the regular expression is too large: use smaller repetition counts".to_owned()
            }
            error => describe(&error.to_string()),
        })
}

fn describe(error: &str) -> String {
    if error.contains("look-around") {
        return "look-ahead and look-behind such as (?=…) or (?<!…) are not supported: \
                use a second condition instead"
            .to_owned();
    }
    if error.contains("backreference") {
        return "back-references such as \\1 are not supported: write the text out".to_owned();
    }
    let cause = error.lines().rev().find_map(|line| line.trim().strip_prefix("error: ")).unwrap_or(error);
    format!("this is not a regular expression: {cause}")
}

//! "Did you mean": the known name nearest to a mistyped one.

/// The nearest of `known`, when it is near enough to be what was meant.
#[must_use]
pub fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let written = plain(written);
    if written.is_empty() || written.len() > 64 {
        return None;
    }
    let allowed = 1 + written.chars().count() / 4;
    known
        .into_iter()
        .map(|name| (distance(&written, &plain(name)), name))
        .filter(|(distance, _)| *distance <= allowed.min(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `, did you mean "x"?`, or nothing.
pub(crate) fn hint<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(written, known).map_or_else(String::new, |name| format!(", did you mean \"{name}\"?"))
}

/// Levenshtein distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

//! Comparing text without regard to case.
//!
//! Unicode full case folding, made from the standard library's tables by mapping each character to upper and then
//! to lower case: `STRASSE` and `Straße` fold alike, and so do all three sigmas. Two decisions of our own, for
//! people who search rather than for linguists: the Turkish `İ` and `ı` fold to `i`, so that `İSTANBUL` contains
//! `istanbul`. Accents count: `é` is not `e`, and composed and decomposed spellings differ.

const COMBINING_DOT_ABOVE: char = '\u{307}';
/// Up to here, comparing at every offset is cheaper than copying the text.
const SHORT: usize = 64;

/// The folded text.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len());
    let mut last = '\0';
    for character in text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase) {
        if character != COMBINING_DOT_ABOVE || last != 'i' {
            folded.push(character);
        }
        last = character;
    }
    folded
}

/// The two texts are the same but for case.
pub(crate) fn equal(left: &str, right: &str) -> bool {
    match (left.is_ascii(), right.is_ascii()) {
        (true, true) => left.eq_ignore_ascii_case(right),
        _ => fold(left) == fold(right),
    }
}

/// `text` contains `needle`, which is already folded.
pub(crate) fn contains(text: &str, needle: &str) -> bool {
    if needle.is_empty() {
        return true;
    }
    if !text.is_ascii() || text.len() > SHORT {
        return fold(text).contains(needle);
    }
    text.as_bytes().windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
}

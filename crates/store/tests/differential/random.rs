//! Chance that a seed decides, and what it chooses from: texts that databases have come to grief over.

use model::{Period, TenantId, Timestamp};
use serde_json::{Map, Value, json};

pub const ONE: TenantId = TenantId::new(1);
pub const TWO: TenantId = TenantId::new(2);

const TEXTS: &[&str] = &[
    "Ada",
    "ada",
    "Größe \"42\"",
    "O'Brien",
    "100% Çem_",
    "two\nlines",
    "日本語",
    " edges ",
    "back\\slash",
    "tab\there",
    "{\"a\": 1}",
    "?1 $1",
    "null",
    "😀",
    "É",
];
/// None with a capital letter beyond Z: whether those are the same address is the database's own view.
const EMAILS: &[&str] = &[
    "ada@example.com",
    "ADA@Example.com",
    "bob@example.com",
    "zoë@example.com",
    "grace@example.com",
    "kim@example.org",
];
const TAGS: &[&str] = &["vip", "a\"b", "north", "Größe", "VIP"];

/// SplitMix64: small, and good enough to come by everything.
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, not including, `end`.
    pub fn below(&mut self, end: i64) -> i64 {
        i64::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    pub fn percent(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[usize::try_from(self.below(i64::try_from(choices.len()).unwrap())).unwrap()]
    }

    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for at in (1..values.len()).rev() {
            let other = self.below(i64::try_from(at).unwrap() + 1);
            values.swap(at, usize::try_from(other).unwrap());
        }
    }

    pub fn sometimes<T>(&mut self, percent: i64, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.percent(percent).then(|| value(self))
    }

    pub fn tenant(&mut self) -> TenantId {
        if self.percent(75) { ONE } else { TWO }
    }

    /// One that is there, most often a young one; now and then one that is not.
    pub fn id(&mut self, newest: i64) -> i64 {
        match self.below(20) {
            0 => newest + 1,
            1..12 => (newest - self.below(6)).max(1),
            _ => 1 + self.below(newest),
        }
    }

    pub fn text(&mut self) -> String {
        (*self.pick(TEXTS)).to_owned()
    }

    pub fn email(&mut self) -> String {
        if self.percent(4) { "nobody".to_owned() } else { (*self.pick(EMAILS)).to_owned() }
    }

    pub fn zone(&mut self) -> String {
        if self.percent(4) {
            "Mars/Olympus".to_owned()
        } else {
            (*self.pick(&["Europe/Paris", "UTC"])).to_owned()
        }
    }

    pub fn tag(&mut self) -> String {
        (*self.pick(TAGS)).to_owned()
    }

    pub fn tags(&mut self) -> Vec<String> {
        let mut tags: Vec<String> = (0..self.below(3)).map(|_| self.tag()).collect();
        tags.dedup();
        tags
    }

    /// A document of any kind.
    pub fn document(&mut self) -> Value {
        match self.below(10) {
            0 => Value::Null,
            1 => json!(self.percent(50)),
            2 => json!(self.below(1_000_000_000_000) - 500),
            3 => json!([0.1, -2.5, 1e-7, 123_456.789_012]),
            4 | 5 => json!(self.text()),
            6 => json!(self.tags()),
            _ => {
                json!({"z": self.text(), "a": self.below(9), "nested": {"b": [1, {"c": null}], "a": self.percent(50)}})
            }
        }
    }

    pub fn object(&mut self) -> Map<String, Value> {
        (0..self.below(4)).map(|_| (self.text(), self.document())).collect()
    }

    pub fn moment(&mut self, now: Timestamp) -> Timestamp {
        let some = Period::from_millis(self.below(48 * 3_600_000)).unwrap();
        if self.percent(50) { now.plus(some) } else { now.minus(some) }
    }

    /// Some of the fields, with a value each.
    pub fn fields(&mut self, percent: i64, fields: &[(&str, Value)]) -> Map<String, Value> {
        let mut chosen: Map<String, Value> = Map::new();
        for (name, value) in fields {
            if self.percent(percent) {
                chosen.insert((*name).to_owned(), value.clone());
            }
        }
        chosen
    }
}

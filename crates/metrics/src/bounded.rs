//! Values for each of a bounded number of keys.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// A value for each of the first keys that are asked for, and one for all others together: whatever the number of tenants, the number of
/// time series is bounded, and a series that is there stays what it is.
///
/// An open hash table of atomics, never more than half full: to find a value takes no lock.
#[derive(Debug)]
pub struct Bounded<V> {
    slots: Box<[Slot<V>]>,
    taken: AtomicUsize,
    limit: AtomicUsize,
    other: V,
}

#[derive(Debug, Default)]
struct Slot<V> {
    /// [`NO_KEY`] as long as it is nobody's.
    key: AtomicI64,
    value: V,
}

/// Ids and statuses are positive.
const NO_KEY: i64 = 0;

impl<V: Default> Bounded<V> {
    /// Room for `most` keys.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let slots = (most.max(1) * 2).next_power_of_two();
        Self {
            slots: std::iter::repeat_with(Slot::default).take(slots).collect(),
            taken: AtomicUsize::new(0),
            limit: AtomicUsize::new(most),
            other: V::default(),
        }
    }

    /// From now on no further key gets a value of its own when so many have one; what was made room for is not exceeded.
    pub fn limit(&self, most: usize) {
        self.limit.store(most.min(self.slots.len() / 2), Ordering::Relaxed);
    }

    /// The key's value, or that of all others.
    pub fn get(&self, key: i64) -> &V {
        let mask = self.slots.len() - 1;
        // Ids follow each other: Fibonacci's multiplier spreads them.
        let start = (key.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize;
        for step in 0..self.slots.len() {
            let Some(slot) = self.slots.get((start + step) & mask) else { break };
            match slot.key.load(Ordering::Acquire) {
                found if found == key && key != NO_KEY => return &slot.value,
                NO_KEY if key == NO_KEY || !self.make_room() => break,
                NO_KEY => match slot.key.compare_exchange(NO_KEY, key, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => return &slot.value,
                    Err(found) => {
                        // Another thread took the slot in this moment, perhaps for the same key.
                        self.taken.fetch_sub(1, Ordering::Relaxed);
                        if found == key {
                            return &slot.value;
                        }
                    }
                },
                _ => {}
            }
        }
        &self.other
    }

    fn make_room(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let more = |taken| (taken < limit).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Every key that has a value of its own, ascending, and the value of all others (None).
    pub fn all(&self) -> Vec<(Option<i64>, &V)> {
        let known = self.slots.iter().map(|slot| (slot.key.load(Ordering::Acquire), &slot.value));
        let mut known: Vec<(i64, &V)> = known.filter(|(key, _)| *key != NO_KEY).collect();
        known.sort_unstable_by_key(|(key, _)| *key);
        let known = known.into_iter().map(|(key, value)| (Some(key), value));
        known.chain([(None, &self.other)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Counter;

    #[test]
    fn the_first_keys_have_a_value_of_their_own_and_all_others_share_one() {
        let tenants = Bounded::<Counter>::new(1_000);
        tenants.limit(100);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    // 50 come first, so that they have a value of their own whatever comes later.
                    for key in (1..=50).chain(1..=10_000) {
                        tenants.get(key).increment();
                    }
                });
            }
        });
        let all = tenants.all();
        let own: Vec<_> = all.iter().filter_map(|(key, count)| Some(((*key)?, count.get()))).collect();
        assert_eq!(own.len(), 100);
        assert!((1..=50).zip(&own).all(|(key, own)| *own == (key, 16)), "{own:?}");
        let total: u64 = all.iter().map(|(_, count)| count.get()).sum();
        assert_eq!(total, 8 * 10_050, "nothing is lost");
    }
}

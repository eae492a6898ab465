//! Which lane an operation goes through.
//!
//! As few lanes as there is work for: a transaction costs as much as several operations in it, so one lane that does twice as many at a time does more than two.
//! What is about the same as an operation that is not answered yet goes where that went, and so is done after it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// So many operations without an answer are for one lane to do; more are for the next, too.
const FEW: usize = 16;

/// The lanes, by their numbers.
#[derive(Debug)]
pub(super) struct Lanes(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Operations without an answer, lane by lane.
    unanswered: Vec<usize>,
    /// What they are about, with the lane and how many.
    subjects: HashMap<i64, (usize, usize)>,
}

/// An operation's place in a lane, which goes with it to its answer.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) lane: usize,
    subject: i64,
    state: Arc<Mutex<State>>,
}

impl Lanes {
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(State { unanswered: vec![0; count], subjects: HashMap::new() })))
    }

    /// The lane for an operation about `subject`.
    pub(super) fn take(&self, subject: i64) -> Seat {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let free = state.free();
        let (lane, count) = state.subjects.entry(subject).or_insert((free, 0));
        *count += 1;
        let lane = *lane;
        if let Some(unanswered) = state.unanswered.get_mut(lane) {
            *unanswered += 1;
        }
        Seat { lane, subject, state: Arc::clone(&self.0) }
    }
}

impl State {
    /// The first that has little to do; where none has, the one that has least.
    fn free(&self) -> usize {
        let lanes = self.unanswered.iter().enumerate();
        let with_few = lanes.clone().find(|(_, unanswered)| **unanswered < FEW);
        with_few.or_else(|| lanes.min_by_key(|(_, unanswered)| **unanswered)).map_or(0, |(lane, _)| lane)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unanswered) = state.unanswered.get_mut(self.lane) {
            *unanswered -= 1;
        }
        if let Some((_, count)) = state.subjects.get_mut(&self.subject) {
            *count -= 1;
            if *count == 0 {
                state.subjects.remove(&self.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_has_enough_to_do_before_the_next_and_one_subject_keeps_to_its_own() {
        let lanes = Lanes::new(2);
        let few: Vec<_> = (0..16).map(|subject| lanes.take(subject)).collect();
        assert!(few.iter().all(|seat| seat.lane == 0));
        let more: Vec<_> = (16..40).map(|subject| lanes.take(subject)).collect();
        let of = |lane: usize| few.iter().chain(&more).filter(|seat| seat.lane == lane).count();
        assert_eq!((of(0), of(1)), (20, 20));
        assert_eq!(lanes.take(17).lane, 1, "after the one that is under way");
        drop(few);
        assert_eq!(lanes.take(17).lane, 1, "also when the first has less to do");
        drop(more);
        assert_eq!(lanes.take(17).lane, 0);
        assert!(lanes.0.lock().unwrap().subjects.is_empty(), "nothing is kept of what is answered");
    }
}

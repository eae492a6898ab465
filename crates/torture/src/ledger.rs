//! The books of the run, kept outside of the system under test: what was offered and acknowledged, and which calls came in.
//!
//! One entry of a few bytes for each event, in a list by number: millions of them fit.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Milliseconds since the run began.
pub type Moment = u32;

/// Which of the two calls of an execution. `B` begins only after `A`'s row is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The first.
    A,
    /// The last step of all.
    B,
}

/// The calls of one step for one event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Calls {
    /// How many came.
    pub count: u16,
    /// How many of them were answered with a success.
    pub succeeded: u16,
    /// When the first came.
    pub first: Moment,
    /// When the last came.
    pub last: Moment,
    /// A digest of the first one's idempotency key.
    pub key: u64,
    /// Calls with another key than the first, or with none.
    pub other_keys: u16,
}

/// What is known of one event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    /// A server said that it has it.
    pub acknowledged: bool,
    /// When its main execution was seen to have ended; 0: not yet.
    pub ended: Moment,
    /// The first call.
    pub a: Calls,
    /// The last call.
    pub b: Calls,
}

/// A call of a step that was known to be completed when the call came.
#[derive(Debug, Clone, Copy)]
pub struct Repeat {
    /// The event's number.
    pub event: u32,
    /// The step.
    pub step: Step,
    /// When the call came.
    pub at: Moment,
    /// The process that made it, when it could be found.
    pub caller: Option<u32>,
    /// It came with the key of the first call.
    pub same_key: bool,
    /// The event's entry before this call.
    pub before: Entry,
}

/// A time during which a process stood still.
#[derive(Debug, Clone, Copy)]
pub struct Pause {
    /// The process.
    pub process: u32,
    /// When it was stopped.
    pub from: Moment,
    /// When it could go on.
    pub until: Moment,
}

/// Sums that the load and the progress line look at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sums {
    /// Events that a server has.
    pub acknowledged: u32,
    /// Of these, those whose last call is still to come.
    pub unfinished: i64,
    /// Events whose last call has come.
    pub finished: u32,
    /// All calls.
    pub calls: u64,
}

#[derive(Debug, Default)]
struct Books {
    entries: Vec<Entry>,
    sums: Sums,
    repeats: Vec<Repeat>,
    pauses: Vec<Pause>,
    oddities: Vec<String>,
}

/// Shared by everyone in this process.
#[derive(Debug)]
pub struct Ledger {
    begun: Instant,
    books: Mutex<Books>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { begun: Instant::now(), books: Mutex::default() }
    }
}

impl Ledger {
    /// The time of the run, never 0.
    #[must_use]
    pub fn now(&self) -> Moment {
        u32::try_from(self.begun.elapsed().as_millis()).unwrap_or(u32::MAX).max(1)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sums so far.
    #[must_use]
    pub fn sums(&self) -> Sums {
        self.books().sums
    }

    /// The number of a new event.
    pub fn offer(&self) -> u32 {
        let mut books = self.books();
        books.entries.push(Entry::default());
        u32::try_from(books.entries.len() - 1).unwrap_or(u32::MAX)
    }

    /// A server has the event; `calls` says whether calls follow.
    pub fn acknowledge(&self, event: u32, calls: bool) {
        let mut books = self.books();
        let Some(entry) = books.entries.get_mut(index(event)) else { return };
        if std::mem::replace(&mut entry.acknowledged, true) {
            return;
        }
        let is_open = calls && entry.b.succeeded == 0;
        books.sums.acknowledged += 1;
        books.sums.unfinished += i64::from(is_open);
    }

    /// A call came. Answers how many of its kind there were before, and what is wrong about it, if anything.
    pub fn call(&self, event: u32, step: Step, key: Option<u64>) -> (u16, Option<Repeat>) {
        let at = self.now();
        let mut books = self.books();
        books.sums.calls += 1;
        let Some(entry) = books.entries.get_mut(index(event)) else {
            books.oddities.push(format!("a call came for e{event}, which was never offered"));
            return (0, None);
        };
        let before = *entry;
        let calls = match step {
            Step::A => &mut entry.a,
            Step::B => &mut entry.b,
        };
        let count = calls.count;
        if count == 0 {
            calls.first = at;
            calls.key = key.unwrap_or_default();
        }
        let same_key = key == Some(calls.key);
        calls.other_keys += u16::from(!same_key);
        calls.count = count.saturating_add(1);
        calls.last = at;
        let is_completed = match step {
            // The last step begins only when the first one's row is committed: that is proof from outside.
            Step::A => before.b.count > 0 || before.ended > 0,
            Step::B => before.ended > 0,
        };
        (count, is_completed.then_some(Repeat { event, step, at, caller: None, same_key, before }))
    }

    /// The call is answered with a success.
    pub fn succeed(&self, event: u32, step: Step) {
        let mut books = self.books();
        let Some(entry) = books.entries.get_mut(index(event)) else { return };
        let calls = match step {
            Step::A => &mut entry.a,
            Step::B => &mut entry.b,
        };
        calls.succeeded = calls.succeeded.saturating_add(1);
        if step == Step::B && calls.succeeded == 1 {
            let was_open = entry.acknowledged;
            books.sums.finished += 1;
            books.sums.unfinished -= i64::from(was_open);
        }
    }

    /// Keeps a repeat for the audit.
    pub fn repeated(&self, repeat: Repeat) {
        self.books().repeats.push(repeat);
    }

    /// The main execution of each event has been seen to have ended.
    pub fn ended(&self, events: &[u32]) {
        let now = self.now();
        let mut books = self.books();
        for event in events {
            if let Some(entry) = books.entries.get_mut(index(*event))
                && entry.ended == 0
            {
                entry.ended = now;
            }
        }
    }

    /// Keeps that a process stood still.
    pub fn paused(&self, pause: Pause) {
        self.books().pauses.push(pause);
    }

    /// Keeps a sentence about something that no promise allows.
    pub fn odd(&self, sentence: String) {
        self.books().oddities.push(sentence);
    }

    /// Everything, for the audit.
    #[must_use]
    pub fn closed(&self) -> Closed {
        let books = self.books();
        Closed {
            entries: books.entries.clone(),
            repeats: books.repeats.clone(),
            pauses: books.pauses.clone(),
            oddities: books.oddities.clone(),
        }
    }
}

/// The books at the end.
#[derive(Debug, Default)]
pub struct Closed {
    /// By number.
    pub entries: Vec<Entry>,
    /// Calls of completed steps.
    pub repeats: Vec<Repeat>,
    /// Times during which a process stood still.
    pub pauses: Vec<Pause>,
    /// Sentences about what no promise allows.
    pub oddities: Vec<String>,
}

/// After a pause a process sends what it was about to send at once; later it is something new.
const STRAGGLING: Moment = 2_000;
/// What came so shortly after a process was stopped may still have been its own.
const ON_ITS_WAY: Moment = 200;

impl Closed {
    /// A process that is stopped between its decision to call and the first byte on the wire makes the call when it goes on, however long that
    /// took: no fence of the sender can hold it, only the receiver's memory of keys. That is the call in flight at a crash, which
    /// may repeat: one for each step and pause, at once, with the same key, and only if the step was in flight at the stop.
    ///
    /// `earlier`: repeats that were excused before.
    #[must_use]
    pub fn was_in_flight(&self, repeat: &Repeat, earlier: &[Repeat]) -> bool {
        let Some(caller) = repeat.caller.filter(|_| repeat.same_key) else { return false };
        let excuse = self.pauses.iter().find(|pause| {
            pause.process == caller && (pause.until..=pause.until + STRAGGLING).contains(&repeat.at)
        });
        let Some(pause) = excuse else { return false };
        let before = &repeat.before;
        let was_under_way = match repeat.step {
            // The last call before the stop: then the first step was completed already.
            Step::A => before.b.count == 0 || before.b.first > pause.from + ON_ITS_WAY,
            // Somebody else made the first call while the process stood still: then the last step cannot have been its own yet.
            Step::B => !(pause.from + ON_ITS_WAY..pause.until).contains(&before.a.last),
        };
        let is_first = !earlier.iter().any(|other| {
            (other.event, other.caller) == (repeat.event, repeat.caller) && other.at >= pause.until
        });
        was_under_way && is_first
    }
}

fn index(event: u32) -> usize {
    usize::try_from(event).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(first: Moment, last: Moment) -> Calls {
        Calls { count: 1, succeeded: 1, first, last, key: 7, other_keys: 0 }
    }

    #[test]
    fn only_the_step_in_flight_at_a_stop_may_come_again() {
        let pause = Pause { process: 11, from: 1_000, until: 14_000 };
        let books = Closed { pauses: vec![pause], ..Closed::default() };
        let taken_over =
            Entry { acknowledged: true, ended: 12_500, a: calls(11_500, 11_500), b: calls(12_000, 12_000) };
        let repeat = Repeat {
            event: 1,
            step: Step::A,
            at: 14_010,
            caller: Some(11),
            same_key: true,
            before: taken_over,
        };
        let b = Repeat { step: Step::B, ..repeat };
        // It was about to make the first call, somebody else made it, and it makes it when it goes on.
        assert!(books.was_in_flight(&repeat, &[]));
        // And then nothing else.
        assert!(!books.was_in_flight(&b, &[repeat]));
        assert!(!books.was_in_flight(&Repeat { at: 14_500, ..repeat }, &[repeat]));
        // A last call after somebody else's first one was decided after the pause.
        assert!(!books.was_in_flight(&b, &[]));
        let alone = Entry { a: calls(900, 900), ..taken_over };
        assert!(books.was_in_flight(&Repeat { before: alone, ..b }, &[]));
        // A first call after a last one from before the stop was decided wrongly.
        let done = Entry { a: calls(800, 800), b: calls(900, 900), ..taken_over };
        assert!(!books.was_in_flight(&Repeat { before: done, ..repeat }, &[]));
        // Late, another's, unknown, or with another key.
        for wrong in [
            Repeat { at: 17_000, ..repeat },
            Repeat { at: 13_000, ..repeat },
            Repeat { caller: Some(12), ..repeat },
            Repeat { caller: None, ..repeat },
            Repeat { same_key: false, ..repeat },
        ] {
            assert!(!books.was_in_flight(&wrong, &[]), "{wrong:?}");
        }
    }
}

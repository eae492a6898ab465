//! The load: so many connections that each post again as soon as they are answered, or one event after another at a fixed rate.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::task::LocalSet;

use crate::{http::Connection, latency::Latencies};

/// What was answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// How long each acknowledgement took.
    pub latencies: Latencies,
    /// Requests that were acknowledged.
    pub accepted: u64,
    /// 429 and 503.
    pub busy: u64,
    /// Those of them that said when to come back.
    pub busy_with_advice: u64,
    /// Anything else: the first of them.
    pub failure: Option<String>,
    /// How long the load ran.
    pub took: Duration,
}

impl Answers {
    fn add(&mut self, took: Duration, answer: Result<crate::http::Answer, String>) -> bool {
        match answer {
            Ok(answer) if (200..300).contains(&answer.status) => {
                self.accepted += 1;
                self.latencies.add(took);
            }
            Ok(answer) if matches!(answer.status, 429 | 503) => {
                self.busy += 1;
                self.busy_with_advice +=
                    u64::from(crate::http::header(answer.head.as_bytes(), "retry-after").is_some());
            }
            Ok(answer) => {
                let said = String::from_utf8_lossy(&answer.body).into_owned();
                self.failure.get_or_insert(format!("{}: {said}", answer.status));
            }
            Err(error) => {
                self.failure.get_or_insert(error);
                return false;
            }
        }
        true
    }

    /// The answers, unless something other than "busy" went wrong.
    ///
    /// # Errors
    /// The first failure.
    pub fn sound(self) -> Result<Self, String> {
        match &self.failure {
            None => Ok(self),
            Some(failure) => Err(format!("the server refused the load: {failure}")),
        }
    }
}

/// What to send until a time is over, which begins with the first request: connecting comes before.
pub fn lasting(duration: Duration, mut make: impl FnMut() -> Vec<u8>) -> impl FnMut() -> Option<Vec<u8>> {
    let mut begun = None;
    move || (begun.get_or_insert_with(Instant::now).elapsed() < duration).then(&mut make)
}

/// What to send so often.
pub fn times(count: u32, mut make: impl FnMut() -> Vec<u8>) -> impl FnMut() -> Option<Vec<u8>> {
    let mut left = count;
    move || {
        left = left.checked_sub(1)?;
        Some(make())
    }
}

/// So many clients, each posting what `next` gives it as soon as it is answered, until there is nothing more.
///
/// # Errors
/// When no connection can be made.
pub async fn closed(
    port: u16,
    connections: usize,
    mut next: impl FnMut() -> Option<Vec<u8>> + 'static,
) -> Result<Answers, String> {
    run(port, connections, move || next().map(|request| (request, None))).await
}

/// So many requests a second whatever the server does. When no connection is free at a request's time, its latency counts from
/// that time on all the same: a server that stands still for a moment is seen by all that would have come.
///
/// # Errors
/// When no connection can be made.
pub async fn open(
    port: u16,
    rate: u32,
    mut next: impl FnMut() -> Option<Vec<u8>> + 'static,
) -> Result<Answers, String> {
    const CONNECTIONS: usize = 128;
    let gap = Duration::from_secs(1) / rate.max(1);
    let mut due = Instant::now();
    run(port, CONNECTIONS, move || {
        due += gap;
        next().map(|request| (request, Some(due)))
    })
    .await
}

async fn run(
    port: u16,
    connections: usize,
    next: impl FnMut() -> Option<(Vec<u8>, Option<Instant>)> + 'static,
) -> Result<Answers, String> {
    let next = Rc::new(RefCell::new(next));
    let answers = Rc::new(RefCell::new(Answers::default()));
    let begun = Instant::now();
    let local = LocalSet::new();
    for _ in 0..connections {
        let (next, answers) = (Rc::clone(&next), Rc::clone(&answers));
        let mut connection = Connection::open(port).await?;
        local.spawn_local(async move {
            loop {
                let Some((request, due)) = (next.borrow_mut())() else { return };
                let late = due.filter(|due| *due <= Instant::now());
                if let Some(due) = due.filter(|_| late.is_none()) {
                    tokio::time::sleep_until(due.into()).await;
                }
                let begun = late.unwrap_or_else(Instant::now);
                let answer = connection.exchange(&request).await;
                if !answers.borrow_mut().add(begun.elapsed(), answer) {
                    return;
                }
            }
        });
    }
    local.await;
    let mut answers = answers.take();
    answers.took = begun.elapsed();
    Ok(answers)
}

use std::{
    future::{pending, ready},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use futures_util::FutureExt;
use tokio::task::yield_now;

use super::*;

const HOST: &str = "https://example.com";
const ONE: TenantId = TenantId::new(1);
const TWO: TenantId = TenantId::new(2);

/// Answers, and keeps how things stood when it was asked.
struct Witness {
    hosts: Hosts,
    may: AtomicBool,
    asked: AtomicUsize,
    seen: Mutex<Option<Standing>>,
}

impl Witness {
    fn new(hosts: &Hosts) -> Self {
        let (asked, seen) = (AtomicUsize::new(0), Mutex::default());
        Self { hosts: hosts.clone(), may: AtomicBool::new(true), asked, seen }
    }

    fn gate(&self, tenant: TenantId) -> Gate<'_> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        Gate::Line { hosts: &self.hosts, tenant, permission: self, deadline }
    }
}

impl Permission for Witness {
    fn ask(&self) -> BoxFuture<'_, Result<(), ActionError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        *self.seen.lock().unwrap() = Some(self.hosts.standing());
        let may = self.may.load(Ordering::SeqCst);
        let answer =
            if may { Ok(()) } else { Err(ActionError::new(ErrorKind::Connection, "it was taken over")) };
        ready(answer).boxed()
    }
}

fn unanswered() -> impl Future<Output = Result<(), ActionError>> {
    ready(Err(ActionError::new(ErrorKind::Timeout, "did not answer")))
}

#[tokio::test]
async fn whoever_has_its_turn_is_asked_and_calls_at_once() {
    let hosts = Hosts::new(4);
    let (first, second) = (Witness::new(&hosts), Witness::new(&hosts));
    let called = AtomicBool::new(false);
    let mut hanging = Box::pin(first.gate(ONE).through(HOST, pending::<Result<(), _>>()));
    assert!(hanging.as_mut().now_or_never().is_none());
    for may in [true, false] {
        second.may.store(may, Ordering::SeqCst);
        called.store(false, Ordering::SeqCst);
        let before = second.asked.load(Ordering::SeqCst);
        let mut waiting = Box::pin(second.gate(ONE).through(HOST, async {
            called.store(true, Ordering::SeqCst);
            Ok(())
        }));
        assert!(waiting.as_mut().now_or_never().is_none());
        let (under_way, in_line) = (hosts.standing().under_way, hosts.standing().in_line);
        assert_eq!(
            (under_way, in_line, second.asked.load(Ordering::SeqCst)),
            (1, 1, before),
            "not asked in the line"
        );
        drop(hanging);
        let answer = waiting.await;
        assert_eq!(second.asked.load(Ordering::SeqCst), before + 1);
        let seen = second.seen.lock().unwrap().unwrap();
        assert_eq!((seen.under_way, seen.in_line), (1, 0), "it had its turn when it was asked");
        assert_eq!((answer.is_ok(), called.load(Ordering::SeqCst)), (may, may));
        assert_eq!(hosts.standing(), Standing::default(), "and what nobody needs is given back");
        hanging = Box::pin(first.gate(ONE).through(HOST, pending()));
        assert!(hanging.as_mut().now_or_never().is_none());
    }
}

#[tokio::test]
async fn nobody_takes_all() {
    let hosts = Hosts::new(8);
    let witness = Witness::new(&hosts);
    let mut calls = Vec::new();
    let mut call = |tenant: TenantId, host: &'static str| {
        let mut call = Box::pin(witness.gate(tenant).through(host, pending::<Result<(), _>>()));
        let answer = call.as_mut().now_or_never();
        let said = match answer {
            None => "waits or calls".to_owned(),
            Some(answer) => answer.unwrap_err().to_string(),
        };
        calls.push(call);
        said
    };
    let mut lines = Vec::new();
    for (tenant, host, times) in [
        (ONE, "a", 5),
        (TWO, "a", 2),
        (ONE, "b", 2),
        (ONE, "c", 2),
        (ONE, "d", 1),
        (TWO, "d", 2),
        (TWO, "a", 1),
    ] {
        for _ in 0..times {
            lines.push(format!("tenant {tenant} calls {host}: {}", call(tenant, host)));
        }
    }
    lines.dedup();
    assert_eq!(
        lines,
        [
            "tenant 1 calls a: waits or calls",
            "tenant 2 calls a: waits or calls",
            "tenant 2 calls a: a has other calls to answer first",
            "tenant 1 calls b: waits or calls",
            "tenant 1 calls c: waits or calls",
            "tenant 1 calls d: d is called when other calls of this tenant have ended",
            "tenant 2 calls d: waits or calls",
            "tenant 2 calls a: a has other calls to answer first",
        ]
    );
    // Two at each host; the others in line for the first.
    assert_eq!(hosts.standing(), Standing { under_way: 8, in_line: 4, ..Standing::default() });
}

/// Calls to it have just ended one after the other: nobody waits there for long, so nobody is put off.
#[tokio::test]
async fn a_host_that_is_quick_has_a_longer_line() {
    let hosts = Hosts::new(8);
    let witness = Witness::new(&hosts);
    for _ in 0..50 {
        assert_eq!(witness.gate(ONE).through(HOST, ready(Ok(7))).await, Ok(7));
    }
    let mut calls: Vec<_> =
        (0..20).map(|_| Box::pin(witness.gate(ONE).through(HOST, pending::<Result<(), _>>()))).collect();
    assert!(calls.iter_mut().all(|call| call.as_mut().now_or_never().is_none()));
    assert_eq!(hosts.standing(), Standing { under_way: 2, in_line: 18, ..Standing::default() });
}

#[tokio::test]
async fn a_host_that_does_not_answer_one_tenant_is_left_alone_by_it() {
    let hosts = Hosts::new(4);
    let witness = Witness::new(&hosts);
    // In line while others find that the host does not answer.
    let mut hanging = Box::pin(witness.gate(TWO).through(HOST, pending::<Result<(), _>>()));
    assert!(hanging.as_mut().now_or_never().is_none());
    for _ in 0..circuit::FAILURES - 1 {
        let mut late = Box::pin(witness.gate(ONE).through(HOST, unanswered()));
        assert!(late.as_mut().now_or_never().is_none());
        drop(hanging);
        assert_eq!(late.await.unwrap_err().kind, ErrorKind::Timeout);
        hanging = Box::pin(witness.gate(TWO).through(HOST, pending()));
        assert!(hanging.as_mut().now_or_never().is_none());
    }
    let (mut fifth, mut sixth) = (
        Box::pin(witness.gate(ONE).through(HOST, unanswered())),
        Box::pin(witness.gate(ONE).through(HOST, pending::<Result<(), _>>())),
    );
    assert!(fifth.as_mut().now_or_never().is_none() && sixth.as_mut().now_or_never().is_none());
    drop(hanging);
    assert_eq!(fifth.await.unwrap_err().kind, ErrorKind::Timeout);
    yield_now().await;
    let put_off = sixth.await.unwrap_err();
    assert_eq!(
        (put_off.kind, put_off.to_string().as_str()),
        (ErrorKind::Down, "https://example.com is not answering")
    );
    assert!(put_off.retry_after.unwrap_or_default() > Period::seconds(8));
    assert_eq!(hosts.standing(), Standing { open: 1, opened: 1, ..Standing::default() });
    // Another tenant's calls are its own.
    assert_eq!(witness.gate(TWO).through(HOST, ready(Ok(7))).await, Ok(7));
    // An answer of another kind, and a call that nobody waits for any more, say nothing against a host.
    for _ in 0..circuit::FAILURES {
        let refused = ready(Err::<(), _>(ActionError::refused("no")));
        witness.gate(TWO).through(HOST, refused).await.unwrap_err();
        drop(witness.gate(TWO).through(HOST, pending::<Result<(), ActionError>>()).now_or_never());
    }
    assert_eq!(hosts.standing().open, 1);
}

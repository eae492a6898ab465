//! How many calls are under way to each host, and whether it answers: shared by all steps of the process, so that a slow or dead host takes a
//! part of the workers at most.
//!
//! A host (scheme, name and port) has a quarter of the workers, and its line is twice as long again, or longer while calls to it end so quickly that nobody waits there for long; calls of one tenant, whatever their hosts, have
//! three quarters. A call that finds no room waits for a moment in the line; where that is full, too, or the host does not answer, it is put off: the step is
//! tried again later and holds no worker meanwhile. Whether a host answers is known for each tenant by itself: what one tenant calls there, and for how long
//! it waits, says nothing to another.
//!
//! The order of things is the point of [`Gate::through`]. A [`Leave`] is had first, which may take a moment; only then, and with nothing in between but the
//! call itself, is it asked whether the caller may still act. A node that stood still in the line would otherwise call for work that is another's by now. The
//! types hold to it: a call needs a [`Call`], and only a `Leave` whose [`Permission`] was asked becomes one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use model::{Period, TenantId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::action::{ActionError, ErrorKind};

mod circuit;
mod pace;

use circuit::Circuit;
use pace::Pace;

/// How long a call waits for others to the same host before it is put off.
const MOMENT: Duration = Duration::from_millis(250);
/// Hosts that are remembered: beyond that, those that are not called and whose pause is over are forgotten.
const MANY: usize = 4_096;

/// Says at the last moment whether the caller may still act outside.
pub trait Permission: Send + Sync {
    /// Asks.
    ///
    /// # Errors
    /// Why the call may not be made.
    fn ask(&self) -> BoxFuture<'_, Result<(), ActionError>>;
}

/// What calls of one step pass on their way out.
#[derive(Clone, Copy)]
pub enum Gate<'a> {
    /// A person waits for the answer: the call goes out at once, whatever is known of the host.
    Open,
    /// The call takes its turn.
    Line {
        /// Whose turns.
        hosts: &'a Hosts,
        /// Whose call.
        tenant: TenantId,
        /// Asked when it is the call's turn.
        permission: &'a dyn Permission,
        /// When the step's time is over: a call that is under way then was not answered.
        deadline: tokio::time::Instant,
    },
}

impl std::fmt::Debug for Gate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Line { .. } => "Line",
        })
    }
}

impl Gate<'_> {
    /// Makes the call `exchange` to `host` when it is its turn and the caller may still act; nothing of it happens before.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] or [`ErrorKind::Down`] when it was not made and is to be put off; the permission's reason; the call's own.
    pub(crate) async fn through<T>(
        self,
        host: &str,
        exchange: impl Future<Output = Result<T, ActionError>>,
    ) -> Result<T, ActionError> {
        let Self::Line { hosts, tenant, permission, deadline } = self else { return exchange.await };
        let leave = hosts.leave(tenant, host).await?;
        let call = leave.confirmed(permission).await?;
        let answer = tokio::time::timeout_at(deadline, exchange).await.unwrap_or_else(|_| {
            let message = format!("{host} did not answer within the step's time");
            Err(ActionError { perhaps_done: true, ..ActionError::new(ErrorKind::Timeout, message) })
        });
        call.ended(answer.as_ref().err());
        answer
    }
}

/// The hosts that are being called, or do not answer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hosts {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    share: usize,
    epoch: Instant,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    hosts: HashMap<String, Host>,
    /// Calls under way.
    tenants: HashMap<TenantId, usize>,
    opened: u64,
}

#[derive(Debug)]
struct Host {
    room: Arc<Semaphore>,
    /// Calls under way or in line.
    calls: usize,
    pace: Pace,
    /// Those that are not as at the beginning.
    circuits: HashMap<TenantId, Circuit>,
}

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Hosts that are left alone for a while, counted once for each tenant that calls them.
    pub open: usize,
    /// Those of which one call is trying whether they answer again.
    pub half_open: usize,
    /// Calls under way.
    pub under_way: usize,
    /// Calls that wait for their turn.
    pub in_line: usize,
    /// How often a host was found not to answer since the process began.
    pub opened: u64,
}

/// A call's turn.
#[derive(Debug)]
struct Leave {
    hosts: Hosts,
    host: String,
    tenant: TenantId,
    /// Held to the end; none while it waits, and for a trial.
    permit: Option<OwnedSemaphorePermit>,
    /// Counted among the tenant's.
    is_under_way: bool,
    is_trial: bool,
    says: Says,
}

/// A call that may be made now.
#[derive(Debug)]
struct Call(Leave);

/// What the end of a call says of its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    Answered,
    Unanswered,
}

impl Hosts {
    /// Shares so many workers out.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        let share = workers.div_ceil(4).max(1);
        Self { shared: Arc::new(Shared { share, epoch: Instant::now(), known: Mutex::default() }) }
    }

    /// How things stand.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let known = self.known();
        let mut standing = Standing { opened: known.opened, ..Standing::default() };
        for host in known.hosts.values() {
            let is = |state: fn(&Circuit) -> bool| host.circuits.values().filter(|one| state(one)).count();
            standing.open += is(|circuit| matches!(circuit, Circuit::Open { .. }));
            let trials = is(|circuit| matches!(circuit, Circuit::HalfOpen { .. }));
            standing.half_open += trials;
            // A trial is under way without a permit.
            let under_way = self.shared.share - host.room.available_permits() + trials;
            standing.under_way += under_way;
            standing.in_line += host.calls.saturating_sub(under_way);
        }
        standing
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.shared.epoch.elapsed()
    }

    /// The tenant's turn to call that host.
    async fn leave(&self, tenant: TenantId, name: &str) -> Result<Leave, ActionError> {
        let (mut leave, room) = self.join(tenant, name)?;
        // Whoever tries a host goes ahead of those who still wait for its answer.
        if !leave.is_trial {
            let permit = tokio::time::timeout(MOMENT, room.acquire_owned()).await;
            leave.permit = permit.map_err(|_| busy(name))?.ok();
        }
        self.depart(&mut leave)?;
        Ok(leave)
    }

    /// Takes a place in the line.
    fn join(&self, tenant: TenantId, name: &str) -> Result<(Leave, Arc<Semaphore>), ActionError> {
        let (share, now) = (self.shared.share, self.now());
        let mut known = self.known();
        let hosts = &mut known.hosts;
        if hosts.len() >= MANY && !hosts.contains_key(name) {
            hosts.retain(|_, host| host.calls > 0 || host.circuits.values().any(|one| one.is_paused(now)));
        }
        let new = || Host {
            room: Arc::new(Semaphore::new(share)),
            calls: 0,
            pace: Pace::default(),
            circuits: HashMap::new(),
        };
        let host = hosts.entry(name.to_owned()).or_insert_with(new);
        // A host that is quick asks nobody to wait for long, so its line may be as long as it likes.
        if host.calls >= 3 * share && !host.pace.is_quick(host.calls, now) {
            return Err(busy(name));
        }
        let is_trial = host.admit(tenant, now).map_err(|until| down(name, until, now))?;
        if host.calls == 0 {
            host.pace = host.pace.begun(now);
        }
        host.calls += 1;
        let (room, host) = (Arc::clone(&host.room), name.to_owned());
        let leave = Leave {
            hosts: self.clone(),
            host,
            tenant,
            permit: None,
            is_under_way: false,
            is_trial,
            says: Says::Nothing,
        };
        Ok((leave, room))
    }

    /// Leaves the line.
    fn depart(&self, leave: &mut Leave) -> Result<(), ActionError> {
        let (mut known, now) = (self.known(), self.now());
        let known = &mut *known;
        if !leave.is_trial
            && let Some(host) = known.hosts.get_mut(&leave.host)
        {
            // It may have been found not to answer meanwhile.
            let admitted = host.admit(leave.tenant, now);
            leave.is_trial = admitted.map_err(|until| down(&leave.host, until, now))?;
        }
        let calls = known.tenants.entry(leave.tenant).or_default();
        if *calls >= 3 * self.shared.share {
            let name = &leave.host;
            let why = format!("{name} is called when other calls of this tenant have ended");
            return Err(ActionError::new(ErrorKind::Busy, why));
        }
        *calls += 1;
        leave.is_under_way = true;
        Ok(())
    }
}

impl Host {
    fn circuit(&self, tenant: TenantId) -> Circuit {
        self.circuits.get(&tenant).copied().unwrap_or(Circuit::NEW)
    }

    fn becomes(&mut self, tenant: TenantId, circuit: Circuit) {
        if circuit == Circuit::NEW {
            self.circuits.remove(&tenant);
        } else {
            self.circuits.insert(tenant, circuit);
        }
    }

    /// Whether the call is a trial.
    ///
    /// # Errors
    /// When to ask again.
    fn admit(&mut self, tenant: TenantId, now: Duration) -> Result<bool, Duration> {
        let circuit = self.circuit(tenant).admit(now)?;
        self.becomes(tenant, circuit);
        Ok(matches!(circuit, Circuit::HalfOpen { .. }))
    }
}

fn busy(name: &str) -> ActionError {
    ActionError::new(ErrorKind::Busy, format!("{name} has other calls to answer first"))
}

fn down(name: &str, until: Duration, now: Duration) -> ActionError {
    let seconds = u32::try_from(until.saturating_sub(now).as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    let error = ActionError::new(ErrorKind::Down, format!("{name} is not answering"));
    ActionError { retry_after: Some(Period::seconds(seconds)), ..error }
}

impl Leave {
    /// Becomes the call, when the caller may act at this very moment.
    async fn confirmed(self, permission: &dyn Permission) -> Result<Call, ActionError> {
        permission.ask().await?;
        Ok(Call(self))
    }
}

impl Call {
    /// It has ended so. An answer of any kind shows that the host is there; what was not even sent says nothing. Dropped without this, as when the
    /// execution was cancelled, it says nothing either.
    fn ended(mut self, error: Option<&ActionError>) {
        self.0.says = match error.map(|error| error.kind) {
            None | Some(ErrorKind::Status(_) | ErrorKind::Unavailable) => Says::Answered,
            Some(ErrorKind::Connection | ErrorKind::Timeout) => Says::Unanswered,
            Some(
                ErrorKind::InvalidConfig
                | ErrorKind::Refused
                | ErrorKind::Busy
                | ErrorKind::Down
                | ErrorKind::Paced
                | ErrorKind::Parked
                | ErrorKind::Panicked,
            ) => Says::Nothing,
        };
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let now = self.hosts.now();
        let mut known = self.hosts.known();
        let known = &mut *known;
        if self.is_under_way
            && let Some(calls) = known.tenants.get_mut(&self.tenant)
        {
            *calls -= 1;
            if *calls == 0 {
                known.tenants.remove(&self.tenant);
            }
        }
        let Some(host) = known.hosts.get_mut(&self.host) else { return };
        host.calls -= 1;
        if self.is_under_way {
            host.pace = host.pace.ended(now);
        }
        let before = host.circuit(self.tenant);
        let after = match self.says {
            Says::Nothing if self.is_trial => before.untried(now),
            Says::Nothing => before,
            Says::Answered => before.answered(),
            Says::Unanswered => before.unanswered(now),
        };
        host.becomes(self.tenant, after);
        let (tenant, name) = (self.tenant, &self.host);
        match (before, after) {
            (Circuit::Closed { .. }, Circuit::Open { .. }) => {
                known.opened += 1;
                tracing::warn!(%tenant, host = name, "a host does not answer; calls to it are put off");
            }
            (Circuit::Open { .. } | Circuit::HalfOpen { .. }, Circuit::Closed { .. }) => {
                tracing::info!(%tenant, host = name, "a host answers again");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;

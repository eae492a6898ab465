//! Who is called: a receiver that writes down each call and mostly answers at once.
//!
//! `/a/e17` is the first call for event 17, `/b/e17` the last. It has a thread of its own, so that the order in which it sees the
//! calls is the order in which they came, however busy the rest of this process is.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::StatusCode,
};

use crate::{
    ledger::{Ledger, Step},
    process,
    random::Random,
    scenario,
};

/// Of a thousand calls so many are answered with 500, though they were received.
const FAILED: u64 = 20;
/// Of a thousand calls so many are answered late.
const HUNG: u64 = 10;
/// How late.
const LATE: Duration = Duration::from_secs(1);

/// The running receiver; it lives as long as this process.
#[derive(Debug, Clone)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ledger: Arc<Ledger>,
    seed: u64,
    /// Every call of this step is answered as late as this.
    slow: Mutex<Option<(Step, Duration)>>,
}

impl Receiver {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start(ledger: Arc<Ledger>, seed: u64) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("the receiver cannot start: {error}");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared { ledger, seed, slow: Mutex::new(None) });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
            })
        });
        Ok(Self { address, shared })
    }

    /// The base of its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers every call of a step that late, or none.
    pub fn be_slow(&self, slow: Option<(Step, Duration)>) {
        *self.shared.slow.lock().unwrap_or_else(PoisonError::into_inner) = slow;
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> StatusCode {
    let Some((step, event)) = read(request.uri().path()) else { return StatusCode::NOT_FOUND };
    let key = request.headers().get("idempotency-key").map(|key| {
        let mut hasher = DefaultHasher::new();
        key.as_bytes().hash(&mut hasher);
        hasher.finish()
    });
    let (earlier, repeat) = shared.ledger.call(event, step, key);
    if let Some(mut repeat) = repeat {
        // The caller waits for the answer, so its end of the connection can still be found.
        repeat.caller = process::owner_of(peer).await;
        shared.ledger.repeated(repeat);
    }
    let mut random = Random::new(
        shared.seed,
        u64::from(event) << 20 | u64::from(earlier) << 1 | u64::from(step == Step::B),
    );
    let chance = random.below(1_000);
    if chance < FAILED {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let slow = *shared.slow.lock().unwrap_or_else(PoisonError::into_inner);
    match slow {
        Some((slow, late)) if slow == step => tokio::time::sleep(late).await,
        _ if chance < FAILED + HUNG => tokio::time::sleep(LATE).await,
        _ => {}
    }
    shared.ledger.succeed(event, step);
    StatusCode::OK
}

fn read(path: &str) -> Option<(Step, u32)> {
    let (step, name) = path.strip_prefix('/')?.split_once('/')?;
    let step = match step {
        "a" => Step::A,
        "b" => Step::B,
        _ => return None,
    };
    Some((step, scenario::number(name)?))
}

//! `vtrustx serve`: the wiring of everything, and its orderly end.
//!
//! Start: the store (migrations), what a first start makes, the demo, the listener, the engine (which takes up what the last
//! process left), and only then the line that says so. End: at the first signal no more connections and no new work; what is
//! under way has [`GRACE`]; a second signal ends at once, and the next start takes up what was left, as after a crash.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use actions::{address::AddressPolicy, mail::SmtpServer};
use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use engine::{Engine, RetryPolicy};
use store::{
    Store,
    template::templates_seed,
    tenant::{Bootstrap, bootstrap},
    token::Token,
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    clock::SystemClock,
    config::{BootstrapAdmin, Config, Secret, ServeArguments},
    connections, demo,
    error::{CommandError, Done},
    logs, opening, output,
    traces::Traces,
    web,
};

/// How long running steps may go on after a signal (contract section 2).
const GRACE: Duration = Duration::from_secs(30);
/// How long requests under way may go on after it: live streams never end by themselves.
const REQUESTS_GRACE: Duration = Duration::from_secs(2);

/// Serves until a signal comes.
pub fn run(arguments: &ServeArguments) -> Done {
    let config = Config::load(arguments)?;
    let runtime = super::runtime(super::many_threads())?;
    let traces = Traces::of(&config, runtime.handle())?;
    logs::start(config.log_format, LevelFilter::INFO, traces.as_ref());
    let done = runtime.block_on(serve(&config));
    if let Some(traces) = traces {
        traces.finish();
    }
    // A name lookup that hangs on a thread of its own must not hold up the end.
    runtime.shutdown_background();
    done
}

/// How the engine works by this configuration.
pub fn engine_options(config: &Config) -> Done<engine::Options> {
    let smtp = config.smtp_url.as_ref().map(|url| url.expose().parse::<SmtpServer>());
    let smtp = smtp
        .transpose()
        .map_err(|error| CommandError::said(format!("the SMTP server's address: {error}")))?;
    Ok(engine::Options {
        retry: RetryPolicy { delays: config.retry_delays.clone() },
        workers: config.workers,
        max_depth: config.max_depth,
        addresses: AddressPolicy::new(config.allow_private_targets),
        smtp,
        name: config.listen.to_string(),
        public_url: Some(config.public_url.clone().unwrap_or_else(|| format!("http://{}", config.listen))),
        ..engine::Options::default()
    })
}

async fn serve(config: &Config) -> Done {
    let begun = Instant::now();
    let options = engine_options(config)?;
    let mut signals = Signals::new()?;
    let (store, first) = prepare(config).await?;
    #[cfg(debug_assertions)]
    if std::env::var_os("VTRUSTX_TEST_UNFENCED").is_some() {
        tracing::warn!("nothing keeps nodes from each other's work: this is a test that must fail");
        store.unfence();
    }
    if !store.is_alone() && !store.has_second_wall() {
        tracing::warn!(
            "row-level security is missing: the database's user may not take on the role vtrustx_tenant. Tenants are kept apart by the server alone; docs/OPERATIONS.md, \"Row-level security\", says how an administrator makes the role"
        );
    }
    store.metrics().tenants_limit(config.metrics_tenants);
    let secrets = opening::secrets(config, &store).await?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        CommandError::said(format!(
            "cannot listen on {}: {error}; choose another address with --listen",
            config.listen
        ))
    })?;
    let address = listener.local_addr().map_err(|error| CommandError::said(error.to_string()))?;
    let engine = Engine::start(store.clone(), secrets, options).await?;

    let stopping = Arc::new(AtomicBool::new(false));
    let router = router(config, &engine, Arc::clone(&stopping));
    let stop = CancellationToken::new();
    let mut serving = tokio::spawn(connections::serve(listener, router, stop.clone()));

    output::say(format_args!("listening on http://{address}"));
    tracing::info!(%address, milliseconds = begun.elapsed().as_millis(), "listening");
    let base = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    greet(config, &base, first).await?;

    let why = tokio::select! {
        name = signals.next() => Ok(name),
        () = store.ended() => Err(CommandError::said("the store has ended: see the log; the next start takes up what was left")),
        _ = &mut serving => Err(CommandError::said("the server has stopped accepting connections")),
    };
    stopping.store(true, Ordering::Relaxed);
    stop.cancel();
    let name = why?;
    tracing::info!(
        signal = name,
        "stopping: running steps have {} s, a second signal ends at once",
        GRACE.as_secs()
    );
    let end = async {
        if tokio::time::timeout(REQUESTS_GRACE, &mut serving).await.is_err() {
            serving.abort();
        }
        engine.stop(GRACE).await;
    };
    tokio::select! {
        () = end => {
            tracing::info!("stopped");
            Ok(())
        }
        _ = signals.next() => Err(CommandError::said("ended at once by a second signal; the next start takes up what was left")),
    }
}

/// What the first start of a store made.
#[derive(Debug, Default)]
struct First {
    sign_in: Option<Token>,
}

/// Opens the store and makes what is missing in it.
async fn prepare(config: &Config) -> Done<(Store, First)> {
    let mut store = opening::open(config, Arc::new(SystemClock::default())).await?;
    let demo_is_due = config.demo && !demo::is_seeded(&store).await?;
    let secret_text = |secret: &Secret| Token::given(secret.expose());
    let admin = config.bootstrap_admin.as_ref();
    let options = Bootstrap {
        api_key: config.bootstrap_api_key.as_ref().map(secret_text),
        admin: admin.map(|BootstrapAdmin { email, password }| (email.clone(), secret_text(password))),
    };
    if demo_is_due {
        // The demo company lives through its month on a clock of its own, so with a store of its own.
        store.close().await;
        drop(store);
        demo::seed(config).await?;
        begin_anew();
        store = opening::open(config, Arc::new(SystemClock::default())).await?;
    }
    let first = bootstrap(&store, options).await?;
    store.write(|tx| Box::pin(templates_seed(tx))).await?;
    Ok((store, First { sign_in: first.sign_in_token }))
}

/// Becomes the same program again: living through a month leaves a heap that the server would carry around for ever.
fn begin_anew() {
    use std::os::unix::process::CommandExt;
    if let Ok(program) = std::env::current_exe() {
        // Returns only when that is not possible; then this process serves as well, only larger.
        let error = std::process::Command::new(program).args(std::env::args_os().skip(1)).exec();
        tracing::debug!(%error, "going on in the same process");
    }
}

/// Tells how to get in, where that is not known yet.
async fn greet(config: &Config, base: &str, first: First) -> Done {
    if let Some(token) = first.sign_in {
        output::say(format_args!("sign in once, within a day: {base}/sign-in?token={}", token.reveal()));
    }
    if config.demo {
        demo::greet(config, base).await?;
    }
    Ok(())
}

fn router(config: &Config, engine: &Engine, stopping: Arc<AtomicBool>) -> Router {
    let public_url = config.public_url.clone();
    let secure_cookies = public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let app = api::App::new(engine.clone(), api::Config { public_url, secure_cookies, web: web::FILES });
    api::router(app).layer(from_fn_with_state(stopping, not_ready))
}

/// A server that is stopping says so to whoever balances load, as long as it still answers.
async fn not_ready(State(stopping): State<Arc<AtomicBool>>, request: Request, next: Next) -> Response {
    if stopping.load(Ordering::Relaxed) && request.uri().path() == "/readyz" {
        return api::error::ApiError::unavailable("the server is stopping").into_response();
    }
    next.run(request).await
}

/// What asks this process to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Done<Self> {
        let listen = |kind| {
            signal(kind).map_err(|error| CommandError::said(format!("signals cannot be heard: {error}")))
        };
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

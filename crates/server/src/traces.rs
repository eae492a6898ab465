//! Traces for OpenTelemetry, when `--otlp-endpoint` asks for them: requests, executions, their steps and the store's commits, sent in the background as
//! OTLP over HTTP.
//!
//! A span says what was done, when, and to whose record, by ids; never what a person wrote. A receiver that is slow or gone costs spans, not work:
//! what does not fit into the exporter's queue is dropped.

use std::{future::Future, pin::Pin, time::Duration};

use bytes::Bytes;
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider, Tracer},
};
use tokio::runtime::Handle;
use tracing_subscriber::{Layer, filter, registry::LookupSpan};

use crate::{config::Config, error::CommandError};

/// How long one delivery to the receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The crates whose spans are of interest; those of libraries speak of sockets.
const OURS: [&str; 4] = ["api", "engine", "store", "server"];

/// What sends traces. Dropped, it sends no more.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// From the configuration; none when it asks for none.
    pub fn of(config: &Config, runtime: &Handle) -> Result<Option<Self>, CommandError> {
        let Some(base) = &config.otlp_endpoint else { return Ok(None) };
        let refused = |error: &dyn std::fmt::Display| {
            CommandError::said(format!("traces cannot be sent to the OTLP endpoint: {error}"))
        };
        let client = reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| refused(&error))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client { client, runtime: runtime.clone() })
            .with_endpoint(format!("{base}/v1/traces"))
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| refused(&error))?;
        let about = [
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", config.listen.to_string()),
        ];
        let share = Sampler::TraceIdRatioBased(f64::from(config.trace_percent) / 100.0);
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .with_resource(Resource::builder().with_service_name("vtrustx").with_attributes(about).build())
            .with_batch_exporter(exporter)
            .build();
        Ok(Some(Self { provider }))
    }

    /// What hears of the spans.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer: Tracer = self.provider.tracer("vtrustx");
        // Lines of the log stay in the log: they may quote an error of a database.
        let ours = filter::filter_fn(|metadata| {
            metadata.is_span() && OURS.iter().any(|name| metadata.target().split("::").next() == Some(name))
        });
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(ours.with_max_level_hint(filter::LevelFilter::DEBUG))
    }

    /// Sends what is left. Waits for the receiver, so not on a thread that runs tasks.
    pub fn finish(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(PATIENCE) {
            tracing::debug!(%error, "the last traces were not sent");
        }
    }
}

/// The HTTP client that the program has anyway. The exporter waits on a thread of its own, which has no runtime.
#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    runtime: Handle,
}

impl HttpClient for Client {
    fn send_bytes<'client, 'sent>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sent>>
    where
        'client: 'sent,
        Self: 'sent,
    {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let answer = client.execute(request.try_into()?).await?;
            let mut response = Response::builder().status(answer.status());
            for (name, value) in answer.headers() {
                response = response.header(name, value);
            }
            Ok(response.body(answer.bytes().await?)?)
        });
        Box::pin(async move { sent.await? })
    }
}

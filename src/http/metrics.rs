//! Figures about the server for Prometheus.

use std::time::{Duration, Instant};

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use prometheus::{
    Encoder as _, Gauge, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};

use super::problem::{Problem, WebFault};
use crate::config::MetricsAccess;
use crate::service::{App, Error};

/// Seconds; the queue page's goal is 20 ms, so the steps are finest around it.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The figures of one server.
pub(super) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    latency: HistogramVec,
    uptime: Gauge,
    started: Instant,
}

impl Metrics {
    /// Figures that start at nought.
    ///
    /// # Errors
    /// `prometheus::Error` when a figure's name is wrong, which is seen at the first start.
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let labels = ["route", "method", "status"];
        let requests = IntCounterVec::new(
            Opts::new("red_mailbox_http_requests_total", "Requests answered, by route pattern."),
            &labels,
        )?;
        let latency = HistogramVec::new(
            HistogramOpts::new("red_mailbox_http_request_seconds", "Time to answer, by route pattern.")
                .buckets(BUCKETS.to_vec()),
            &labels[..2],
        )?;
        let uptime = Gauge::new("red_mailbox_uptime_seconds", "Time since the server started.")?;
        let registry = Registry::new();
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(latency.clone()))?;
        registry.register(Box::new(uptime.clone()))?;
        Ok(Self { registry, requests, latency, uptime, started: Instant::now() })
    }

    /// Counts one answered request.
    pub(super) fn request(&self, route: &str, method: &Method, status: u16, took: Duration) {
        // Methods are free text to a client; unknown ones share a label.
        let method = match method.as_str() {
            known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
            _ => "other",
        };
        self.requests.with_label_values(&[route, method, status.to_string().as_str()]).inc();
        self.latency.with_label_values(&[route, method]).observe(took.as_secs_f64());
    }

    fn text(&self) -> Result<String, prometheus::Error> {
        self.uptime.set(self.started.elapsed().as_secs_f64());
        let mut bytes = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Prometheus text, by default for programs on this machine only.
#[utoipa::path(get, path = "/metrics", tag = "server", security(()), responses((status = 200, description = "Prometheus text", content_type = "text/plain", body = String)))]
pub(super) async fn metrics(
    app: web::Data<App>,
    metrics: web::Data<Metrics>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    if !is_open(app.settings.metrics, &request) {
        return Err(WebFault::NoRoute.into());
    }
    let mut text = metrics.text().map_err(|error| Error::Internal(error.to_string()))?;
    text.push_str(&crate::service::health::store_figures(&app));
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}

/// A proxy on this machine comes from loopback too, but it leaves its mark.
fn is_open(access: MetricsAccess, request: &HttpRequest) -> bool {
    let is_forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"]
        .iter()
        .any(|it| request.headers().contains_key(*it));
    match access {
        MetricsAccess::Open => true,
        MetricsAccess::Off => false,
        MetricsAccess::Loopback => {
            !is_forwarded && request.peer_addr().is_some_and(|it| it.ip().to_canonical().is_loopback())
        }
    }
}

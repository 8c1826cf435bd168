//! Routes: which path is answered by what.
//!
//! | Path | Answer |
//! |------|--------|
//! | `POST /` | the KMS API |
//! | `GET /livez` | 200: the process answers |
//! | `GET /readyz` | 200 or 503, if there is a [`Ready`] |
//! | `GET /metrics` | the counters, if there is an [`Observe`] |
//! | `POST PREFIX/kms/xks/v1/…` | the proxy API of external key stores, if there is an [`Xks`] |
//! | `POST /_kms/reset`, `POST /moto-api/reset` | an emptied server, if there is a [`Reset`]: for tests |
//! | anything else | 404 `<UnknownOperationException/>`, as AWS has it |

mod body;
mod kms;
mod lanes;
mod respond;
mod seams;

use core::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use kms_service::Service;

use crate::dev::RESET_PATHS;

pub use body::BodyLimits;
pub use lanes::LaneLimits;
pub use seams::{Authenticate, Authenticated, Observe, Readiness, Ready, Reset, Xks};

use body::Bodies;
use lanes::{Lane, Lanes};
use seams::Opaque;

/// The KMS API, and what belongs to it, as routes.
#[derive(Clone)]
pub struct App {
    parts: Arc<Parts>,
    xks_prefix: Arc<str>,
}

/// What every request can reach.
struct Parts {
    service: Service,
    authenticate: Arc<dyn Authenticate>,
    bodies: Bodies,
    lanes: Lanes,
    /// Probes have a lane of their own: that all others are full must not look like the end.
    probes: Lane,
    observe: Option<Arc<dyn Observe>>,
    ready: Option<Arc<dyn Ready>>,
    reset: Option<Arc<dyn Reset>>,
    xks: Option<Arc<dyn Xks>>,
}

/// Puts an [`App`] together.
pub struct AppBuilder {
    service: Service,
    authenticate: Arc<dyn Authenticate>,
    body: BodyLimits,
    lanes: LaneLimits,
    observe: Option<Arc<dyn Observe>>,
    ready: Option<Arc<dyn Ready>>,
    reset: Option<Arc<dyn Reset>>,
    xks: Option<Arc<dyn Xks>>,
    xks_prefix: String,
}

impl App {
    /// The service, and who tells who asks.
    #[must_use]
    pub fn builder(service: Service, authenticate: Arc<dyn Authenticate>) -> AppBuilder {
        AppBuilder {
            service,
            authenticate,
            body: BodyLimits::default(),
            lanes: LaneLimits::default(),
            observe: None,
            ready: None,
            reset: None,
            xks: None,
            xks_prefix: String::new(),
        }
    }

    /// The routes.
    pub fn router(&self) -> Router {
        let parts = &self.parts;
        let mut router = Router::new().route("/", post(kms::answer)).route("/livez", get(live));
        if parts.ready.is_some() {
            router = router.route("/readyz", get(ready));
        }
        if parts.observe.is_some() {
            router = router.route("/metrics", get(metrics));
        }
        if parts.reset.is_some() {
            router = RESET_PATHS.into_iter().fold(router, |router, path| router.route(path, post(reset)));
        }
        if parts.xks.is_some() {
            router = router.route(
                &format!("{}/kms/xks/v1/{{*call}}", self.xks_prefix),
                post(xks).fallback(async || respond::only_post()),
            );
        }
        router
            .fallback(async || respond::unknown())
            .method_not_allowed_fallback(async || respond::unknown())
            .with_state(Arc::clone(parts))
    }
}

impl AppBuilder {
    /// How long bodies may be, and how long they may take.
    #[must_use]
    pub const fn body_limits(mut self, limits: BodyLimits) -> Self {
        self.body = limits;
        self
    }

    /// How many requests are worked on at once.
    #[must_use]
    pub const fn lane_limits(mut self, limits: LaneLimits) -> Self {
        self.lanes = limits;
        self
    }

    /// Who counts requests; also adds `/metrics`.
    #[must_use]
    pub fn observe(mut self, observe: Arc<dyn Observe>) -> Self {
        self.observe = Some(observe);
        self
    }

    /// Who looks whether the server is ready; adds `/readyz`.
    #[must_use]
    pub fn ready(mut self, ready: Arc<dyn Ready>) -> Self {
        self.ready = Some(ready);
        self
    }

    /// Lets anybody empty the server, without a signature: for tests only.
    #[must_use]
    pub fn reset(mut self, reset: Arc<dyn Reset>) -> Self {
        self.reset = Some(reset);
        self
    }

    /// Adds the proxy API of external key stores below `prefix`, which is empty or begins with a slash and does not end with
    /// one.
    #[must_use]
    pub fn xks(mut self, prefix: impl Into<String>, xks: Arc<dyn Xks>) -> Self {
        self.xks_prefix = prefix.into();
        self.xks = Some(xks);
        self
    }

    /// The app.
    ///
    /// # Errors
    /// If the prefix of the proxy API is none: what it may be.
    pub fn build(self) -> Result<App, String> {
        // The pattern of AWS KMS for `XksProxyUriPath`, without what follows the prefix.
        let is_segment = |segment: &str| {
            !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let prefix = &self.xks_prefix;
        if !prefix.is_empty() && !prefix.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment)) {
            return Err(format!(
                "{prefix:?} cannot stand before /kms/xks/v1: give nothing, or /SEGMENT once or more, of letters, digits, - and _"
            ));
        }
        Ok(App {
            parts: Arc::new(Parts {
                service: self.service,
                authenticate: self.authenticate,
                bodies: Bodies::new(self.body),
                lanes: Lanes::new(self.lanes),
                probes: Lane::new(1, 16),
                observe: self.observe,
                ready: self.ready,
                reset: self.reset,
                xks: self.xks,
            }),
            xks_prefix: self.xks_prefix.into(),
        })
    }
}

async fn live() -> Response {
    respond::json(200, br#"{"status":"live"}"#.to_vec())
}

async fn ready(State(parts): State<Arc<Parts>>) -> Response {
    let Some(ready) = parts.ready.clone() else { return respond::unknown() };
    match parts.probes.run(move || ready.readiness()).await {
        Ok(Readiness { is_ready, report }) => respond::json(if is_ready { 200 } else { 503 }, report.into_bytes()),
        Err(_) => respond::json(503, br#"{"status":"busy"}"#.to_vec()),
    }
}

async fn metrics(State(parts): State<Arc<Parts>>) -> Response {
    match &parts.observe {
        Some(observe) => respond::metrics(observe.text()),
        None => respond::unknown(),
    }
}

async fn reset(State(parts): State<Arc<Parts>>) -> Response {
    let Some(reset) = parts.reset.clone() else { return respond::unknown() };
    let done = parts.probes.run(move || reset.reset()).await;
    match done.map_err(|error| error.to_string()).and_then(|done| done) {
        Ok(()) => respond::json(200, br#"{"status":"ok"}"#.to_vec()),
        Err(error) => {
            tracing::error!(error, "the reset failed");
            respond::json(500, serde_json::json!({ "status": "failed", "error": error }).to_string().into_bytes())
        }
    }
}

async fn xks(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let Some(xks) = parts.xks.clone() else { return respond::unknown() };
    let (head, body) = request.into_parts();
    let answered = match parts.bodies.read(&head, body).await {
        Ok(body) => {
            let xks = Arc::clone(&xks);
            parts.lanes.cryptographic.run(move || xks.answer(&head, &body)).await
        }
        Err(error) => Err(error),
    };
    let (status, body) = answered.unwrap_or_else(|error| xks.refusal(&error));
    respond::json(status, body)
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("service", &self.parts.service)
            .field("reset", &Opaque(self.parts.reset.is_some()))
            .field("xks", &Opaque(self.parts.xks.is_some()))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AppBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppBuilder").field("service", &self.service).finish_non_exhaustive()
    }
}

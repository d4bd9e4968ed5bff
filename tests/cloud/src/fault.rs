//! Faults on demand: the next matching requests are answered otherwise, late, in part, or not at all.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::{Future, pending},
    io,
    time::Duration,
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version,
        header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::{cors::Hidden, line::Line, refusal::Refusal, world::Shared};

#[derive(Clone, Default)]
struct Fault {
    turn: Turn,
    /// Whether the answer has no CORS headers.
    is_hidden: bool,
    kind: Kind,
}

/// When the request goes on.
#[derive(Clone, Default)]
struct Turn {
    delay: Duration,
    /// Changes when a test releases the request. `None`: it is not held.
    release: Option<watch::Receiver<()>>,
}

impl Turn {
    async fn comes(self) {
        tokio::time::sleep(self.delay).await;
        if let Some(mut release) = self.release
            && release.changed().await.is_err()
        {
            // A reset has taken away what could release it.
            pending().await
        }
    }
}

#[derive(Clone, Default)]
enum Kind {
    #[default]
    None,
    Answer {
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    },
    ResetBefore,
    ResetAfter,
    Truncate(usize),
    Stream(h2::Reason),
}

/// Marks an answer that an error of its HTTP/2 stream replaces (RFC 9113, section 5.4.2).
#[derive(Clone)]
pub(crate) struct StreamError(pub(crate) h2::Reason);

struct Rule {
    method: Option<Method>,
    path: String,
    left: u32,
    is_held: bool,
    fault: Fault,
}

impl Rule {
    fn matches(&self, request: &Request) -> bool {
        let (method, path) = (request.method(), request.uri().path());
        let path_matches = match self.path.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => path == self.path,
        };
        // A preflight is no call of the page's own: "*" leaves it alone.
        let method_matches = self.method.as_ref().map_or(method != Method::OPTIONS, |wanted| wanted == method);
        let version_matches = !matches!(self.fault.kind, Kind::Stream(_)) || request.version() == Version::HTTP_2;
        path_matches && method_matches && version_matches
    }
}

#[derive(Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    release: watch::Sender<()>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    method: String,
    path: String,
    times: Option<u32>,
    fault: FaultOrder,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FaultOrder {
    status: Option<u16>,
    body: Option<Value>,
    #[serde(default)]
    headers: HashMap<String, String>,
    reset: Option<Reset>,
    truncate: Option<usize>,
    h2: Option<ErrorCode>,
    delay_ms: Option<u64>,
    #[serde(default)]
    held: bool,
    cors: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reset {
    Before,
    After,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ErrorCode {
    RefusedStream,
    InternalError,
    #[serde(rename = "http-1-1-required")]
    Http11Required,
}

impl From<ErrorCode> for h2::Reason {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::RefusedStream => Self::REFUSED_STREAM,
            ErrorCode::InternalError => Self::INTERNAL_ERROR,
            ErrorCode::Http11Required => Self::HTTP_1_1_REQUIRED,
        }
    }
}

impl Faults {
    pub(crate) fn add(&mut self, order: Order) -> Result<(), Refusal> {
        let method = match order.method.as_str() {
            "*" => None,
            method => Some(
                Method::from_bytes(method.to_ascii_uppercase().as_bytes())
                    .map_err(|_| Refusal::bad_request(format!("[{method}] is no method.")))?,
            ),
        };
        if !order.path.starts_with('/') {
            return Err(Refusal::bad_request("path must begin with \"/\", and may end with \"*\" to match everything below."));
        }
        let left = order.times.unwrap_or(1);
        if left == 0 {
            return Err(Refusal::bad_request("times must be at least 1."));
        }
        let is_held = order.fault.held;
        let fault = order.fault.read()?;
        self.rules.push(Rule { method, path: order.path, left, is_held, fault });
        Ok(())
    }

    /// Lets every request go on that is held, and those that these faults would have held.
    pub(crate) fn release(&mut self) {
        self.rules.iter_mut().for_each(|rule| rule.is_held = false);
        self.release.send_replace(());
    }

    fn take(&mut self, request: &Request) -> Option<Fault> {
        let rule = self.rules.iter_mut().find(|rule| rule.matches(request))?;
        rule.left -= 1;
        let mut fault = rule.fault.clone();
        fault.turn.release = rule.is_held.then(|| self.release.subscribe());
        self.rules.retain(|rule| rule.left > 0);
        Some(fault)
    }
}

impl FaultOrder {
    fn read(self) -> Result<Fault, Refusal> {
        if self.status.is_none() && (self.body.is_some() || !self.headers.is_empty()) {
            return Err(Refusal::bad_request("body and headers need a status."));
        }
        let is_hidden = self.cors == Some(false);
        if is_hidden && (self.reset.is_some() || self.h2.is_some()) {
            return Err(Refusal::bad_request("Where no answer comes, there are no headers that could be missing."));
        }
        let kind = match (self.status, self.reset, self.truncate, self.h2) {
            (Some(status), None, None, None) => answer(status, self.body, self.headers)?,
            (None, Some(Reset::Before), None, None) => Kind::ResetBefore,
            (None, Some(Reset::After), None, None) => Kind::ResetAfter,
            (None, None, Some(bytes), None) => Kind::Truncate(bytes),
            (None, None, None, Some(code)) => Kind::Stream(code.into()),
            (None, None, None, None) if self.delay_ms.is_some() || self.held || is_hidden => Kind::None,
            _ => {
                return Err(Refusal::bad_request(
                    "fault must hold exactly one of status, reset, truncate and h2, or delayMs, held or \"cors\": false, which go with them.",
                ));
            }
        };
        let turn = Turn { delay: Duration::from_millis(self.delay_ms.unwrap_or(0)), release: None };
        Ok(Fault { turn, is_hidden, kind })
    }
}

fn answer(status: u16, body: Option<Value>, headers: HashMap<String, String>) -> Result<Kind, Refusal> {
    let status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
        .ok_or_else(|| Refusal::bad_request("status must be between 200 and 599."))?;
    let body = match body {
        None => Bytes::new(),
        Some(Value::String(raw)) => raw.into(),
        Some(json) => json.to_string().into(),
    };
    let mut map = HeaderMap::new();
    if !body.is_empty() {
        map.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in headers {
        let bad = || Refusal::bad_request(format!("[{name}] is no header that a fault can set."));
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        // These frame the message on the wire; a false one would break the server and not the client.
        if [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&parsed) {
            return Err(bad());
        }
        map.insert(parsed, HeaderValue::from_str(&value).map_err(|_| bad())?);
    }
    Ok(Kind::Answer { status, headers: map, body })
}

pub(crate) async fn inject(State(cloud): State<Shared>, request: Request, next: Next) -> Response {
    around(&cloud, request, async |request| Ok(next.run(request).await)).await
}

/// Does the work, or what a fault wants instead of it.
pub(crate) async fn around<Work, Answer>(cloud: &Shared, request: Request, work: Work) -> Response
where
    Work: FnOnce(Request) -> Answer + Send + 'static,
    Answer: Future<Output = Result<Response, Infallible>> + Send,
{
    let fault = cloud.world().faults.take(&request).unwrap_or_default();
    let turn = fault.turn.clone();
    let Some(line) = request.extensions().get::<Line>().cloned() else {
        return Refusal::internal("The request came over no connection.").into_response();
    };
    // A task of its own: a request that has arrived is carried out, even when its client gives up waiting.
    let carry_out = async move {
        let task = tokio::spawn(async move {
            turn.comes().await;
            let Ok(response) = work(request).await;
            response
        });
        task.await.unwrap_or_else(|error| Refusal::internal(error.to_string()).into_response())
    };
    let mut response = match fault.kind {
        Kind::None => carry_out.await,
        Kind::Answer { status, headers, body } => {
            fault.turn.comes().await;
            (status, headers, body).into_response()
        }
        Kind::ResetBefore => {
            fault.turn.comes().await;
            line.cut().await
        }
        Kind::ResetAfter => {
            carry_out.await;
            line.cut().await
        }
        Kind::Truncate(bytes) => truncate(carry_out.await, bytes).await,
        Kind::Stream(reason) => {
            let mut response = carry_out.await;
            response.extensions_mut().insert(StreamError(reason));
            response
        }
    };
    if fault.is_hidden {
        response.extensions_mut().insert(Hidden);
    }
    response
}

async fn truncate(response: Response, bytes: usize) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(whole) = to_bytes(body, usize::MAX).await else {
        return Refusal::internal("The answer could not be read.").into_response();
    };
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let start = whole.slice(..bytes.min(whole.len()));
    let body = stream::once(async { Ok(start) }).chain(stream::once(async {
        // hyper writes out what it holds when the body has to wait, and drops it when the body fails.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    }));
    Response::from_parts(parts, Body::from_stream(body))
}

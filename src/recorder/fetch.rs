//! The app's own requests, to any endpoint of the environment's API.

use std::any::Any;
use std::rc::Rc;

use crate::auth::ports::Platform;
use crate::client::sent_log::SentLog;
use crate::client::{Client, SendError};
use crate::cloud::call::{Call, CallError, Interruption};
use crate::cloud::response::Response;
use crate::model::argument::{bad, is_dot_segment};
use crate::model::environment::Environment;
use crate::model::error::{Code, Error};
use crate::model::ids::{has_control_characters, has_outer_blanks};
use crate::token::header::may_be_set;
use crate::token::request::{ApiRequest, Method, Repeat};

/// What the app has passed, not validated yet.
pub struct AppRequest {
    /// The path, or the whole URL.
    pub path: String,
    /// The HTTP method.
    pub method: String,
    /// The names of the app's headers.
    pub header_names: Vec<String>,
    /// Whether sending the request twice has the same effect as once, if the app says so.
    pub idempotent: Option<bool>,
    /// Whether the body is a stream, which can be sent only once.
    pub is_stream: bool,
    /// The platform's own request, with the headers and the body.
    pub platform_request: Rc<dyn Any>,
    /// Whether the app gets the platform's own response, whatever its status, and reads the body itself.
    pub takes_response: bool,
}

impl AppRequest {
    /// The request, if it stays on the environment's API and sets only headers that are the app's.
    pub fn validated(self, environment: &Environment) -> Result<ApiRequest, Error> {
        let path = api_path(environment, &self.path)?;
        let Some(method) = Method::parse(&self.method) else {
            return Err(bad("method must be GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE."));
        };
        if let Some(name) = self.header_names.iter().find(|name| !may_be_set(name)) {
            let message = format!("headers: the library or the browser sets \"{name}\".");
            return Err(bad(message));
        }
        let repeat = match (self.is_stream, self.idempotent) {
            (true, Some(true)) => return Err(bad("idempotent: a stream can be sent only once.")),
            (true, _) => Repeat::Never,
            (false, idempotent) if idempotent.unwrap_or(method.is_read()) => Repeat::Idempotent,
            (false, _) => Repeat::IfNotProcessed,
        };
        let AppRequest { platform_request, takes_response, .. } = self;
        Ok(ApiRequest { repeat, platform_request: Some(platform_request), takes_response, ..ApiRequest::new(method, path) })
    }
}

/// The path of a text that is a path, or a URL of the environment's API. Anything that a URL parser could turn into another
/// origin or path is refused.
fn api_path<'a>(environment: &Environment, text: &'a str) -> Result<&'a str, Error> {
    let api = environment.api().as_str();
    let path = match text.split_at_checked(api.len()) {
        Some((origin, path)) if origin.eq_ignore_ascii_case(api) => path,
        _ => text,
    };
    let before_query = path.split('?').next().unwrap_or_default();
    let is_plain = before_query.strip_prefix('/').is_some_and(|rest| !rest.starts_with('/') && !rest.split('/').any(is_dot_segment))
        && !before_query.contains('\\')
        && !path.contains('#')
        && !has_control_characters(path)
        && !has_outer_blanks(path);
    if is_plain {
        return Ok(path);
    }
    Err(bad(format!("path must begin with one \"/\", or be a URL of {api}, without \"..\", backslash and fragment.")))
}

/// Sends the app's request. With `takes_response`, a refusal is a response like any other.
pub(super) async fn send<P: Platform>(client: &Client<P>, call: &Call, request: &ApiRequest) -> Result<Box<Response>, CallError> {
    let org = &call.target.org;
    let sent = SentLog::default();
    let error = match call.race(Box::pin(client.send(call, request, &sent))).await {
        Ok(Ok(response)) => return Ok(response),
        Ok(Err(SendError::Refused(refused))) => match sent.take_response() {
            Some(response) => return Ok(response),
            None if refused.code == Code::CloudUnavailable && !is_idempotent(request) => outcome_unknown(refused),
            None => refused,
        },
        Ok(Err(SendError::NotSent(error))) => return Err(error.into()),
        Ok(Err(SendError::NoResponse(lost))) if lost.evidence.may_have_been_processed && !is_idempotent(request) => outcome_unknown(lost),
        Ok(Err(SendError::NoResponse(lost))) => lost,
        Err(Interruption::TimedOut) if sent.unresolved().is_some() && !is_idempotent(request) => {
            outcome_unknown(Error::new(Code::OutcomeUnknown, "The request was sent. No response came in time."))
        }
        Err(interruption) => return Err(call.interrupted_by(interruption)),
    };
    Err(error.for_org(org).into())
}

/// The error of request() if the API's response has a body that is not JSON.
pub fn not_json(response: &Response) -> Error {
    let what = if response.is_too_long { "longer than 4 MiB" } else { "not JSON" };
    Error::new(Code::UnexpectedAnswer, format!("The response is {what}: use fetch().")).answered_by(response)
}

fn is_idempotent(request: &ApiRequest) -> bool {
    request.repeat() == Repeat::Idempotent
}

fn outcome_unknown(mut error: Error) -> Error {
    error.evidence.hint.get_or_insert(FIND_OUT);
    error.with_code(Code::OutcomeUnknown)
}

const FIND_OUT: &str = "Check whether the API has processed the request before you send it again. If sending it twice has the same effect as once, pass `idempotent: true` (not for a stream).";

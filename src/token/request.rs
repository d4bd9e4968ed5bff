//! Requests to the cloud: a token authorizes an [`ApiRequest`], which makes it a [`Request`].
//!
//! Only this file makes a [`Request`], and a [`Request`] takes its origin, its organization and its bearer from one token. So
//! no code can send one organization's request with another organization's token.

use std::any::Any;
use std::fmt;
use std::rc::Rc;

use zeroize::Zeroize;

use crate::model::environment::Environment;
use crate::model::ids::{AgentId, OrgId};
use crate::model::scope::{AnyScope, OWN_DATA, USERS, any_of};
use crate::model::secret::Secret;
use crate::token::access_token::{AccessToken, RefreshToken};

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// OPTIONS
    Options,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl Method {
    /// The method as HTTP spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// The method with this name, in any case.
    pub fn parse(name: &str) -> Option<Method> {
        let all = [Method::Get, Method::Head, Method::Options, Method::Post, Method::Put, Method::Patch, Method::Delete];
        all.iter().find(|method| method.as_str().eq_ignore_ascii_case(name)).copied()
    }

    /// Whether a request with this method changes nothing, so that it may be repeated.
    pub(crate) fn is_read(self) -> bool {
        matches!(self, Method::Get | Method::Head | Method::Options)
    }
}

/// When a request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Not even after a refusal: the body is a stream.
    Never,
    /// Only if the server confirmed that it did not process the request.
    IfNotProcessed,
    /// Even if nobody knows whether the server processed it: processing the request twice has the same effect as once.
    Idempotent,
}

/// A request to the Platform API, without an organization: the token that authorizes the request adds its own.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    pub(crate) method: Method,
    /// Path and query, relative to the API's origin.
    pub(crate) path: String,
    /// Names of the headers that carry the organization's id.
    pub(crate) org_headers: Vec<String>,
    /// Name and value of the header by which the cloud recognizes a repeated request.
    pub(crate) idempotency: Option<(String, String)>,
    pub(crate) body: Option<String>,
    /// Whether the body is sent as a stream, which needs HTTP/2, and which no browser sends again by itself.
    pub(crate) is_streamed: bool,
    /// The agent that the request concerns, if any.
    pub(crate) agent: Option<AgentId>,
    /// The platform's own request with the app's headers and body, which the core passes on and never reads.
    pub(crate) platform_request: Option<Rc<dyn Any>>,
    /// Whether the app gets the platform's own response and reads the body itself.
    pub(crate) takes_response: bool,
    pub(crate) repeat: Repeat,
    /// The OAuth scopes one of which the request needs.
    pub(crate) scopes: AnyScope,
}

impl ApiRequest {
    /// A request without a body, which is not repeated and needs no scope.
    pub(crate) fn new(method: Method, path: &str) -> ApiRequest {
        ApiRequest {
            method,
            path: path.to_owned(),
            org_headers: Vec::new(),
            idempotency: None,
            body: None,
            is_streamed: false,
            agent: None,
            platform_request: None,
            takes_response: false,
            repeat: Repeat::IfNotProcessed,
            scopes: AnyScope::default(),
        }
    }

    /// The same request, which needs one of these scopes.
    pub(crate) fn needing(mut self, scopes: &[&str]) -> ApiRequest {
        self.scopes = any_of(scopes);
        self
    }

    /// Asks what the cloud knows about the token.
    pub(crate) fn get_token_info() -> ApiRequest {
        // Without preserveIdleTTL, this request would keep an idle session alive.
        ApiRequest::new(Method::Get, "/api/v2/tokens/me?preserveIdleTTL=true").needing(OWN_DATA)
    }

    /// Asks who the token's user is.
    pub(crate) fn get_own_user() -> ApiRequest {
        ApiRequest::new(Method::Get, "/api/v2/users/me").needing(OWN_DATA)
    }

    /// Asks for a user of the token's organization. `None` if the id would need encoding: no Genesys Cloud user id needs
    /// encoding.
    pub(crate) fn get_user(agent: &AgentId) -> Option<ApiRequest> {
        let is_plain = agent.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_plain.then(|| ApiRequest::new(Method::Get, &format!("/api/v2/users/{}", agent.as_str())).needing(USERS))
    }

    /// The same request, with the organization's id in these headers.
    pub(crate) fn with_org_headers(mut self, org_headers: &[String]) -> ApiRequest {
        self.org_headers = org_headers.to_vec();
        self
    }

    /// The HTTP method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Path and query, relative to the API's origin.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Names of the headers that carry the organization's id.
    pub fn org_headers(&self) -> &[String] {
        &self.org_headers
    }

    /// The JSON body.
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// The OAuth scopes one of which the request needs.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// When the request may be sent again.
    pub fn repeat(&self) -> Repeat {
        self.repeat
    }
}

/// A request that is ready to be sent: to an environment's API with a token of that environment, or to its token endpoint.
pub struct Request {
    method: Method,
    origin: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    is_streamed: bool,
    platform_request: Option<Rc<dyn Any>>,
    takes_response: bool,
    org: Option<OrgId>,
    is_to_token_endpoint: bool,
    credential: Secret,
    /// Another secret that the response must not repeat to the app.
    other_secret: Option<Secret>,
}

pub(super) fn authorized(
    environment: &Environment,
    token: &AccessToken,
    refresh_token: Option<RefreshToken>,
    org: Option<&OrgId>,
    request: &ApiRequest,
) -> Box<Request> {
    let secret = token.secret();
    let mut headers = vec![("Authorization".to_owned(), format!("Bearer {}", secret.reveal()))];
    if request.platform_request.is_none() {
        headers.push(header("Accept", "application/json"));
    }
    if request.body.is_some() {
        headers.push(header("Content-Type", "application/json"));
    }
    if let Some(org) = org {
        for name in &request.org_headers {
            headers.push(header(name, org.as_str()));
        }
    }
    if let Some((name, value)) = &request.idempotency {
        headers.push(header(name, value));
    }
    let origin = environment.api().as_str().to_owned();
    Box::new(Request {
        method: request.method,
        url: format!("{origin}{}", request.path),
        origin,
        headers,
        body: request.body.clone(),
        is_streamed: request.is_streamed || request.repeat == Repeat::Never,
        platform_request: request.platform_request.clone(),
        takes_response: request.takes_response,
        org: org.cloned(),
        is_to_token_endpoint: false,
        credential: secret.clone(),
        other_secret: refresh_token.map(|token| token.secret().clone()),
    })
}

/// A request to the environment's token endpoint, without a bearer. `credential`: the code or refresh token. `other_secret`: what
/// else the response must not repeat.
pub(crate) fn token_request(environment: &Environment, form: String, credential: &Secret, other_secret: &Secret) -> Box<Request> {
    let origin = environment.login().as_str().to_owned();
    let headers = vec![header("Accept", "application/json"), header("Content-Type", "application/x-www-form-urlencoded")];
    Box::new(Request {
        method: Method::Post,
        url: format!("{origin}/oauth/token"),
        origin,
        headers,
        body: Some(form),
        is_streamed: false,
        platform_request: None,
        takes_response: false,
        org: None,
        is_to_token_endpoint: true,
        credential: credential.clone(),
        other_secret: Some(other_secret.clone()),
    })
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

impl Request {
    /// The HTTP method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The only origin that the request may go to.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How the browser's cache treats the request: a `RequestCache` of the Fetch standard.
    pub fn cache_mode(&self) -> &'static str {
        // A cache does not know whose answer it is. Browsers that do not store a response also forget that a preflight allowed the
        // request, so a start, which no cache stores, is sent without it.
        if self.method.is_read() { "no-store" } else { "default" }
    }

    /// The full URL, on that origin.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every header, including the bearer: for the transport, never for a log.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The organization of the request's token, if that is known.
    pub fn org(&self) -> Option<&OrgId> {
        self.org.as_ref()
    }

    /// The body: JSON, or the token endpoint's form.
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// Whether the body is sent as a stream.
    pub fn is_streamed(&self) -> bool {
        self.is_streamed
    }

    /// The platform's own request with the app's headers and body, if the request is the app's.
    pub fn platform_request(&self) -> Option<&Rc<dyn Any>> {
        self.platform_request.as_ref()
    }

    /// Whether the app gets the platform's own response and reads the body itself.
    pub fn takes_response(&self) -> bool {
        self.takes_response
    }

    /// Whether the request goes to the token endpoint, and not to the API.
    pub(crate) fn is_to_token_endpoint(&self) -> bool {
        self.is_to_token_endpoint
    }

    /// What the request is authorized by: its bearer, or the code or refresh token in its form.
    pub(crate) fn credential(&self) -> &Secret {
        &self.credential
    }

    /// The secrets that the response must not repeat to the app.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let mut secrets = vec![self.credential.clone()];
        if let Some(other) = &self.other_secret {
            secrets.push(other.clone());
        }
        secrets
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        for (_, value) in &mut self.headers {
            value.zeroize();
        }
        if let Some(body) = &mut self.body {
            body.zeroize();
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.url)
    }
}

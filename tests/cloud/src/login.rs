//! The login origin: OAuth, with a sign-in page that asks for no password.

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS},
    },
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{
    authorize, clock, cookie, cors, exchange, fault,
    grant::GrantType,
    ledger::{self, Listener},
    page,
    parameters::Parameters,
    redirect::Redirect,
    refusal,
    world::Shared,
};

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

pub(crate) fn router(cloud: &Shared) -> Router {
    Router::new()
        .route("/oauth/authorize", get(authorize::ask).post(authorize::decide))
        .route("/oauth/token", post(exchange::exchange))
        .route("/logout", get(logout))
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .fallback(refusal::not_found)
        .method_not_allowed_fallback(refusal::not_found)
        .with_state(cloud.clone())
        .layer(from_fn_with_state(cloud.clone(), fault::inject))
        .layer(from_fn_with_state((cloud.clone(), Listener::Login), ledger::keep))
        .layer(from_fn_with_state(cloud.clone(), isolate))
        .layer(from_fn_with_state(cloud.clone(), refuse_framing))
        .layer(from_fn_with_state(cloud.clone(), cors::answer))
        .layer(from_fn_with_state(cloud.clone(), clock::date))
}

/// Redirects too: a browser cuts the opener off at the first answer that says so.
async fn isolate(State(cloud): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if cloud.world().settings.cross_origin_opener_policy {
        response.headers_mut().insert(CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin"));
    }
    response
}

/// Pages alone: a browser in which somebody is signed in is redirected, in a frame as well.
async fn refuse_framing(State(cloud): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if cloud.world().settings.login_refuses_framing && response.headers().contains_key(CONTENT_SECURITY_POLICY) {
        response.headers_mut().insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        // A policy of its own: a browser enforces all that it gets.
        response.headers_mut().append(CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'none'"));
    }
    response
}

/// RFC 8414. `none` is not in the platform's own, although its SDK relies on it.
async fn metadata(State(cloud): State<Shared>) -> Json<Value> {
    let login = &cloud.origins.login;
    Json(json!({
        "issuer": login,
        "authorization_endpoint": format!("{login}/oauth/authorize"),
        "token_endpoint": format!("{login}/oauth/token"),
        "service_documentation": "https://developer.genesys.cloud/authorization/",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GrantType::ALL,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    }))
}

async fn logout(State(cloud): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    let parameters = Parameters::parse(uri.query().unwrap_or_default().as_bytes());
    let mut world = cloud.world();
    let closed = world.sessions.close(&headers);
    let client = parameters.get("client_id").and_then(|client_id| world.clients.find(client_id));
    let registered = parameters.get("redirect_uri").filter(|uri| client.is_some_and(|client| client.knows(uri)));
    let mut response = match registered {
        Some(uri) => Redirect { uri: uri.to_owned(), state: None }.plain(),
        None => page::notice(StatusCode::OK, "Signed out", "Nobody is signed in here any more."),
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    cookie::set(response.headers_mut(), &closed);
    response
}

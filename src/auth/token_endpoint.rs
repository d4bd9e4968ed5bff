//! The token endpoint of the login origin (RFC 6749 §3.2): a code or a refresh token in exchange for an access token.

use zeroize::Zeroize;

use crate::cloud::exchange::Exchange;
use crate::cloud::ports::CloudPorts;
use crate::cloud::refusal::is_unavailable;
use crate::cloud::response::Response;
use crate::model::error::{Code, Error};
use crate::model::time::Instant;
use crate::token::access_token::{AccessToken, RefreshToken};
use crate::token::org_token::OrgToken;
use crate::token::request::{Request, token_request};

/// What a source gives.
pub(crate) struct TokenResponse {
    pub(crate) access_token: AccessToken,
    /// Whether the token endpoint has just issued the token, so the token is valid.
    pub(crate) is_new: bool,
    pub(crate) expires_at: Option<Instant>,
    pub(crate) refresh_token: Option<RefreshToken>,
}

impl TokenResponse {
    /// Exchanges the stale token's refresh token for another access token.
    pub(crate) async fn refresh<P: CloudPorts>(
        client_id: &str,
        exchange: &Exchange<P>,
        stale: &OrgToken,
        token: &RefreshToken,
    ) -> Result<TokenResponse, Error> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.secret().reveal()), ("client_id", client_id)];
        let form = exchange.ports().form(&form);
        let request = token_request(&stale.target().environment, form, token.secret(), stale.secret());
        let mut response = TokenResponse::fetch(exchange, request).await?;
        // Without rotation the old refresh token stays valid.
        response.refresh_token.get_or_insert_with(|| token.clone());
        Ok(response)
    }

    pub(super) async fn fetch<P: CloudPorts>(exchange: &Exchange<P>, request: Box<Request>) -> Result<TokenResponse, Error> {
        let asked_at = exchange.ports().now();
        let mut response = exchange.send(request).await?;
        if !response.has_token() {
            let retry_after = exchange.retry_after(&response);
            let mut error = refused(response);
            error.evidence.retry_after = retry_after;
            return Err(error);
        }
        let tokens = TokenResponse::from_response(&response, asked_at);
        response.body.zeroize();
        response.json.zeroize();
        tokens
    }

    /// Counts the token's life from the request, since it may have begun then.
    fn from_response(response: &Response, asked_at: Instant) -> Result<TokenResponse, Error> {
        // RFC 6749 §7.1: a client must not use a token of a type that it does not know.
        if response.json.str("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            let message = "The login origin's token endpoint returned no bearer token (token_type).";
            return Err(Error::new(Code::UnexpectedAnswer, message));
        }
        // Some servers say 0 or -1 for a token that does not expire.
        let expires_in = response.json.number("expires_in").filter(|seconds| *seconds > 0);
        Ok(TokenResponse {
            access_token: AccessToken::parse(response.json.str("access_token").unwrap_or_default())?,
            is_new: true,
            expires_at: expires_in.map(|seconds| asked_at.after_seconds(seconds as f64)),
            refresh_token: response.json.str("refresh_token").map(|text| RefreshToken::new(text.to_owned().into())),
        })
    }
}

/// The hint if the authorization code was not accepted.
const SIGN_IN_AGAIN: &str =
    "Sign in again. The authorization code has expired or is unknown. If this repeats, check the OAuth client's redirect URI.";

/// The token endpoint's error (RFC 6749 §5.2). Some servers answer 200 with an error.
fn refused(mut response: Box<Response>) -> Error {
    let word = response.json.str("error");
    let code = match (response.status, word) {
        (429, _) => Code::RateLimited,
        (status, _) if is_unavailable(status) => Code::CloudUnavailable,
        (200..=299 | 400..=499, Some(_)) => Code::LoginDenied,
        // A proxy's page, for example.
        _ => Code::UnexpectedAnswer,
    };
    let lacks = if response.is_success() { "an access token" } else { "a readable error" };
    let mut error = Error::new(code, response.answered("The login origin's token endpoint", word, lacks));
    if code == Code::LoginDenied && word == Some("invalid_grant") {
        error = error.with_hint(SIGN_IN_AGAIN);
        error.evidence.is_retryable = Some(true);
    }
    if response.status < 400 {
        // An unexpected 2xx or 3xx may contain a token: wipe it before it reaches an error.
        response.body.zeroize();
        response.json.zeroize();
    }
    error.answered_by(&response)
}

//! The token endpoint: a code or a refresh token in exchange for an access token.

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State,
    http::{
        HeaderMap,
        header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{
    challenge, code,
    grant::{Grant, GrantType},
    ledger::Line,
    parameters::Parameters,
    problem::Problem,
    refresh,
    token::{Draft, Source},
    world::{Shared, World},
};

#[derive(Serialize)]
struct Answer {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Only where it is not what the client is configured with (RFC 6749, section 5.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

pub(crate) async fn exchange(
    State(cloud): State<Shared>,
    Extension(line): Extension<Line>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let parameters = read(&headers, &body)?;
    let mut world = cloud.world();
    let (grant, source) = redeem(&mut world, &parameters)?;
    let organization = grant.organization;
    let answer = issue(&mut world, grant, source, &cloud.origins.login)?;
    world.ledger.issued_for(line, organization);
    Ok(([(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")], Json(answer)).into_response())
}

fn read(headers: &HeaderMap, body: &Bytes) -> Result<Parameters, Problem> {
    let is_form = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    if !is_form {
        return Err(Problem::invalid_request("The content type must be application/x-www-form-urlencoded."));
    }
    if headers.contains_key(AUTHORIZATION) {
        return Err(Problem::authorization_header());
    }
    let parameters = Parameters::parse(body);
    if parameters.repeats() {
        return Err(Problem::invalid_request("No parameter may be included more than once."));
    }
    Ok(parameters)
}

fn redeem(world: &mut World, parameters: &Parameters) -> Result<(Grant, Source), Problem> {
    let required = |name, description| parameters.get(name).ok_or(Problem::invalid_request(description));
    let grant_type = required("grant_type", "grant_type is missing.")?;
    let (grant_type, source) = match GrantType::parse(grant_type) {
        Some(GrantType::AuthorizationCode) => (GrantType::AuthorizationCode, Source::AuthorizationCode),
        Some(GrantType::RefreshToken) => (GrantType::RefreshToken, Source::RefreshToken),
        _ => return Err(Problem::unsupported_grant_type()),
    };
    let client_id = required("client_id", "client_id is missing.")?;
    let client = world.clients.find(client_id).ok_or(Problem::invalid_client("The client is unknown."))?;
    if parameters.get("client_secret").is_some() {
        return Err(Problem::invalid_client("A public client has no secret."));
    }
    if !client.may_use(grant_type) {
        return Err(Problem::unauthorized_client());
    }
    let grant = if grant_type == GrantType::RefreshToken {
        refresh_token(world, required("refresh_token", "refresh_token is missing.")?, client_id)?
    } else {
        let code = required("code", "code is missing.")?;
        let redirect_uri = required("redirect_uri", "redirect_uri is missing.")?;
        let verifier = required("code_verifier", "code_verifier is missing.")?;
        if !challenge::is_verifier(verifier) {
            return Err(Problem::invalid_request("code_verifier must have 43 to 128 unreserved characters."));
        }
        authorization_code(world, code, client_id, redirect_uri, verifier)?
    };
    Ok((grant, source))
}

fn authorization_code(world: &mut World, text: &str, client_id: &str, redirect_uri: &str, verifier: &str) -> Result<Grant, Problem> {
    let family = match world.codes.take(text, world.clock.now()) {
        code::Use::First(code) => {
            let is_bound = code.grant.client_id == client_id && code.redirect_uri == redirect_uri && code.challenge.is_met_by(verifier);
            return is_bound
                .then(|| code.grant.clone())
                .ok_or(Problem::invalid_grant("The code is not for this client, redirect URI and verifier."));
        }
        code::Use::Again(family) => family,
        code::Use::Never => return Err(Problem::invalid_grant("The code is unknown or expired.")),
    };
    world.revoke(family);
    Err(Problem::invalid_grant("The code has been used: the tokens that came of it are revoked."))
}

fn refresh_token(world: &mut World, text: &str, client_id: &str) -> Result<Grant, Problem> {
    match world.refresh_tokens.take(text, client_id) {
        refresh::Use::First(grant) => Ok(grant),
        refresh::Use::Again(family) => {
            world.revoke(family);
            Err(Problem::invalid_grant("The refresh token has been used: all of its family are revoked."))
        }
        refresh::Use::Never => Err(Problem::invalid_grant("The refresh token is unknown, revoked, or another client's.")),
    }
}

fn issue(world: &mut World, grant: Grant, source: Source, issuer: &str) -> Result<Answer, Problem> {
    let World { tokens, refresh_tokens, clients, settings, clock, .. } = world;
    let client = clients.find(&grant.client_id);
    let scope = client.is_none_or(|client| client.scopes() != grant.scopes).then(|| grant.scopes.join(" "));
    let may_refresh = settings.refresh_tokens && client.is_some_and(|client| client.may_use(GrantType::RefreshToken));
    let refresh_token = may_refresh.then(|| refresh_tokens.issue(grant.clone()));
    let draft = Draft { grant, source, format: settings.token_format, expires_in: settings.access_token_seconds, claim_org_id: None };
    let issued = tokens.issue(draft, clock.now(), issuer).map_err(|_| Problem::server_error())?;
    Ok(Answer { access_token: issued.access_token, token_type: "bearer", expires_in: issued.expires_in, refresh_token, scope })
}

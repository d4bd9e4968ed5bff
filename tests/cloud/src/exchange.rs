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
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    challenge,
    client::Client,
    code,
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
    let (grant, source) = redeem(&mut world, &headers, &parameters)?;
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
    let parameters = Parameters::parse(body);
    if parameters.repeats() {
        return Err(Problem::invalid_request("No parameter may be included more than once."));
    }
    Ok(parameters)
}

/// How a client says who it is (RFC 6749, section 2.3.1).
struct Credentials {
    client_id: String,
    secret: Option<String>,
    are_in_header: bool,
}

impl Credentials {
    fn read(headers: &HeaderMap, parameters: &Parameters) -> Result<Self, Problem> {
        let secret = parameters.get("client_secret");
        if !headers.contains_key(AUTHORIZATION) {
            let client_id = parameters.get("client_id").ok_or(Problem::invalid_request("client_id is missing."))?;
            return Ok(Self { client_id: client_id.to_owned(), secret: secret.map(str::to_owned), are_in_header: false });
        }
        if secret.is_some() {
            return Err(Problem::invalid_request("The client must authenticate in one way only."));
        }
        let (client_id, secret) = basic(headers).ok_or(Problem::wrong_secret())?;
        if parameters.get("client_id").is_some_and(|other| other != client_id) {
            return Err(Problem::authorization_header());
        }
        Ok(Self { client_id, secret: Some(secret), are_in_header: true })
    }

    fn judge(&self, client: &Client) -> Result<(), Problem> {
        match &self.secret {
            None if client.is_confidential() => Err(Problem::wrong_secret()),
            Some(secret) if client.is_confidential() && !client.has_secret(secret) => Err(Problem::wrong_secret()),
            Some(_) if !client.is_confidential() && self.are_in_header => Err(Problem::authorization_header()),
            Some(_) if !client.is_confidential() => Err(Problem::invalid_client("A public client has no secret.")),
            _ => Ok(()),
        }
    }
}

/// Both parts are form-encoded first.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, text) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let bytes = scheme.eq_ignore_ascii_case("basic").then(|| BASE64_STANDARD.decode(text.trim()).ok())??;
    let text = String::from_utf8(bytes).ok()?;
    let (client_id, secret) = text.split_once(':')?;
    let decoded = |part: &str| Some(form_urlencoded::parse(part.as_bytes()).next()?.0.into_owned());
    Some((decoded(client_id)?, decoded(secret)?))
}

fn redeem(world: &mut World, headers: &HeaderMap, parameters: &Parameters) -> Result<(Grant, Source), Problem> {
    let required = |name, description| parameters.get(name).ok_or(Problem::invalid_request(description));
    let grant_type = required("grant_type", "grant_type is missing.")?;
    let (grant_type, source) = match GrantType::parse(grant_type) {
        Some(GrantType::AuthorizationCode) => (GrantType::AuthorizationCode, Source::AuthorizationCode),
        Some(GrantType::ClientCredentials) => (GrantType::ClientCredentials, Source::ClientCredentials),
        Some(GrantType::RefreshToken) => (GrantType::RefreshToken, Source::RefreshToken),
        _ => return Err(Problem::unsupported_grant_type()),
    };
    let credentials = Credentials::read(headers, parameters)?;
    let client_id = credentials.client_id.as_str();
    let client = match world.clients.find(client_id) {
        Some(client) => client,
        None if credentials.are_in_header => return Err(Problem::authorization_header()),
        None => return Err(Problem::invalid_client("The client is unknown.")),
    };
    credentials.judge(client)?;
    if !client.may_use(grant_type) {
        return Err(Problem::unauthorized_client());
    }
    let grant = match source {
        Source::ClientCredentials => client_credentials(world, client, client_id, parameters.get("scope"))?,
        Source::RefreshToken => refresh_token(world, required("refresh_token", "refresh_token is missing.")?, client_id)?,
        _ => {
            let is_confidential = client.is_confidential();
            let code = required("code", "code is missing.")?;
            let redirect_uri = required("redirect_uri", "redirect_uri is missing.")?;
            let verifier = parameters.get("code_verifier");
            if verifier.is_none() && !is_confidential {
                return Err(Problem::invalid_request("code_verifier is missing."));
            }
            if verifier.is_some_and(|verifier| !challenge::is_verifier(verifier)) {
                return Err(Problem::invalid_request("code_verifier must have 43 to 128 unreserved characters."));
            }
            authorization_code(world, code, client_id, redirect_uri, verifier)?
        }
    };
    Ok((grant, source))
}

/// RFC 6749, section 4.4: for confidential clients only. Nobody has signed in.
fn client_credentials(world: &World, client: &Client, client_id: &str, scope: Option<&str>) -> Result<Grant, Problem> {
    let organization = client.org_id().filter(|_| client.is_confidential()).and_then(|id| world.directory.organization(id));
    let organization = organization.ok_or(Problem::unauthorized_client())?;
    let scopes = scope.map_or_else(|| client.scopes().to_vec(), |scope| scope.split(' ').map(str::to_owned).collect());
    if !scopes.iter().all(|scope| client.scopes().contains(scope)) {
        return Err(Problem::invalid_scope());
    }
    Ok(Grant { client_id: client_id.to_owned(), user: None, organization, scopes, permissions: None, family: Uuid::new_v4() })
}

fn authorization_code(
    world: &mut World,
    text: &str,
    client_id: &str,
    redirect_uri: &str,
    verifier: Option<&str>,
) -> Result<Grant, Problem> {
    let family = match world.codes.take(text, world.clock.now()) {
        code::Use::First(code) => {
            let is_met = match (&code.challenge, verifier) {
                (Some(challenge), Some(verifier)) => challenge.is_met_by(verifier),
                (challenge, verifier) => challenge.is_none() && verifier.is_none(),
            };
            let is_bound = code.grant.client_id == client_id && code.redirect_uri == redirect_uri && is_met;
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
    let may_refresh = grant.user.is_some()
        && client.is_some_and(|client| client.may_use(GrantType::RefreshToken) && (settings.refresh_tokens || client.is_confidential()));
    let refresh_token = may_refresh.then(|| refresh_tokens.issue(grant.clone()));
    let draft = Draft { grant, source, format: settings.token_format, expires_in: settings.access_token_seconds, claim_org_id: None };
    let issued = tokens.issue(draft, clock.now(), issuer).map_err(|_| Problem::server_error())?;
    Ok(Answer { access_token: issued.access_token, token_type: "bearer", expires_in: issued.expires_in, refresh_token, scope })
}

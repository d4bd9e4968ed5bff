//! The authorization request and its response (RFC 6749 §4.1, with PKCE by RFC 7636).

use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::auth::login::Login;
use crate::auth::need::Need;
use crate::auth::parameters::Parameters;
use crate::auth::ports::Platform;
use crate::model::environment::Environment;
use crate::model::error::{Cause, Code, Error};
use crate::model::ids::OrgId;
use crate::model::secret::{Secret, redact};
use crate::token::request::{Request, token_request};

/// A pending authorization request.
pub(super) struct AuthorizationRequest<'a> {
    pub(super) state: String,
    pub(super) verifier: Secret,
    pub(super) environment: Rc<Environment>,
    /// The organization that the person must sign in to; `None` if the person decides.
    pub(super) org: Option<OrgId>,
    pub(super) login: &'a Login,
}

impl<'a> AuthorizationRequest<'a> {
    /// A new request, and the URL to which it sends the person.
    pub(super) async fn begin(login: &'a Login, ports: &impl Platform, need: &Need) -> Result<(AuthorizationRequest<'a>, String), Error> {
        let no_crypto = || Error::new(Code::InsecureOrigin, "This page is not a secure context, so it has no Web Crypto.");
        let random = || ports.random().map(|bytes| Base64UrlUnpadded::encode_string(&bytes)).ok_or_else(no_crypto);
        let verifier = Secret::from(random()?);
        let digest = ports.sha256(verifier.reveal().as_bytes()).await.ok_or_else(no_crypto)?;
        let request =
            AuthorizationRequest { state: random()?, verifier, environment: need.environment.clone(), org: need.org.clone(), login };
        let url = request.authorize_url(&Base64UrlUnpadded::encode_string(&digest), ports);
        Ok((request, url))
    }

    fn authorize_url(&self, challenge: &str, ports: &impl Platform) -> String {
        let login = self.login;
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", &login.client_id),
            ("redirect_uri", &login.redirect_uri),
            ("code_challenge_method", "S256"),
            ("code_challenge", challenge),
            ("state", &self.state),
        ];
        let optional = [
            ("target", self.org.as_ref().map(OrgId::as_str)),
            ("prompt", login.always_prompts.then_some("login")),
            ("login_hint", login.login_hint.as_deref()),
            ("scope", login.scope.as_deref()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                query.push((name, value));
            }
        }
        format!("{}/oauth/authorize?{}", self.environment.login(), ports.form(&query))
    }

    /// The request that exchanges the response's code for a token, if the response matches this request.
    pub(super) fn redemption(&self, ports: &impl Platform, response: &Parameters) -> Result<Box<Request>, Error> {
        let code = self.code(response)?;
        let form = ports.form(&[
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
            ("code_verifier", self.verifier.reveal()),
            ("client_id", &self.login.client_id),
            ("redirect_uri", &self.login.redirect_uri),
        ]);
        Ok(token_request(&self.environment, form, &code, &self.verifier))
    }

    /// The authorization code, if the response matches this request.
    fn code(&self, response: &Parameters) -> Result<Secret, Error> {
        let state = response.get("state");
        // Some servers refuse without the state. Only this page's own callback page brings the response.
        let is_refusal_without_state = state.is_none() && response.get("error").is_some();
        if state != Some(&self.state) && !is_refusal_without_state {
            return Err(not_ours("The authorization response has another state than the request."));
        }
        if response.get("iss").is_some_and(|issuer| !self.environment.has_issuer(issuer)) {
            let error = not_ours("The authorization response names another issuer (iss).");
            return Err(error.with_hint(OTHER_ISSUER).not_retryable());
        }
        if let Some(error) = response.get("error") {
            let code = match error {
                "server_error" | "temporarily_unavailable" => Code::CloudUnavailable,
                _ => Code::LoginDenied,
            };
            let secrets = [self.state.clone().into(), self.verifier.clone(), response.get("code").unwrap_or_default().to_owned().into()];
            let told = |name: &str| {
                let mut text = response.get(name).unwrap_or_default().to_owned();
                redact(&secrets, &mut text);
                text
            };
            let error = told("error");
            let words = format!("{error}: {}", told("error_description"));
            return Err(Error::new(code, format!("The login origin answered \"{error}\".")).caused_by(Cause::Cloud(words)));
        }
        match response.get("code") {
            Some(code) if !code.is_empty() => Ok(code.to_owned().into()),
            _ => {
                let message = "The authorization response has neither a code nor an error.";
                Err(Error::new(Code::UnexpectedAnswer, message))
            }
        }
    }
}

/// The hint if the authorization response names another issuer.
const OTHER_ISSUER: &str =
    "Another server may have answered (a mix-up attack). If the issuer is right, set `issuer` of the entry in `environments`.";

pub(super) fn not_ours(message: &str) -> Error {
    Error::new(Code::LoginStateMismatch, message)
}

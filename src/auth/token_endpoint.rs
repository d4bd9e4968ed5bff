//! The token endpoint of the login origin (RFC 6749 §3.2): a code or a refresh token in exchange for an access token.

use zeroize::Zeroize;

use crate::cloud::exchange::Exchange;
use crate::cloud::ports::Platform;
use crate::cloud::response::Response;
use crate::model::environment::Environment;
use crate::model::error::{Code, Error};
use crate::model::secret::Secret;
use crate::model::time::Timestamp;
use crate::token::access_token::{AccessToken, RefreshToken};
use crate::token::request::token_request;

/// What the token endpoint gave.
pub(crate) struct TokenResponse {
    pub(crate) access_token: AccessToken,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) refresh_token: Option<RefreshToken>,
}

impl TokenResponse {
    /// Gives a refresh token for another access token.
    pub(crate) async fn refreshed<P: Platform>(
        client_id: &str,
        cloud: &Exchange<P>,
        environment: &Environment,
        token: &RefreshToken,
    ) -> Result<TokenResponse, Error> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.secret().reveal()), ("client_id", client_id)];
        let mut response = TokenResponse::to(cloud, environment, &form, &[token.secret()]).await?;
        // Without rotation the old one stays good.
        response.refresh_token.get_or_insert_with(|| token.clone());
        Ok(response)
    }

    pub(super) async fn to<P: Platform>(
        cloud: &Exchange<P>,
        environment: &Environment,
        form: &[(&str, &str)],
        secrets: &[&Secret],
    ) -> Result<TokenResponse, Error> {
        let asked_at = cloud.ports().now();
        let request = token_request(environment, cloud.ports().form(form));
        let mut answer = cloud.send(request).await.map_err(|lost| {
            let mut error = Error::new(Code::Network, "The login origin's token endpoint did not answer.").caused_by(lost.cause);
            error.evidence.status = lost.status;
            error
        })?;
        if answer.status != 200 {
            secrets.iter().for_each(|secret| answer.redact(secret, |text| cloud.ports().parse_json(text)));
            return Err(refused(answer));
        }
        let response = TokenResponse::from_answer(&answer, asked_at);
        answer.body.zeroize();
        answer.json.zeroize();
        response
    }

    /// Counts the token's life from when it was asked for: it may have begun then.
    fn from_answer(answer: &Response, asked_at: Timestamp) -> Result<TokenResponse, Error> {
        let token = answer.json.str("access_token").map(AccessToken::parse);
        let no_token = || Error::new(Code::UnexpectedAnswer, "The login origin's token endpoint gave no access token.");
        Ok(TokenResponse {
            access_token: token.ok_or_else(no_token)??,
            expires_at: answer.json.number("expires_in").map(|seconds| asked_at.after_seconds(seconds as f64)),
            refresh_token: answer.json.str("refresh_token").map(|text| RefreshToken::new(text.to_owned().into())),
        })
    }
}

/// The token endpoint's "no" (RFC 6749 §5.2).
fn refused(mut answer: Response) -> Error {
    let code = match answer.status {
        429 => Code::RateLimited,
        408 | 500..=599 => Code::CloudUnavailable,
        400..=499 => Code::LoginDenied,
        _ => Code::UnexpectedAnswer,
    };
    let word = answer.json.str("error").unwrap_or("no error that can be read");
    let error = Error::new(code, format!("The login origin's token endpoint answered {}: {word}", answer.status));
    if answer.status < 300 {
        // Whatever this is, there may be a token in it.
        answer.body.zeroize();
        answer.json.zeroize();
    }
    error.answered_by(answer)
}

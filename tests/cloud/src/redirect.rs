//! The way back to the client, with the answer in the query.

use axum::response::{IntoResponse, Redirect as SeeOther, Response};
use form_urlencoded::Serializer;

use crate::{problem::Problem, settings::Settings};

pub(crate) struct Redirect {
    /// Registered, to the letter.
    pub(crate) uri: String,
    pub(crate) state: Option<String>,
}

impl Redirect {
    pub(crate) fn plain(&self) -> Response {
        SeeOther::to(&self.uri).into_response()
    }

    pub(crate) fn code(&self, code: &str) -> Response {
        self.with(&[("code", code)], self.state.as_deref())
    }

    pub(crate) fn problem(&self, problem: &Problem, settings: &Settings) -> Response {
        let state = self.state.as_deref().filter(|_| !settings.errors_without_state);
        self.with(&[("error", problem.code), ("error_description", problem.description)], state)
    }

    fn with(&self, pairs: &[(&str, &str)], state: Option<&str>) -> Response {
        let state = state.map(|state| ("state", state));
        let answer = Serializer::new(String::new()).extend_pairs(pairs).extend_pairs(state).finish();
        let separator = if self.uri.contains('?') { '&' } else { '?' };
        // 303: what was posted to the login page must never be posted to the client (RFC 9700, section 4.12).
        SeeOther::to(&format!("{}{separator}{answer}", self.uri)).into_response()
    }
}

//! What is read of a request, each refusal in the shape of all others.

use axum::{
    body::Bytes,
    extract::FromRequestParts,
    http::{HeaderMap, header::CONTENT_TYPE, request::Parts},
};
use serde_json::Value;

use crate::refusal::Refusal;

/// A part of the address, whose refusal has the shape of all others.
pub(crate) struct Told<T>(pub(crate) T);

impl<S: Sync, T: FromRequestParts<S>> FromRequestParts<S> for Told<T>
where
    Refusal: From<T::Rejection>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        Ok(Self(T::from_request_parts(parts, state).await?))
    }
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

pub(crate) fn read_json(headers: &HeaderMap, body: &Bytes) -> Result<Value, Refusal> {
    if !is_json(headers) {
        return Err(Refusal::not_json());
    }
    serde_json::from_slice(body).map_err(|error| Refusal::bad_request(format!("The request body is no JSON: {error}.")))
}

pub(crate) fn text_field<'body>(body: &'body Value, field: &'static str) -> Result<&'body str, Refusal> {
    body.get(field)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Refusal::bad_field(field, format!("{field} must be a text that is not empty.")))
}

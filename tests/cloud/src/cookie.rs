//! The cookies of the login origin.

use axum::http::{HeaderMap, HeaderValue, header, header::SET_COOKIE};

/// The values under this name. There can be several: one for each path and domain that a browser knows.
pub(crate) fn values<'headers>(headers: &'headers HeaderMap, name: &str) -> impl Iterator<Item = &'headers str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(move |pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// Adds a cookie to those that an answer sets.
pub(crate) fn set(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        headers.append(SET_COOKIE, cookie);
    }
}

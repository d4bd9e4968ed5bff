//! Binary downloads and uploads. The published API has none: its files are at other origins, under signed URLs.

use axum::{
    Json, Router,
    body::Bytes,
    extract::Query,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{refusal::Refusal, request::Told, token::Caller, world::Shared};

/// Not a control: the ledger, faults and rate limits apply.
pub(crate) const PATH: &str = "/standin/files";

const MOST_BYTES: usize = 10_000_000;
const DEFAULT_TYPE: &str = "application/octet-stream";
/// A prime, so that blocks whose length is a power of two differ.
const PERIOD: usize = 251;

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route(PATH, get(download).post(upload).put(upload))
}

#[derive(Deserialize)]
struct Wish {
    length: usize,
    #[serde(rename = "type")]
    content_type: Option<String>,
}

async fn download(_: Caller, Told(Query(Wish { length, content_type })): Told<Query<Wish>>) -> Result<Response, Refusal> {
    if length > MOST_BYTES {
        return Err(Refusal::bad_request(format!("A file has at most [{MOST_BYTES}] bytes.")));
    }
    let content_type = content_type.unwrap_or_else(|| DEFAULT_TYPE.to_owned());
    let content_type = HeaderValue::from_str(&content_type).map_err(|_| Refusal::bad_request("type must be a media type."))?;
    let bytes: Vec<u8> = (0..length).map(|place| u8::try_from(place % PERIOD).unwrap_or_default()).collect();
    let headers = [(CONTENT_TYPE, content_type), (CONTENT_DISPOSITION, HeaderValue::from_static("attachment"))];
    Ok((StatusCode::OK, headers, bytes).into_response())
}

async fn upload(_: Caller, headers: HeaderMap, body: Bytes) -> Json<Value> {
    let content_type = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    Json(json!({"length": body.len(), "contentType": content_type, "sha256": format!("{:x}", Sha256::digest(&body))}))
}

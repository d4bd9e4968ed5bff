//! Parsing and cryptography, done by other crates than the library's browser glue.

use premium_recorder::auth::ports::Crypto;
use premium_recorder::cloud::ports::Codec;
use premium_recorder::model::json::Json;
use sha2::Digest;

use super::{Feature, World};

impl World {
    /// The next random bytes are all one more than this number, then two more, and so on.
    pub fn seed_random(&self, number: u8) {
        self.0.random.set(number);
    }
}

impl Codec for World {
    fn parse_json(&self, text: &str) -> Option<Json> {
        json(text)
    }

    fn form(&self, pairs: &[(&str, &str)]) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    fn parse_form(&self, text: &str) -> Vec<(String, String)> {
        url::form_urlencoded::parse(text.strip_prefix('?').unwrap_or(text).as_bytes()).into_owned().collect()
    }
}

impl Crypto for World {
    fn has_crypto(&self) -> bool {
        self.has(Feature::WebCrypto)
    }

    fn random(&self) -> Option<[u8; 32]> {
        let random = self.0.random.get().wrapping_add(1);
        self.0.random.set(random);
        Some([random; 32])
    }

    async fn sha256(&self, bytes: &[u8]) -> Option<[u8; 32]> {
        Some(sha2::Sha256::digest(bytes).into())
    }
}

/// Parses JSON with serde_json.
pub fn json(text: &str) -> Option<Json> {
    fn tree(value: serde_json::Value) -> Json {
        match value {
            serde_json::Value::String(text) => Json::String(text),
            serde_json::Value::Number(number) => Json::from_number(number.as_f64().unwrap()),
            serde_json::Value::Array(items) => Json::Array(items.into_iter().map(tree).collect()),
            serde_json::Value::Bool(value) => Json::Bool(value),
            serde_json::Value::Object(entries) => Json::Object(entries.into_iter().map(|(key, value)| (key, tree(value))).collect()),
            serde_json::Value::Null => Json::Null,
        }
    }
    serde_json::from_str(text).ok().map(tree)
}

/// The decoded pairs of a form.
pub fn form(body: &str) -> std::collections::HashMap<String, String> {
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

//! Web Crypto, where the page is a secure context.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;

use super::foreign::{property, settled};

#[wasm_bindgen]
extern "C" {
    type Crypto;

    #[wasm_bindgen(catch, method, js_name = getRandomValues)]
    fn get_random_values(this: &Crypto, array: &Uint8Array) -> Result<(), JsValue>;

    type SubtleCrypto;

    #[wasm_bindgen(catch, method)]
    fn digest(this: &SubtleCrypto, algorithm: &str, bytes: &Uint8Array) -> Result<Promise, JsValue>;
}

fn crypto() -> JsValue {
    property(&js_sys::global(), "crypto")
}

/// Whether the page is a secure context, which has all of it.
pub(super) fn is_available() -> bool {
    property(&crypto(), "subtle").is_truthy()
}

pub(super) fn random() -> Option<[u8; 32]> {
    let bytes = Uint8Array::new_with_length(32);
    crypto().unchecked_into::<Crypto>().get_random_values(&bytes).ok()?;
    read(&bytes)
}

pub(super) async fn sha256(bytes: &[u8]) -> Option<[u8; 32]> {
    let subtle: SubtleCrypto = property(&crypto(), "subtle").unchecked_into();
    let digest = subtle.digest("SHA-256", &Uint8Array::from(bytes)).ok()?;
    read(&Uint8Array::new(&settled(&digest).await.ok()?))
}

fn read(bytes: &Uint8Array) -> Option<[u8; 32]> {
    let mut read = [0; 32];
    (bytes.length() == 32).then(|| bytes.copy_to(&mut read))?;
    Some(read)
}

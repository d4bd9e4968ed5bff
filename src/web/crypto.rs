//! Web Crypto, which only a secure context has.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;

use super::browser::Browser;
use super::foreign::{global, property};
use super::settled::Settled;
use crate::auth::ports::Crypto;

#[wasm_bindgen]
extern "C" {
    type WebCrypto;

    #[wasm_bindgen(catch, method, js_name = getRandomValues)]
    fn get_random_values(this: &WebCrypto, array: &Uint8Array) -> Result<(), JsValue>;

    type SubtleCrypto;

    #[wasm_bindgen(catch, method)]
    fn digest(this: &SubtleCrypto, algorithm: &str, bytes: &Uint8Array) -> Result<Promise, JsValue>;
}

impl Crypto for Browser {
    fn has_crypto(&self) -> bool {
        property(&global("crypto"), "subtle").is_truthy()
    }

    fn random(&self) -> Option<[u8; 32]> {
        let bytes = Uint8Array::from([0; 32].as_slice());
        global("crypto").unchecked_into::<WebCrypto>().get_random_values(&bytes).ok()?;
        to_array(&bytes)
    }

    async fn sha256(&self, bytes: &[u8]) -> Option<[u8; 32]> {
        let subtle: SubtleCrypto = property(&global("crypto"), "subtle").unchecked_into();
        let digest = subtle.digest("SHA-256", &Uint8Array::from(bytes)).ok()?;
        to_array(&Uint8Array::new(&Settled::of(&digest).await.ok()?))
    }
}

fn to_array(bytes: &Uint8Array) -> Option<[u8; 32]> {
    bytes.to_vec().try_into().ok()
}

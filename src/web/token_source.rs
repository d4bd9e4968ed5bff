//! The app's `getToken`.

use js_sys::{Function, Object, Reflect};
use wasm_bindgen::prelude::*;

use super::abort::AbortOnDrop;
use super::argument;
use super::foreign::settled;
use super::result::{Property, foreign, object};
use crate::cloud::ports::TokenNeed;
use crate::model::error::{Cause, Error};
use crate::token::access_token::IssuedToken;

/// `getToken`, bound to its `this` by the door.
pub(super) struct TokenSource(pub(super) Function);

impl TokenSource {
    pub(super) async fn get_token(&self, need: TokenNeed<'_>) -> Result<Option<IssuedToken>, Cause> {
        let waiting = AbortOnDrop::new();
        let argument = object(&[
            ("environment", need.environment.name().into()),
            ("orgId", need.org.as_str().into()),
            ("scopes", Property::Texts(&need.scopes)),
            ("reason", need.reason.as_str().into()),
        ]);
        Reflect::set(&argument, &"signal".into(), &waiting.signal()).map_err(foreign)?;
        let returned = self.0.call1(&JsValue::UNDEFINED, &argument).map_err(foreign)?;
        let given = settled(&returned).await.map_err(foreign)?;
        waiting.done();
        if given.is_null() || given.is_undefined() { Ok(None) } else { issued(given).map(Some) }
    }
}

fn issued(value: JsValue) -> Result<IssuedToken, Cause> {
    if let Some(access_token) = value.as_string() {
        return Ok(IssuedToken { access_token: access_token.into(), expires_in: None });
    }
    let not_a_token = |error| Cause::Error(Box::new(error));
    let object: Object = argument::object("What getToken returned", &value).map_err(not_a_token)?;
    Ok(IssuedToken {
        access_token: argument::required(&object, "getToken().", "accessToken", argument::text).map_err(not_a_token)?.into(),
        expires_in: argument::optional(&object, "getToken().", "expiresIn", seconds).map_err(not_a_token)?.flatten(),
    })
}

/// A backend that does not know the token's life may well say `null`.
fn seconds(place: &str, value: &JsValue) -> Result<Option<f64>, Error> {
    if value.is_null() { Ok(None) } else { argument::number(place, value).map(Some) }
}

//! The app's `getToken`.

use wasm_bindgen::prelude::*;

use super::abort::AbortOnDrop;
use super::arguments::{Arguments, number, string_or_object, token};
use super::browser::Browser;
use super::outside;
use super::result::{Property, foreign, object, set, without_prototype};
use super::settled::Settled;
use crate::auth::need::Need;
use crate::auth::ports::TokenSource;
use crate::model::argument::{self, bad};
use crate::model::error::{Cause, Error};
use crate::token::access_token::IssuedToken;

impl TokenSource for Browser {
    fn has_token_source(&self) -> bool {
        self.get_token.is_some()
    }

    async fn get_token(&self, need: &Need, scopes: &[String]) -> Result<Option<IssuedToken>, Cause> {
        let Some(get_token) = &self.get_token else { return Ok(None) };
        let in_flight = AbortOnDrop::new();
        let argument = object(&[
            ("environment", need.environment.name().into()),
            ("orgId", need.org.as_ref().into()),
            ("scopes", Property::Strings(scopes)),
            ("reason", need.reason.as_str().into()),
        ]);
        let argument = without_prototype(argument);
        set(&argument, "signal", &in_flight.controller().signal());
        let returned = outside::result(outside::begin(get_token, "call", &[&JsValue::UNDEFINED, &argument])).await.map_err(foreign)?;
        let token = Settled::of(&returned).await.map_err(foreign)?;
        in_flight.mark_done();
        if token.is_null() || token.is_undefined() {
            return Ok(None);
        }
        issued_token(&token).map(Some).map_err(Cause::Error)
    }
}

const NO_ACCESS_TOKEN: &str =
    "getToken returned no `accessToken`. If it has an OAuth response, return { accessToken: access_token, expiresIn: expires_in }.";

fn issued_token(value: &JsValue) -> Result<IssuedToken, Error> {
    if value.is_string() {
        let access_token = token("What getToken returned", value)?;
        return Ok(IssuedToken { access_token: access_token.into(), expires_in: None });
    }
    let value = string_or_object("What getToken returned", value)?;
    let given = Arguments::of_object("What getToken returned", value, &["accessToken", "expiresIn"], "getToken().")?;
    let access_token = given.optional("accessToken", token)?.ok_or_else(|| bad(NO_ACCESS_TOKEN))?;
    Ok(IssuedToken { access_token: access_token.into(), expires_in: given.optional("expiresIn", seconds)?.flatten() })
}

/// A number of seconds, or `null` from a backend that does not know the token's lifetime.
fn seconds(place: &str, value: &JsValue) -> Result<Option<f64>, Error> {
    if value.is_null() { Ok(None) } else { argument::seconds(place, number(place, value)?).map(Some) }
}

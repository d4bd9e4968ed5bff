//! The app's `onEvent`.

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::result::{Property, known_by, object};
use crate::cloud::event::Event;

/// `onEvent`, as the door wraps it: it does not throw, and calls the app later.
pub(super) struct Listener(pub(super) Function);

impl Listener {
    pub(super) fn tell(&self, event: &Event<'_>) {
        let event = match event {
            Event::TokenRequested { org, source, reason } => object(&[
                ("type", "token-requested".into()),
                ("orgId", org.as_str().into()),
                ("source", source.as_str().into()),
                ("reason", reason.as_str().into()),
            ]),
            Event::TokenFiled { grant } => object(&[
                ("type", "token-filed".into()),
                ("orgId", grant.target().org.as_str().into()),
                ("homeOrgId", grant.home_org().into()),
                ("scopes", grant.scopes().into()),
                ("knownBy", known_by(grant).into()),
            ]),
            Event::Request { number, method, url, org } => object(&[
                ("type", "request".into()),
                ("request", Property::Number((*number).into())),
                ("method", method.as_str().into()),
                ("url", (*url).into()),
                ("orgId", (*org).into()),
            ]),
            Event::Response { number, status, millis, correlation_id } => object(&[
                ("type", "answer".into()),
                ("request", Property::Number((*number).into())),
                ("status", status.map_or(Property::Absent, |status| Property::Number(status.into()))),
                ("durationMs", Property::Number(*millis as f64)),
                ("correlationId", (*correlation_id).into()),
            ]),
            Event::Repair { org, code } => repeated("repair", org.as_str(), code.as_str()),
            Event::Retry { org, code } => repeated("retry", org.as_str(), code.as_str()),
            Event::OrgChanged { org, previous } => {
                object(&[("type", "org-changed".into()), ("orgId", org.as_str().into()), ("previousOrgId", (*previous).into())])
            }
            Event::ScopeWarning { org, missing, near_miss } => object(&[
                ("type", "warning".into()),
                ("code", "SCOPE_MISSING".into()),
                ("orgId", org.as_str().into()),
                ("missingScope", (*missing).into()),
                ("nearMiss", (*near_miss).into()),
            ]),
        };
        // The door's own function.
        let _ = self.0.call1(&JsValue::UNDEFINED, &event);
    }
}

fn repeated(kind: &str, org: &str, code: &str) -> JsValue {
    object(&[("type", kind.into()), ("orgId", org.into()), ("code", code.into())])
}

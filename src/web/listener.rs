//! The app's `onEvent`.

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::browser::Browser;
use super::result::{Property, object};
use crate::cloud::event::Event;
use crate::cloud::ports::Observer;

impl Observer for Browser {
    fn emit(&self, event: &Event<'_>) {
        if let Some(on_event) = &self.on_event {
            tell(on_event, event);
        }
    }
}

/// On its own, so that a browser compiles it only for apps that listen.
#[inline(never)]
fn tell(on_event: &Function, event: &Event<'_>) {
    let event = match event {
        Event::TokenRequested { org, source, reason } => object(&[
            ("type", "token-requested".into()),
            ("orgId", (*org).into()),
            ("source", source.as_str().into()),
            ("reason", reason.as_str().into()),
        ]),
        Event::TokenFiled { token } => object(&[
            ("type", "token-filed".into()),
            ("orgId", token.target().org.as_str().into()),
            ("homeOrgId", token.home_org().into()),
            ("scopes", token.scopes().into()),
            ("knownBy", token.known_by().as_str().into()),
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
        Event::Repair { org, code } => refusal_event("repair", org.as_str(), code.as_str()),
        Event::Retry { org, code } => refusal_event("retry", org.as_str(), code.as_str()),
        Event::StartNotStreamed { org } => object(&[("type", "start-not-streamed".into()), ("orgId", org.as_str().into())]),
        Event::DuplicateRecording { org, agent, recordings } => object(&[
            ("type", "duplicate-recording".into()),
            ("orgId", org.as_str().into()),
            ("agentId", (*agent).into()),
            ("recordingIds", Property::Strings(recordings)),
        ]),
        Event::OrgChanged { org, previous } => {
            object(&[("type", "org-changed".into()), ("orgId", org.as_str().into()), ("previousOrgId", (*previous).into())])
        }
        Event::ClientCredentials { org } => {
            object(&[("type", "warning".into()), ("code", "CLIENT_CREDENTIALS".into()), ("orgId", org.as_str().into())])
        }
        Event::ScopeWarning { org, missing, near_miss } => object(&[
            ("type", "warning".into()),
            ("code", "SCOPE_MISSING".into()),
            ("orgId", org.as_str().into()),
            ("missingScope", (*missing).into()),
            ("nearMiss", (*near_miss).into()),
        ]),
    };
    // `src/js` has wrapped `onEvent`, so it does not throw.
    let _ = on_event.call1(&JsValue::UNDEFINED, &event);
}

fn refusal_event(kind: &str, org: &str, code: &str) -> JsValue {
    object(&[("type", kind.into()), ("orgId", org.into()), ("code", code.into())])
}

//! Converts results to JavaScript's values. Errors become plain objects, from which `src/js` makes real `Error`s.

use std::rc::Rc;

use js_sys::{Array, JSON, Map, Object, Reflect};
use serde::ser::{Serialize, Serializer};
use wasm_bindgen::prelude::*;

use super::foreign::own_property;
use crate::cloud::call::CallError;
use crate::model::environment::Environment;
use crate::model::error::{Cause, Error, Seen};
use crate::model::ids::OrgId;
use crate::model::launch::LaunchContext;
use crate::model::time::Moment;
use crate::recorder::doctor::DiagnosisLine;
use crate::recorder::trustor::Trustor;
use crate::recording::Recording;
use crate::recording::batch::BatchProgress;
use crate::token::org_token::OrgToken;

#[wasm_bindgen]
extern "C" {
    /// Calls the function with an outcome, for `src/js/instance.js` and `src/js/index.js`. The first makes both, because the page may
    /// have replaced what a call of a function relies on.
    #[wasm_bindgen(js_name = settle)]
    fn settle_with(function: &JsValue, value: &JsValue, error: &JsValue, aborted: bool, index: usize);

    /// An object with one property for each argument. `src/js/instance.js` makes it, in one call.
    #[wasm_bindgen(js_name = recordingFields)]
    fn recording_fields(
        id: &str,
        agent_id: &str,
        org_id: &str,
        state: &str,
        started_at: Option<&str>,
        already_running: bool,
        raw: &JsValue,
    ) -> JsValue;
}

/// A value from JavaScript as an error's cause, unchanged.
pub(super) fn foreign(value: JsValue) -> Cause {
    Cause::Foreign(Rc::new(value))
}

/// A property of a plain object; `Absent` omits the property. Its `Serialize` is for every value that goes to JavaScript: a derived
/// one would be compiled for every type (wasm size).
pub(super) enum Property<'a> {
    Absent,
    String(&'a str),
    Strings(&'a [String]),
    Number(f64),
    Bool(bool),
}

impl<'a> From<&'a str> for Property<'a> {
    fn from(text: &'a str) -> Property<'a> {
        Property::String(text)
    }
}

impl<'a> From<Option<&'a str>> for Property<'a> {
    fn from(text: Option<&'a str>) -> Property<'a> {
        text.map_or(Property::Absent, Property::String)
    }
}

impl<'a> From<Option<&'a OrgId>> for Property<'a> {
    fn from(org: Option<&'a OrgId>) -> Property<'a> {
        org.map(OrgId::as_str).into()
    }
}

impl<'a> From<Option<&'a [String]>> for Property<'a> {
    fn from(texts: Option<&'a [String]>) -> Property<'a> {
        texts.map_or(Property::Absent, Property::Strings)
    }
}

impl Serialize for Property<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Property::Absent => serializer.serialize_unit(),
            Property::String(text) => serializer.serialize_str(text),
            Property::Strings(texts) => texts.serialize(serializer),
            Property::Number(number) => serializer.serialize_f64(*number),
            Property::Bool(boolean) => serializer.serialize_bool(*boolean),
        }
    }
}

/// A plain object with these properties. They are defined, not assigned, so that no setter on `Object.prototype` gets them.
pub(super) fn object(properties: &[(&str, Property<'_>)]) -> JsValue {
    let map = Map::new();
    for (name, property) in properties {
        if !matches!(property, Property::Absent) {
            // Strings, numbers and booleans always serialize.
            let value = property.serialize(&serde_wasm_bindgen::Serializer::new()).unwrap_or_default();
            map.set(&(*name).into(), &value);
        }
    }
    Object::from_entries(&map).unwrap_or_default().into()
}

/// An array with the value of each item.
pub(super) fn array<T>(items: &[T], value: impl Fn(&T) -> JsValue) -> Array {
    let array = Array::new();
    for item in items {
        array.push(&value(item));
    }
    array
}

/// The same object, for `src/js`: what it lacks is undefined, whatever `Object.prototype` has.
pub(super) fn without_prototype(object: JsValue) -> JsValue {
    // Fails only for objects that are not extensible.
    let _ = Reflect::set_prototype_of(object.unchecked_ref::<Object>(), JsValue::NULL.unchecked_ref::<Object>());
    object
}

/// Calls a function of `src/js` with the outcome of a call, or with the outcome and index of one start of many.
pub(super) fn settle(function: &JsValue, result: Result<JsValue, CallError>, index: usize) {
    let absent = JsValue::UNDEFINED;
    match result {
        Ok(value) => settle_with(function, &value, &absent, false, index),
        Err(CallError::Error(error)) => settle_with(function, &absent, &error_value(&error), false, index),
        Err(CallError::Aborted) => settle_with(function, &absent, &absent, true, index),
    }
}

fn error_value(error: &Error) -> JsValue {
    let evidence = &error.evidence;
    let value = without_prototype(object(&[
        ("code", error.code.as_str().into()),
        ("message", error.message.as_str().into()),
        ("hint", error.hint().as_str().into()),
        ("retryable", Property::Bool(error.retryable())),
        ("status", evidence.status.map_or(Property::Absent, |status| Property::Number(status.into()))),
        ("orgId", evidence.org_id.as_ref().into()),
        ("tokenOrgId", evidence.token_org_id.as_ref().into()),
        ("homeOrgId", evidence.home_org_id.as_ref().into()),
        ("missingScopes", evidence.missing_scopes.as_deref().into()),
        ("grantedScopes", evidence.granted_scopes.as_deref().into()),
        ("nearMiss", evidence.near_miss.as_deref().into()),
        ("orgHeaders", evidence.org_headers.as_deref().into()),
        ("retryAfterMs", evidence.retry_after.map_or(Property::Absent, |millis| Property::Number(millis.into()))),
        ("missingPermissions", evidence.missing_permissions.as_deref().into()),
        ("contextId", evidence.context_id.as_deref().into()),
        ("correlationId", evidence.correlation_id.as_deref().into()),
    ]));
    if let Some(seen) = &evidence.seen {
        let recording = |seen: &Seen| {
            object(&[
                ("id", seen.id.as_str().into()),
                ("state", seen.state.as_str().into()),
                ("startedAt", seen.started_at.as_deref().into()),
            ])
        };
        set(&value, "seenRecordings", &array(seen, recording));
    }
    match &evidence.cause {
        None => {}
        Some(Cause::Cloud(body)) => set(&value, "cause", &json_or_text(body)),
        Some(Cause::Foreign(foreign)) => set(&value, "cause", foreign.downcast_ref().unwrap_or(&JsValue::UNDEFINED)),
        Some(Cause::Error(error)) => set(&value, "causedBy", &error_value(error)),
    }
    value
}

fn json_or_text(text: &str) -> JsValue {
    JSON::parse(text).unwrap_or_else(|_| text.into())
}

pub(super) fn environment(environment: &Environment) -> JsValue {
    object(&[
        ("name", environment.name().into()),
        ("api", environment.api().as_str().into()),
        ("login", environment.login().as_str().into()),
        ("apps", environment.apps().as_str().into()),
    ])
}

pub(super) fn launch(launch: &LaunchContext) -> JsValue {
    let properties: Vec<_> = launch.values().iter().map(|(name, value)| (*name, value.as_str().into())).collect();
    object(&properties)
}

pub(super) fn summary(token: &OrgToken, now: Moment) -> JsValue {
    let expires_at = token.expires_at(now).map(|at| now.wall_clock_at(at));
    object(&[
        ("orgId", token.target().org.as_str().into()),
        ("name", token.org_name().into()),
        ("homeOrgId", token.home_org().into()),
        ("scopes", token.scopes().into()),
        ("expiresAt", expires_at.map_or(Property::Absent, |at| Property::Number(at.as_millis() as f64))),
        ("knownBy", token.known_by().as_str().into()),
    ])
}

pub(super) fn trustor(trustor: &Trustor) -> JsValue {
    object(&[
        ("orgId", trustor.org.as_str().into()),
        ("name", trustor.name.as_deref().into()),
        ("enabled", Property::Bool(trustor.enabled)),
    ])
}

pub(super) fn line(line: &DiagnosisLine) -> JsValue {
    object(&[
        ("check", line.check.into()),
        ("verdict", line.verdict.as_str().into()),
        ("found", line.found.as_str().into()),
        ("expected", line.expected.as_str().into()),
        ("hint", line.hint.as_str().into()),
    ])
}

pub(super) fn progress(progress: BatchProgress) -> JsValue {
    let count = |number: usize| Property::Number(number as f64);
    object(&[
        ("total", count(progress.total)),
        ("settled", count(progress.fulfilled.saturating_add(progress.rejected))),
        ("fulfilled", count(progress.fulfilled)),
        ("rejected", count(progress.rejected)),
    ])
}

pub(super) fn recording(recording: &Recording) -> JsValue {
    recording_value(recording, &json_or_text(&recording.raw.body))
}

/// The recordings of one list, whose body is parsed once.
pub(super) fn recordings(recordings: &[Recording]) -> Array {
    let body = recordings.first().map(|first| json_or_text(&first.raw.body)).unwrap_or_default();
    array(recordings, |recording| recording_value(recording, &body))
}

fn recording_value(recording: &Recording, body: &JsValue) -> JsValue {
    let raw = match &recording.raw.entity {
        Some((names, at)) => {
            let list = names.iter().fold(body.clone(), |value, name| own_property(&value, name).unwrap_or_default());
            Reflect::get(&list, &(*at as f64).into()).unwrap_or_default()
        }
        None => body.clone(),
    };
    let (id, agent, org, state) = (recording.id.as_str(), recording.agent.as_str(), recording.org.as_str(), recording.state.as_str());
    recording_fields(id, agent, org, state, recording.started_at.as_deref(), recording.already_running, &raw)
}

pub(super) fn set(object: &JsValue, name: &str, value: &JsValue) {
    // Setting a property of our own plain object cannot fail.
    let _ = Reflect::set(object, &name.into(), value);
}

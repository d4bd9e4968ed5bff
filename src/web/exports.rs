//! What the door calls. Each call clones what it needs, so that several can be under way.

use std::future::Future;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use js_sys::{Array, Function, Object, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::abort::Aborted;
use super::browser::Browser;
use super::listener::Listener;
use super::token_source::TokenSource;
use super::{argument, page, result};
use crate::auth::sign_in::AuthorizationResponse;
use crate::model::argument::{org_id, timeout};
use crate::model::error::Error;
use crate::model::ids::{AgentId, OrgId, RecordingId};
use crate::recorder::settings::Settings;
use crate::recorder::{CallError, CallOptions, Recorder};
use crate::recording::batch::Batch;
use crate::recording::start::Start;
use crate::token::access_token::AccessToken;

/// Calls back with a panic's place and message, so that the door can reject what is in flight.
#[wasm_bindgen(js_name = onPanic)]
pub fn on_panic(callback: Function) {
    std::panic::set_hook(Box::new(move |panic| {
        let _ = callback.call1(&JsValue::UNDEFINED, &panic.to_string().into());
    }));
}

/// A recorder as the door holds it.
#[wasm_bindgen(js_name = RecorderHandle)]
pub struct Handle(Rc<Recorder<Browser>>);

/// Decides on environment and organization, and files the tokens.
#[wasm_bindgen]
pub fn connect(options: JsValue) -> Promise {
    connected(options, true)
}

/// connect() after a panic: what the page has come back with from a sign-in was read before.
#[wasm_bindgen]
pub fn reconnect(options: JsValue) -> Promise {
    connected(options, false)
}

fn connected(options: JsValue, reads_response: bool) -> Promise {
    settled(async move {
        let (given, options) = argument::connect_options(&options)?;
        let get_token = argument::optional(&given, "", "getToken", argument::function)?;
        let launch_query = argument::launch_query(&given)?;
        let on_event = argument::optional(&given, "", "onEvent", argument::function)?;
        let platform = Browser::new(get_token.map(TokenSource), on_event.map(Listener));
        let mut page = page::page();
        let login = options.login.as_ref().filter(|_| reads_response);
        let returned = AuthorizationResponse::take(login, &platform, page.as_mut())?;
        let settings = Settings::from_options(options, launch_query.as_deref(), page)?;
        let recorder = Recorder::connect(platform, settings, returned, unlimited()).await?;
        Ok(Handle(Rc::new(recorder)).into())
    })
}

#[wasm_bindgen(js_class = RecorderHandle)]
impl Handle {
    /// The environment, as plain data.
    pub fn environment(&self) -> JsValue {
        result::environment(&self.0.settings().environment)
    }

    /// The launch context, as plain data.
    pub fn launch(&self) -> JsValue {
        result::launch(&self.0.settings().launch)
    }

    /// The organization that a call without one is for.
    #[wasm_bindgen(js_name = orgId)]
    pub fn org_id(&self) -> Option<String> {
        self.0.org().map(|org| org.as_str().to_owned())
    }

    /// Summaries of the grants that are held.
    pub fn orgs(&self) -> Array {
        let now = self.0.now();
        self.0.grants().iter().map(|grant| result::summary(grant, now)).collect()
    }

    /// Files a token under its own organization.
    #[wasm_bindgen(js_name = addToken)]
    pub fn add_token(&self, token: JsValue) -> Promise {
        let recorder = self.0.clone();
        settled(async move {
            let token = AccessToken::parse(&argument::text("token", &token)?)?;
            let grant = recorder.add_token(token, unlimited()).await?;
            Ok(result::summary(&grant, recorder.now()))
        })
    }

    /// Makes another organization the target.
    #[wasm_bindgen(js_name = switchOrg)]
    pub fn switch_org(&self, org: JsValue) -> Promise {
        let recorder = self.0.clone();
        settled(async move {
            let org = org_id("orgId", &argument::text("orgId", &org)?)?;
            let grant = recorder.switch_org(org, unlimited()).await?;
            Ok(result::summary(&grant, recorder.now()))
        })
    }

    /// Starts a recording.
    #[wasm_bindgen(js_name = startRecording)]
    pub fn start_recording(&self, agent_id: JsValue, options: JsValue) -> Promise {
        let recorder = self.0.clone();
        settled(async move {
            #[cfg(feature = "panic-on-purpose")]
            super::panic_on_purpose::if_asked(&agent_id).await;
            let (start, limits) = start(agent_id, &options)?;
            let recording = recorder.start_recording(start, limits).await?;
            Ok(result::recording(&recording))
        })
    }

    /// Starts many recordings.
    #[wasm_bindgen(js_name = startMany)]
    pub fn start_many(&self, agents: JsValue, options: JsValue) -> Promise {
        let recorder = self.0.clone();
        settled(async move {
            let given = argument::options("startMany()'s options", &options, MANY)?;
            let number = |name: &str| argument::optional(&given, "", name, argument::number);
            let batch = Batch::from_options(number("concurrency")?, number("requestsPerMinute")?)?;
            let limits = limits(&given)?;
            let org = argument::optional(&given, "", "orgId", argument::text)?;
            let recording_type = argument::optional(&given, "", "recordingType", argument::text)?;
            let shares = argument::optional(&given, "", "share", argument::truth)?;
            let start = |(at, agent): (usize, JsValue)| {
                let place = format!("agents[{at}]");
                let (agent, own_org) = argument::agent(&place, &agent)?;
                let start = Start::new(&agent, own_org.as_deref().or(org.as_deref()), recording_type.clone());
                Ok(Start { shares: shares.unwrap_or(true), ..start.map_err(|error: Error| error.in_argument(&place))? })
            };
            let on_progress = argument::optional(&given, "", "onProgress", argument::function)?;
            let starts = argument::array("agents", &agents)?.iter().enumerate().map(start).collect();
            let tell = |progress| {
                if let Some(on_progress) = &on_progress {
                    // The door's own function.
                    let _ = on_progress.call1(&JsValue::UNDEFINED, &result::progress(progress));
                }
            };
            let results = recorder.start_many(starts, batch, tell, limits).await?;
            Ok(results
                .into_iter()
                .map(|started| result::outcome(started.map(|recording| result::recording(&recording))))
                .collect::<Array>()
                .into())
        })
    }

    /// The recordings of an organization.
    pub fn recordings(&self, options: JsValue) -> Promise {
        let recorder = self.0.clone();
        settled(async move {
            let given = argument::options("recordings()'s options", &options, &["agentId", "orgId", "signal", "timeoutMs"])?;
            let agent = argument::optional(&given, "", "agentId", argument::text)?
                .map(|agent| crate::model::argument::agent_id(&agent))
                .transpose()?;
            let org = org_option(&given)?;
            let recordings = recorder.recordings(agent.as_ref(), org.as_ref(), limits(&given)?).await?;
            Ok(result::recordings(&recordings).into())
        })
    }

    /// A recording.
    pub fn recording(&self, id: JsValue, options: JsValue) -> Promise {
        let recorder = self.0.clone();
        settled(async move {
            let given = argument::options("recording()'s options", &options, &["orgId", "signal", "timeoutMs"])?;
            let id = crate::model::argument::recording_id(&argument::text("id", &id)?)?;
            let org = org_option(&given)?;
            Ok(result::recording(&recorder.recording(&id, org.as_ref(), None, limits(&given)?).await?))
        })
    }

    /// A recording as it is now.
    #[wasm_bindgen(js_name = refreshRecording)]
    pub fn refresh_recording(&self, id: JsValue, org: JsValue, agent: JsValue, options: JsValue) -> Promise {
        let recorder = self.0.clone();
        settled(async move {
            let (id, org, agent, limits) = about("refresh()'s options", [&id, &org, &agent], &options)?;
            Ok(result::recording(&recorder.recording(&id, Some(&org), Some(&agent), limits).await?))
        })
    }

    /// Stops a recording.
    #[wasm_bindgen(js_name = stopRecording)]
    pub fn stop_recording(&self, id: JsValue, org: JsValue, agent: JsValue, options: JsValue) -> Promise {
        let recorder = self.0.clone();
        settled(async move {
            let (id, org, agent, limits) = about("stop()'s options", [&id, &org, &agent], &options)?;
            Ok(result::recording(&recorder.stop(&id, &org, Some(&agent), limits).await?))
        })
    }

    /// The organizations that have authorized the user's own one.
    #[wasm_bindgen(js_name = availableOrgs)]
    pub fn available_orgs(&self) -> Promise {
        let recorder = self.0.clone();
        settled(async move {
            let trustors = recorder.trustors(unlimited()).await?;
            Ok(trustors.iter().map(result::trustor).collect::<Array>().into())
        })
    }

    /// Revokes a token, or every one, and forgets it.
    #[wasm_bindgen(js_name = signOut)]
    pub fn sign_out(&self, org: JsValue) -> Promise {
        let recorder = self.0.clone();
        settled(async move {
            let org = if org.is_undefined() { None } else { Some(org_id("orgId", &argument::text("orgId", &org)?)?) };
            recorder.sign_out(org, unlimited()).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Looks at everything that a start depends on.
    pub fn diagnose(&self, agent_id: JsValue, options: JsValue) -> Promise {
        let recorder = self.0.clone();
        settled(async move {
            let given = argument::options("diagnose()'s options", &options, &["orgId"])?;
            let agent = if agent_id.is_undefined() {
                None
            } else {
                Some(crate::model::argument::agent_id(&argument::text("agentId", &agent_id)?)?)
            };
            let org = org_option(&given)?;
            let lines = recorder.diagnose(agent.as_ref(), org.as_ref(), unlimited()).await?;
            Ok(lines.iter().map(result::line).collect::<Array>().into())
        })
    }

    /// Forgets every token; what is in flight is rejected.
    pub fn close(&self) {
        self.0.close();
    }
}

const START: &[&str] = &["orgId", "signal", "timeoutMs", "recordingType", "share"];

const MANY: &[&str] = &["orgId", "signal", "timeoutMs", "recordingType", "share", "concurrency", "requestsPerMinute", "onProgress"];

fn start(agent_id: JsValue, options: &JsValue) -> Result<(Start, CallOptions<Aborted>), Error> {
    let given = argument::options("startRecording()'s options", options, START)?;
    let agent = argument::text("agentId", &agent_id)?;
    let org = argument::optional(&given, "", "orgId", argument::text)?;
    let start = Start::new(&agent, org.as_deref(), argument::optional(&given, "", "recordingType", argument::text)?)?;
    let shares = argument::optional(&given, "", "share", argument::truth)?;
    Ok((Start { shares: shares.unwrap_or(true), ..start }, limits(&given)?))
}

fn limits(given: &Object) -> Result<CallOptions<Aborted>, Error> {
    let millis = argument::optional(given, "", "timeoutMs", argument::number)?;
    let signal = argument::optional(given, "", "signal", argument::signal)?;
    Ok(CallOptions { timeout: millis.map(|millis| timeout("timeoutMs", millis)).transpose()?, aborted: Aborted::by(signal) })
}

type About = (RecordingId, OrgId, AgentId, CallOptions<Aborted>);

/// What a call about a recording is given: of which, and the options.
fn about(place: &str, [id, org, agent]: [&JsValue; 3], options: &JsValue) -> Result<About, Error> {
    let given = argument::options(place, options, &["signal", "timeoutMs"])?;
    let id = crate::model::argument::recording_id(&argument::text("id", id)?)?;
    let org = org_id("orgId", &argument::text("orgId", org)?)?;
    let agent = crate::model::argument::agent_id(&argument::text("agentId", agent)?)?;
    Ok((id, org, agent, limits(&given)?))
}

fn org_option(given: &Object) -> Result<Option<OrgId>, Error> {
    argument::optional(given, "", "orgId", argument::text)?.map(|org| org_id("orgId", &org)).transpose()
}

fn unlimited() -> CallOptions<Aborted> {
    CallOptions { timeout: None, aborted: Aborted::by(None) }
}

fn settled(work: impl Future<Output = Result<JsValue, CallError>> + 'static) -> Promise {
    boxed(Box::pin(work))
}

/// One promise for every kind of work: a generic one would be compiled for each.
///
/// The work's first step is made in the caller's own turn: only there, in a click, may a window be opened.
fn boxed(work: LocalBoxFuture<'static, Result<JsValue, CallError>>) -> Promise {
    let mut work = work.fuse();
    let first = work.poll_unpin(&mut Context::from_waker(Waker::noop()));
    future_to_promise(async move {
        let result = match first {
            Poll::Ready(result) => result,
            Poll::Pending => work.await,
        };
        Ok(result::outcome(result))
    })
}

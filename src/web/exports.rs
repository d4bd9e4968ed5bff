//! The functions that `src/js` calls. Each call clones the recorder's `Rc`, so that several calls can be in flight.

use std::future::Future;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use js_sys::{Array, Function, JSON, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use super::abort::AbortListener;
use super::arguments::{self, Arguments};
use super::browser::Browser;
use super::channel::SharingChannels;
use super::{fetch, page, result, timer};
use crate::auth::sign_in::AuthorizationResponse;
use crate::cloud::call::{CallError, CallOptions};
use crate::cloud::response::BODY_TOO_LONG;
use crate::cloud::signal::Signal;
use crate::model::argument;
use crate::model::error::{Code, Error};
use crate::model::ids::{AgentId, OrgId, RecordingId};
use crate::model::secret::Secret;
use crate::recorder::Recorder;
use crate::recorder::fetch::AppRequest;
use crate::recorder::page_state::PageState;
use crate::recorder::settings::Settings;
use crate::recording::batch::Batch;
use crate::recording::start::Start;
use crate::token::access_token::AccessToken;

/// Calls back with a panic's location and message, so that `src/js` can reject the calls in flight.
#[wasm_bindgen(js_name = onPanic)]
pub fn on_panic(callback: Function) {
    std::panic::set_hook(Box::new(move |panic| {
        let _ = callback.call1(&JsValue::UNDEFINED, &panic.to_string().into());
    }));
}

/// An earlier instance of the module has panicked: it may have sent starts.
#[wasm_bindgen(js_name = notePanic)]
pub fn note_panic() {
    PAGE.with(|page| page.note_panic(timer::now(), timer::wall_clock()));
}

/// A recorder, as `src/js` holds it.
#[wasm_bindgen(js_name = RecorderHandle)]
pub struct Handle(Rc<Recorder<Browser>>);

thread_local! {
    /// What this instance's recorders share.
    static PAGE: PageState = PageState::default();
}

/// Decides on the environment and the organization, and stores the tokens.
#[wasm_bindgen]
pub fn connect(options: JsValue) -> Promise {
    open(options, true)
}

/// connect() after a panic: the first connect() has already read the response of a sign-in by redirect.
#[wasm_bindgen]
pub fn reconnect(options: JsValue) -> Promise {
    open(options, false)
}

fn open(options: JsValue, reads_response: bool) -> Promise {
    to_promise(async move {
        let (given, options) = arguments::connect_options(&options)?;
        let (get_token, on_event) = (given.function("getToken")?, given.function("onEvent")?);
        let browser = Browser { get_token, on_event, sharing_channels: SharingChannels::default() };
        let launch_query = arguments::launch_query(&given)?;
        let mut page = page::page();
        let login = options.login.as_ref().filter(|_| reads_response);
        let state = PAGE.with(Clone::clone);
        let response = AuthorizationResponse::take(login, &browser, page.as_mut(), &state.returned)?;
        let settings = Settings::from_options(options, launch_query.as_deref(), page)?;
        let recorder = Recorder::connect(state, browser, settings, response, CallOptions::default()).await?;
        Ok(Handle(Rc::new(recorder)).into())
    })
}

#[wasm_bindgen(js_class = RecorderHandle)]
impl Handle {
    /// The environment, as a plain object.
    pub fn environment(&self) -> JsValue {
        result::environment(&self.0.settings().environment)
    }

    /// The launch context, as a plain object.
    pub fn launch(&self) -> JsValue {
        result::launch(&self.0.settings().launch)
    }

    /// The organization of calls that name none.
    #[wasm_bindgen(js_name = orgId)]
    pub fn org_id(&self) -> Option<String> {
        self.0.org().map(|org| org.as_str().to_owned())
    }

    /// Summaries of the tokens in memory.
    pub fn orgs(&self) -> Array {
        let now = self.0.now();
        self.0.tokens().iter().map(|token| result::summary(token, now)).collect()
    }

    /// Stores a token under its own organization.
    #[wasm_bindgen(js_name = addToken)]
    pub fn add_token(&self, token: JsValue) -> Promise {
        self.promise(async move |recorder| {
            let token = AccessToken::parse(Secret::from(arguments::token("token", &token)?).reveal())?;
            let token = recorder.add_token(token, CallOptions::default()).await?;
            Ok(result::summary(&token, recorder.now()))
        })
    }

    /// Makes another organization the target.
    #[wasm_bindgen(js_name = switchOrg)]
    pub fn switch_org(&self, org: JsValue) -> Promise {
        self.promise(async move |recorder| {
            let token = recorder.switch_org(org_id(&org)?, CallOptions::default()).await?;
            Ok(result::summary(&token, recorder.now()))
        })
    }

    /// Signs in.
    #[wasm_bindgen(js_name = signIn)]
    pub fn sign_in(&self, options: JsValue) -> Promise {
        self.promise(async move |recorder| {
            let given = Arguments::options("signIn()'s options", &options, &["orgId", "signal", "timeoutMs"])?;
            let org = org_option(&given)?;
            let (options, _listener) = call_options(&given)?;
            let token = recorder.sign_in(org, options).await?;
            Ok(result::summary(&token, recorder.now()))
        })
    }

    /// Starts a recording.
    #[wasm_bindgen(js_name = startRecording)]
    pub fn start_recording(&self, agent_id: JsValue, options: JsValue) -> Promise {
        self.promise(async move |recorder| {
            #[cfg(feature = "panic-on-purpose")]
            super::panic_on_purpose::if_requested(&agent_id).await;
            let given = Arguments::options("startRecording()'s options", &options, START_OPTIONS)?;
            let agent = arguments::string("agentId", &agent_id)?;
            let start = Start::new(&agent, given.string("orgId")?.as_deref(), given.string("recordingType")?)?;
            let start = Start { shares: given.bool("share")?.unwrap_or(start.shares), ..start };
            let (options, _listener) = call_options(&given)?;
            Ok(result::recording(&recorder.start_recording(start, options).await?))
        })
    }

    /// Starts many recordings. Calls `on_settled` with each agent's index and outcome.
    #[wasm_bindgen(js_name = startMany)]
    pub fn start_many(&self, agents: JsValue, options: JsValue, on_settled: Function) -> Promise {
        self.promise(async move |recorder| {
            let given = Arguments::options("startMany()'s options", &options, START_MANY_OPTIONS)?;
            let batch = Batch::from_options(given.number("concurrency")?, given.number("requestsPerMinute")?)?;
            let (options, _listener) = call_options(&given)?;
            let (org, recording_type) = (given.string("orgId")?, given.string("recordingType")?);
            let share = given.bool("share")?;
            let start = |at: u32, agent: JsValue| {
                let place = format!("agents[{at}]");
                let (agent, own_org) = arguments::agent(&place, &agent)?;
                let start = Start::new(&agent, own_org.as_deref().or(org.as_deref()), recording_type.clone());
                let start = start.map_err(|error: Error| error.in_argument(&place))?;
                Ok(Start { shares: share.unwrap_or(start.shares), ..start })
            };
            let on_progress = given.function("onProgress")?;
            let agents = arguments::array("agents", &agents)?;
            let starts = (0..agents.length()).map(|at| start(at, agents.get(at)));
            // `src/js` has made or wrapped both functions, so they do not throw.
            let settled = |at: usize, settled: Result<_, _>, progress| {
                let outcome = result::outcome(settled.map(|recording| result::recording(&recording)));
                let _ = on_settled.call2(&JsValue::UNDEFINED, &JsValue::from(at as f64), &outcome);
                if let Some(on_progress) = &on_progress {
                    let _ = on_progress.call1(&JsValue::UNDEFINED, &result::progress(progress));
                }
            };
            recorder.start_many(starts, batch, settled, options).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Sends the app's request. Resolves to the platform's own response.
    pub fn fetch(&self, path: JsValue, options: JsValue, request: JsValue, header_names: JsValue, is_stream: bool) -> Promise {
        self.promise(async move |recorder| {
            let (request, org, call_options, _listener) = app_request(&path, &options, request, &header_names, is_stream, FETCH_OPTIONS)?;
            let request = AppRequest { takes_response: true, ..request };
            let response = recorder.send(request, org.as_ref(), call_options).await?;
            Ok(response.platform_response.and_then(|response| response.downcast_ref().cloned()).unwrap_or_default())
        })
    }

    /// Sends the app's request. Resolves to the JSON of the response.
    pub fn request(&self, path: JsValue, options: JsValue, request: JsValue, header_names: JsValue, is_stream: bool) -> Promise {
        self.promise(async move |recorder| {
            let (request, org, call_options, _listener) = app_request(&path, &options, request, &header_names, is_stream, REQUEST_OPTIONS)?;
            let response = recorder.send(request, org.as_ref(), call_options).await?;
            if response.body.is_empty() {
                return Ok(JsValue::UNDEFINED);
            }
            JSON::parse(&response.body).map_err(|_| {
                let what = if response.body == BODY_TOO_LONG { "longer than 4 MiB" } else { "not JSON" };
                let error = Error::new(Code::UnexpectedAnswer, format!("The response is {what}: use fetch()."));
                CallError::from(error.answered_by(response))
            })
        })
    }

    /// The recordings of an organization.
    pub fn recordings(&self, options: JsValue) -> Promise {
        self.promise(async move |recorder| {
            let given = Arguments::options("recordings()'s options", &options, &["agentId", "orgId", "signal", "timeoutMs"])?;
            let agent = given.string("agentId")?.map(|agent| argument::agent_id(&agent)).transpose()?;
            let org = org_option(&given)?;
            let (options, _listener) = call_options(&given)?;
            Ok(result::recordings(&recorder.recordings(agent.as_ref(), org.as_ref(), options).await?).into())
        })
    }

    /// A recording.
    pub fn recording(&self, id: JsValue, options: JsValue) -> Promise {
        self.promise(async move |recorder| {
            let given = Arguments::options("recording()'s options", &options, &["agentId", "orgId", "signal", "timeoutMs"])?;
            let id = argument::recording_id(&arguments::string("id", &id)?)?;
            let agent = given.string("agentId")?.map(|agent| argument::agent_id(&agent)).transpose()?;
            let org = org_option(&given)?;
            let (options, _listener) = call_options(&given)?;
            Ok(result::recording(&recorder.recording(&id, org.as_ref(), agent.as_ref(), options).await?))
        })
    }

    /// A recording as it is now.
    #[wasm_bindgen(js_name = refreshRecording)]
    pub fn refresh_recording(&self, id: JsValue, org: JsValue, agent: JsValue, options: JsValue) -> Promise {
        self.promise(async move |recorder| {
            let given = Arguments::options("refresh()'s options", &options, &["signal", "timeoutMs"])?;
            let (id, org, agent) = recording_ids(&id, &org, &agent)?;
            let (options, _listener) = call_options(&given)?;
            Ok(result::recording(&recorder.recording(&id, Some(&org), Some(&agent), options).await?))
        })
    }

    /// Stops a recording.
    #[wasm_bindgen(js_name = stopRecording)]
    pub fn stop_recording(&self, id: JsValue, org: JsValue, agent: JsValue, options: JsValue) -> Promise {
        self.promise(async move |recorder| {
            let given = Arguments::options("stop()'s options", &options, &["signal", "timeoutMs"])?;
            let (id, org, agent) = recording_ids(&id, &org, &agent)?;
            let (options, _listener) = call_options(&given)?;
            Ok(result::recording(&recorder.stop(&id, &org, Some(&agent), options).await?))
        })
    }

    /// The organizations that have authorized the user's own organization.
    #[wasm_bindgen(js_name = availableOrgs)]
    pub fn available_orgs(&self) -> Promise {
        self.promise(async move |recorder| {
            let trustors = recorder.trustors(CallOptions::default()).await?;
            Ok(trustors.iter().map(result::trustor).collect::<Array>().into())
        })
    }

    /// Revokes and forgets the token of one organization, or every token.
    #[wasm_bindgen(js_name = signOut)]
    pub fn sign_out(&self, org: JsValue) -> Promise {
        self.promise(async move |recorder| {
            let org = if org.is_undefined() { None } else { Some(org_id(&org)?) };
            recorder.sign_out(org, CallOptions::default()).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Checks everything that a start depends on.
    pub fn diagnose(&self, agent_id: JsValue, options: JsValue) -> Promise {
        self.promise(async move |recorder| {
            let given = Arguments::options("diagnose()'s options", &options, &["orgId"])?;
            let agent = if agent_id.is_undefined() { None } else { Some(argument::agent_id(&arguments::string("agentId", &agent_id)?)?) };
            let org = org_option(&given)?;
            let lines = recorder.diagnose(agent.as_ref(), org.as_ref(), CallOptions::default()).await?;
            Ok(lines.iter().map(result::line).collect::<Array>().into())
        })
    }

    /// Forgets every token, and rejects the calls in flight.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Handle {
    /// Runs work that needs the recorder, as a promise.
    fn promise<F>(&self, work: impl FnOnce(Rc<Recorder<Browser>>) -> F) -> Promise
    where
        F: Future<Output = Result<JsValue, CallError>> + 'static,
    {
        to_promise(work(self.0.clone()))
    }
}

/// `request`: what `src/js/request.js` makes of the app's method, headers and body.
fn app_request(
    path: &JsValue,
    options: &JsValue,
    request: JsValue,
    header_names: &JsValue,
    is_stream: bool,
    names: &[&str],
) -> Result<(AppRequest, Option<OrgId>, CallOptions, AbortListener), Error> {
    let given = Arguments::options("The options", options, names)?;
    let app_request = AppRequest {
        path: arguments::string("path", path)?,
        method: request.unchecked_ref::<fetch::AppRequest>().method(),
        header_names: arguments::strings("headers", header_names)?,
        idempotent: given.bool("idempotent")?,
        is_stream,
        platform_request: Rc::new(request),
        takes_response: false,
    };
    let (call_options, listener) = call_options(&given)?;
    Ok((app_request, org_option(&given)?, call_options, listener))
}

const FETCH_OPTIONS: &[&str] = &["method", "headers", "body", "duplex", "idempotent", "orgId", "signal", "timeoutMs"];

const REQUEST_OPTIONS: &[&str] = &["json", "method", "headers", "body", "duplex", "idempotent", "orgId", "signal", "timeoutMs"];

const START_OPTIONS: &[&str] = &["orgId", "signal", "timeoutMs", "recordingType", "share"];

const START_MANY_OPTIONS: &[&str] =
    &["orgId", "signal", "timeoutMs", "recordingType", "share", "concurrency", "requestsPerMinute", "onProgress"];

/// Reads `timeoutMs` and `signal`. The app's signal has an effect until the listener is dropped.
fn call_options(given: &Arguments) -> Result<(CallOptions, AbortListener), Error> {
    let timeout = given.number("timeoutMs")?.map(|millis| argument::timeout("timeoutMs", millis)).transpose()?;
    let signal = Signal::default();
    let listener = AbortListener::new(given.signal("signal")?, &signal);
    Ok((CallOptions { timeout, signal }, listener))
}

/// The ids of the recording whose method was called.
fn recording_ids(id: &JsValue, org: &JsValue, agent: &JsValue) -> Result<(RecordingId, OrgId, AgentId), Error> {
    let id = argument::recording_id(&arguments::string("id", id)?)?;
    Ok((id, org_id(org)?, argument::agent_id(&arguments::string("agentId", agent)?)?))
}

fn org_id(value: &JsValue) -> Result<OrgId, Error> {
    argument::org_id("orgId", &arguments::string("orgId", value)?)
}

fn org_option(given: &Arguments) -> Result<Option<OrgId>, Error> {
    given.string("orgId")?.map(|org| argument::org_id("orgId", &org)).transpose()
}

fn to_promise(work: impl Future<Output = Result<JsValue, CallError>> + 'static) -> Promise {
    boxed_to_promise(Box::pin(work))
}

/// Boxed to avoid one compiled copy for each kind of work (wasm size).
///
/// The first poll runs in the caller's own turn: during a click, a browser lets only that turn open a window.
fn boxed_to_promise(work: LocalBoxFuture<'static, Result<JsValue, CallError>>) -> Promise {
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

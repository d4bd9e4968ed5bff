//! The functions that `src/js` calls. Each call clones the recorder's `Rc`, so that several calls can be in flight.

use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use js_sys::{Array, Function, JSON};
use wasm_bindgen::prelude::*;

use super::abort::AbortListener;
use super::arguments::{self, Arguments};
use super::browser::Browser;
use super::channel::SharingChannels;
use super::fetch::PlatformRequest;
use super::settled::settle;
use super::{page, result, timer};
use crate::cloud::call::{CallError, CallOptions};
use crate::cloud::response::Response;
use crate::cloud::signal::Signal;
use crate::model::argument::{self, bad};
use crate::model::error::Error;
use crate::model::ids::{AgentId, OrgId, RecordingId};
use crate::model::secret::Secret;
use crate::recorder::Recorder;
use crate::recorder::fetch::{AppRequest, not_json};
use crate::recorder::page_state::PageState;
use crate::recorder::settings::Settings;
use crate::recording::batch::Batch;
use crate::recording::start::Start;
use crate::token::access_token::AccessToken;

/// Begins an instance. Calls `on_panic` with a panic's location and message, so that `src/js` can reject the calls in flight.
/// `follows_panic`: an earlier instance has panicked, which may have sent starts.
#[wasm_bindgen]
pub fn initialize(on_panic: Function, follows_panic: bool) {
    std::panic::set_hook(Box::new(move |panic| {
        let _ = on_panic.call1(&JsValue::UNDEFINED, &panic.to_string().into());
    }));
    if follows_panic {
        PAGE.with(|page| page.note_panic(timer::now(), timer::wall_clock()));
    }
}

/// Ends a wait of the module: a promise has settled, a timer is over, or a response has come. `number`: which wait. `value`: what the
/// promise is fulfilled or rejected with, or the response.
#[wasm_bindgen]
pub fn settled(number: u32, value: JsValue, is_rejected: bool) {
    settle(number, if is_rejected { Err(value) } else { Ok(value) });
}

/// A recorder, as `src/js` holds it.
#[wasm_bindgen(js_name = RecorderHandle)]
pub struct Handle(Rc<Recorder<Browser>>);

thread_local! {
    /// What this instance's recorders share.
    static PAGE: PageState = PageState::default();
}

/// Decides on the environment and the organization, and stores the tokens. Calls `settle` with the outcome. `reads_response`: false
/// after a panic, because the first connect() has already read the response of a sign-in by redirect.
#[wasm_bindgen]
pub fn connect(settle: Function, options: JsValue, reads_response: bool) {
    run(settle, Box::pin(open(options, reads_response)));
}

async fn open(options: JsValue, reads_response: bool) -> Result<JsValue, CallError> {
    let (given, options) = arguments::connect_options(&options)?;
    let (get_token, on_event) = (given.function("getToken")?, given.function("onEvent")?);
    let browser = Browser { get_token, on_event, sharing_channels: SharingChannels::default() };
    let launch_query = arguments::launch_query(&given)?;
    let mut page = page::page();
    let state = PAGE.with(Clone::clone);
    if reads_response {
        state.returned.receive(options.login.as_ref(), &browser, page.as_mut())?;
    }
    let settings = Settings::from_options(options, launch_query.as_deref(), page)?;
    let recorder = Recorder::connect(state, browser, settings, CallOptions::default()).await?;
    Ok(Handle(Rc::new(recorder)).into())
}

/// Calls `settle` with the outcome. The work begins in the caller's own turn: during a click, a browser lets only that turn open
/// a window.
fn run(settle: Function, mut work: LocalBoxFuture<'static, Result<JsValue, CallError>>) {
    match work.poll_unpin(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result::settle(&settle, result, 0),
        Poll::Pending => timer::spawn(Box::pin(async move { result::settle(&settle, work.await, 0) })),
    }
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
    pub fn org_id(&self) -> JsValue {
        self.0.org().map(|org| org.as_str().into()).unwrap_or_default()
    }

    /// Summaries of the tokens in memory.
    pub fn orgs(&self) -> Array {
        let now = self.0.now();
        result::array(&self.0.tokens(), |token| result::summary(token, now))
    }

    /// Forgets every token, and rejects the calls in flight.
    pub fn close(&self) {
        self.0.close();
    }

    /// Calls a method with its options and its other arguments, which are an object with their names. Calls `settle` with the outcome.
    pub fn call(&self, settle: Function, method: String, options: JsValue, arguments: JsValue) {
        run(settle, Box::pin(perform(self.0.clone(), method, options, arguments)));
    }
}

/// What messages call a method's options, and the names that the options may have.
fn options_of(method: &str) -> (&'static str, &'static [&'static str]) {
    match method {
        "signIn" => ("signIn()'s options", &["orgId", "signal", "timeoutMs"]),
        "startRecording" => ("startRecording()'s options", &["orgId", "signal", "timeoutMs", "recordingType", "share"]),
        "startMany" => (
            "startMany()'s options",
            &["orgId", "signal", "timeoutMs", "recordingType", "share", "concurrency", "requestsPerMinute", "onProgress"],
        ),
        "fetch" => ("The options", &["method", "headers", "body", "duplex", "idempotent", "orgId", "signal", "timeoutMs"]),
        "request" => ("The options", &["json", "method", "headers", "body", "duplex", "idempotent", "orgId", "signal", "timeoutMs"]),
        "recordings" => ("recordings()'s options", &["agentId", "orgId", "signal", "timeoutMs"]),
        "recording" => ("recording()'s options", &["agentId", "orgId", "signal", "timeoutMs"]),
        "refresh" => ("refresh()'s options", &["signal", "timeoutMs"]),
        "stop" => ("stop()'s options", &["signal", "timeoutMs"]),
        "diagnose" => ("diagnose()'s options", &["orgId"]),
        _ => ("The options", &[]),
    }
}

/// Runs a method of the recorder. The app's signal can abort it until it settles.
async fn perform(recorder: Rc<Recorder<Browser>>, method: String, options: JsValue, arguments: JsValue) -> Result<JsValue, CallError> {
    let (place, names) = options_of(&method);
    let given = Arguments::options(place, &options, names)?.and(&arguments)?;
    let timeout = given.number("timeoutMs")?.map(|millis| argument::timeout("timeoutMs", millis)).transpose()?;
    let signal = Signal::default();
    let _listener = given.signal("signal")?.and_then(|app_signal| AbortListener::new(app_signal, &signal));
    let call = CallOptions { timeout, signal };
    if method == "startMany" {
        // Each start reads the organization by itself, and fails by itself.
        start_many(&recorder, &given, call).await?;
        return Ok(JsValue::UNDEFINED);
    }
    let org = match method.as_str() {
        "switchOrg" => Some(given.required("orgId", org_id)?),
        _ => given.optional("orgId", org_id)?,
    };
    let agent = given.optional("agentId", agent_id)?;
    Ok(match method.as_str() {
        "addToken" => {
            let token = AccessToken::parse(Secret::from(given.required("token", arguments::token)?).reveal())?;
            result::summary(&*recorder.add_token(token, call).await?, recorder.now())
        }
        "switchOrg" | "signIn" => result::summary(&*recorder.sign_in(org, call).await?, recorder.now()),
        "startRecording" => {
            let agent = agent.ok_or_else(|| arguments::must_be("agentId", "a string"))?;
            #[cfg(feature = "panic-on-purpose")]
            super::panic_on_purpose::if_requested(agent.as_str()).await;
            let start = Start::new(agent, org, given.string("recordingType")?, given.bool("share")?)?;
            result::recording(&recorder.start_recording(start, call).await?)
        }
        "fetch" | "request" => {
            let request = app_request(&given, method == "fetch")?;
            response_value(recorder.send(request, org.as_ref(), call).await?)?
        }
        "recordings" => result::recordings(&recorder.recordings(agent.as_ref(), org.as_ref(), call).await?).into(),
        "recording" | "refresh" => {
            let id = given.required("id", recording_id)?;
            result::recording(&recorder.recording(&id, org.as_ref(), agent.as_ref(), call).await?)
        }
        "stop" => {
            let (id, org) = (given.required("id", recording_id)?, given.required("orgId", org_id)?);
            result::recording(&recorder.stop(&id, &org, agent.as_ref(), call).await?)
        }
        "availableOrgs" => result::array(&recorder.trustors(call).await?, result::trustor).into(),
        "signOut" => {
            recorder.sign_out(org, call).await?;
            JsValue::UNDEFINED
        }
        "diagnose" => {
            let lines = recorder.diagnose(agent.as_ref(), org.as_ref(), call).await?;
            result::array(&lines, result::line).into()
        }
        _ => return Err(bad(format!("There is no {method}().")).into()),
    })
}

/// Starts many recordings. Calls `onSettled` with each agent's outcome and index.
async fn start_many(recorder: &Recorder<Browser>, given: &Arguments, call: CallOptions) -> Result<(), CallError> {
    let batch = Batch::from_options(given.number("concurrency")?, given.number("requestsPerMinute")?)?;
    let (org, recording_type) = (given.string("orgId")?, given.string("recordingType")?);
    let share = given.bool("share")?;
    let start = |at: u32, agent: JsValue| {
        let place = format!("agents[{at}]");
        let (agent, own_org) = arguments::agent(&place, &agent)?;
        let start = || {
            let org = own_org.as_ref().or(org.as_ref()).map(|org| argument::org_id("orgId", org)).transpose()?;
            Start::new(argument::agent_id(&agent)?, org, recording_type.clone(), share)
        };
        start().map_err(|error| error.in_argument(&place))
    };
    let on_progress = given.function("onProgress")?;
    let agents = given.required("agents", arguments::array)?;
    let on_settled = given.value("onSettled");
    let settled = |at: usize, settled: Result<_, _>, progress| {
        result::settle(&on_settled, settled.map(|recording| result::recording(&recording)), at);
        // `src/js` has wrapped the function, so it does not throw.
        if let Some(on_progress) = &on_progress {
            let _ = on_progress.call1(&JsValue::UNDEFINED, &result::progress(progress));
        }
    };
    let starts = (0..agents.length()).map(|at| start(at, agents.get(at)));
    recorder.start_many(starts, batch, settled, call).await
}

/// `request`: what `src/js/request.js` makes of the app's method, headers and body.
fn app_request(given: &Arguments, takes_response: bool) -> Result<AppRequest, Error> {
    let request: PlatformRequest = given.value("request").unchecked_into();
    Ok(AppRequest {
        path: given.required("path", arguments::string)?,
        method: request.method(),
        header_names: arguments::strings("headers", &given.value("headerNames"))?,
        idempotent: given.bool("idempotent")?,
        is_stream: request.is_stream(),
        platform_request: Rc::new(JsValue::from(request)),
        takes_response,
    })
}

/// The platform's response for fetch(), or its JSON for request().
fn response_value(response: Box<Response>) -> Result<JsValue, CallError> {
    if let Some(platform_response) = &response.platform_response {
        return Ok(platform_response.downcast_ref().cloned().unwrap_or_default());
    }
    if response.body.is_empty() {
        return Ok(JsValue::UNDEFINED);
    }
    JSON::parse(&response.body).map_err(|_| not_json(&response).into())
}

fn recording_id(name: &str, value: &JsValue) -> Result<RecordingId, Error> {
    argument::recording_id(&arguments::string(name, value)?)
}

fn agent_id(name: &str, value: &JsValue) -> Result<AgentId, Error> {
    argument::agent_id(&arguments::string(name, value)?)
}

fn org_id(name: &str, value: &JsValue) -> Result<OrgId, Error> {
    argument::org_id(name, &arguments::string(name, value)?)
}

//! Options, and calls of the recorder.

use std::cell::RefCell;
use std::future::Future;

use premium_recorder::auth::login::LoginOptions;
use premium_recorder::cloud::call::{CallError, CallOptions};
use premium_recorder::cloud::response::Response;
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::argument::{agent_id, org_id};
use premium_recorder::model::environment::EnvironmentEntry;
use premium_recorder::model::error::{Code, Error};
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::page_state::PageState;
use premium_recorder::recorder::settings::{Options, Settings};
use premium_recorder::recording::Recording;
use premium_recorder::recording::batch::{Batch, BatchProgress};
use premium_recorder::recording::page_starts::PageStarts;
use premium_recorder::recording::start::Start;

use super::{AGENT, CALLBACK, SentRequest, World, join, page};

/// The entry of a private cloud in `environments`.
pub fn private_cloud() -> EnvironmentEntry {
    EnvironmentEntry {
        name: "private".to_owned(),
        api: "https://api.cloud.example".to_owned(),
        login: "https://login.cloud.example".to_owned(),
        apps: "https://apps.cloud.example".to_owned(),
        issuer: None,
    }
}

/// Options of an app in the private cloud.
pub fn options(tokens: &[&str]) -> Options {
    Options {
        tokens: tokens.iter().map(|&token| token.to_owned().into()).collect(),
        environment: Some("private".to_owned()),
        environments: vec![private_cloud()],
        ..Options::default()
    }
}

/// Options of an app in the private cloud whose users sign in.
pub fn login_options() -> Options {
    let login = LoginOptions { client_id: Some("client".to_owned()), redirect_uri: CALLBACK.to_owned(), ..LoginOptions::default() };
    Options { login: Some(login), ..options(&[]) }
}

/// Neither `signal` nor `timeoutMs`.
pub fn no_options() -> CallOptions {
    CallOptions::default()
}

/// `timeoutMs`.
pub fn with_timeout(timeout: u32) -> CallOptions {
    CallOptions { timeout: Some(timeout), ..CallOptions::default() }
}

/// `signal`.
pub fn with_signal(signal: &Signal) -> CallOptions {
    CallOptions { signal: signal.clone(), ..CallOptions::default() }
}

/// The result of a call that is aborted when the future `abort` completes.
pub async fn aborted_when<T>(abort: impl Future<Output = ()>, call: impl AsyncFnOnce(CallOptions) -> T) -> T {
    let signal = Signal::default();
    let abort = async {
        abort.await;
        signal.abort();
    };
    join(abort, call(with_signal(&signal))).await.1
}

pub async fn connect(world: &World, options: Options) -> Recorder<World> {
    try_connect(world, options).await.unwrap()
}

pub async fn try_connect(world: &World, options: Options) -> Result<Recorder<World>, CallError> {
    let settings = Settings::from_options(options, None, Some(page(&[]))).unwrap();
    Recorder::connect(PageState::default(), world.clone(), settings, no_options()).await
}

/// Another recorder of the same page.
pub async fn connect_in(starts: &PageStarts, world: &World, options: Options) -> Recorder<World> {
    let settings = Settings::from_options(options, None, Some(page(&[]))).unwrap();
    Recorder::connect(PageState { starts: starts.clone(), ..PageState::default() }, world.clone(), settings, no_options()).await.unwrap()
}

/// Connects, opens a sign-in window with the first start in this organization, and signs in.
pub async fn sign_in(world: &World, options: Options, org: &str) -> Recorder<World> {
    let recorder = connect(world, options).await;
    record_and_sign_in(&recorder, world, org).await.unwrap();
    recorder
}

/// Starts a recording, and signs in with the window that the start opens.
pub async fn record_and_sign_in(recorder: &Recorder<World>, world: &World, org: &str) -> Result<Recording, CallError> {
    join(record(recorder, org), async { world.popups().last().unwrap().post_code("code") }).await.0
}

/// A start of the agent with this id, if its arguments are valid.
pub fn new_start(agent: &str, org: Option<&str>, recording_type: Option<String>) -> Result<Start, Error> {
    let org = org.map(|org| org_id("orgId", org)).transpose()?;
    Start::new(agent_id(agent)?, org, recording_type, None)
}

/// A start for `AGENT` in this organization.
pub fn start_in(org: &str) -> Start {
    new_start(AGENT, Some(org), None).unwrap()
}

/// Starts a recording of `AGENT` in this organization.
pub async fn record(recorder: &Recorder<World>, org: &str) -> Result<Recording, CallError> {
    recorder.start_recording(start_in(org), no_options()).await
}

/// Starts a recording of `AGENT` without an `orgId`.
pub async fn record_in_current_org(recorder: &Recorder<World>) -> Result<Recording, CallError> {
    recorder.start_recording(new_start(AGENT, None, None).unwrap(), no_options()).await
}

/// The error of a call that failed.
pub fn error<T: std::fmt::Debug>(result: Result<T, CallError>) -> Error {
    match result.unwrap_err() {
        CallError::Error(error) => {
            assert_is_a_sentence(&error.message);
            error
        }
        CallError::Aborted => panic!("the call was aborted"),
    }
}

pub fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    let error = result.unwrap_err();
    assert_is_a_sentence(&error.message);
    error.code
}

/// An app may show the hint after the message: `${message} ${hint}`.
pub fn assert_is_a_sentence(message: &str) {
    assert!(message.ends_with('.') && !message.ends_with(".."), "{message:?} does not end with exactly one full stop");
}

/// The wall-clock time in milliseconds at which the recorder's token of this index expires.
pub fn expires_at(recorder: &Recorder<World>, index: usize) -> i64 {
    let now = recorder.now();
    now.wall_clock_at(recorder.tokens()[index].expires_at(now).unwrap()).as_millis()
}

/// A start for an agent of a batch.
pub fn start_of(agent: &str, org: &str) -> Result<Start, Error> {
    new_start(agent, Some(org), None)
}

/// So many starts in one organization, for `agent-0`, `agent-1`, ….
pub fn starts_in(org: &str, count: usize) -> Vec<Result<Start, Error>> {
    (0..count).map(|number| start_of(&format!("agent-{number}"), org)).collect()
}

pub fn concurrency(concurrency: usize) -> Batch {
    Batch { concurrency, requests_per_minute: None }
}

pub async fn start_many(recorder: &Recorder<World>, starts: Vec<Result<Start, Error>>, batch: Batch) -> Vec<Result<Recording, CallError>> {
    start_many_with(recorder, starts, batch, |_| {}, no_options()).await.unwrap()
}

/// The results in the order of the starts.
pub async fn start_many_with(
    recorder: &Recorder<World>,
    starts: Vec<Result<Start, Error>>,
    batch: Batch,
    on_progress: impl Fn(BatchProgress),
    options: CallOptions,
) -> Result<Vec<Result<Recording, CallError>>, CallError> {
    let results = RefCell::new(vec![None; starts.len()]);
    let on_settled = |at: usize, result, progress| {
        assert!(results.borrow_mut()[at].replace(result).is_none(), "start {at} settled twice");
        on_progress(progress);
    };
    recorder.start_many(starts.into_iter(), batch, on_settled, options).await?;
    Ok(results.take().into_iter().map(|result| result.expect("every start settles")).collect())
}

/// Pages of one origin, each with its recorder. The cloud responds to each page with `responder`.
pub async fn connect_pages(
    count: usize,
    first: World,
    responder: impl Fn(&SentRequest) -> Response + Clone + 'static,
    options: impl Fn() -> Options,
) -> Vec<(World, Recorder<World>)> {
    let mut pages = Vec::new();
    for number in 0..count {
        let world = if number == 0 { first.clone() } else { first.another_page() };
        world.respond(responder.clone());
        let recorder = connect(&world, options()).await;
        pages.push((world, recorder));
    }
    pages
}

/// How often these pages called `getToken`.
pub fn get_token_calls_of(pages: &[(World, Recorder<World>)]) -> usize {
    pages.iter().map(|(world, _)| world.get_token_calls().len()).sum()
}

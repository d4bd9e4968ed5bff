//! Plays a schedule.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use premium_recorder::auth::login::LoginOptions;
use premium_recorder::cloud::call::{CallError, CallOptions};
use premium_recorder::cloud::ports::Codec as _;
use premium_recorder::model::environment::EnvironmentEntry;
use premium_recorder::model::ids::{AgentId, OrgId, RecordingId};
use premium_recorder::model::json::Json;
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::page_state::PageState;
use premium_recorder::recorder::settings::{Options, Settings};
use premium_recorder::recording::Recording;
use premium_recorder::recording::batch::{Batch, BatchProgress};
use premium_recorder::recording::start::Start;
use premium_recorder::token::access_token::AccessToken;

use crate::clock::{Event, Timer};
use crate::cloud::AGENT_IDS;
use crate::coverage::Seen;
use crate::invariant::{Call, Key, LONGEST_KEPT, Outcome, UNDECIDED, Violation};
use crate::login::{ADDRESS, CALLBACK, CLIENT_ID, ORIGIN, QUERY};
use crate::page::{OTHER_TYPE, Page, START_HEADER, api};
use crate::schedule::{self, Does, Ending, ORGS, PageSetup, Schedule, Step};
use crate::signal::Signal;
use crate::token::{End, ORG_IDS, org_number};
use crate::world::World;

/// The longest time that calls have, and that everything has that is under way when the steps are over, in milliseconds.
const TO_THE_END: i64 = 3_600_000;

/// Who owns the tasks and locks of strangers.
const STRANGER: usize = usize::MAX;

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The invariant that it broke.
    pub violation: Option<Violation>,
    /// What happened.
    pub seen: Seen,
    /// What happened when, if it was asked for.
    pub log: Vec<String>,
}

/// Plays the schedule.
pub fn run(schedule: &Schedule, logs: bool) -> Report {
    let world = World::new(schedule.clone(), logs);
    let played = catch_unwind(AssertUnwindSafe(|| Play::new(&world).play()));
    if let Err(panic) = played {
        let words = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|&words| words.to_owned()));
        world.broken("NO PANIC", || words.unwrap_or_default());
    }
    // The tasks have the world, and the world the tasks.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        world.executor.end_all();
        world.clock.clear();
    }));
    Report { violation: world.violation(), seen: world.seen.take(), log: world.lines() }
}

type Connected = Rc<Connection>;

/// A page's recorder, once there is one.
#[derive(Default)]
struct Connection {
    recorder: RefCell<Option<Rc<Recorder<Page>>>>,
    is_decided: Signal,
}

/// A page: one instance of the module, with all the recorders that it has had.
#[derive(Clone, Default)]
struct Instance {
    state: PageState,
    recorders: Rc<RefCell<Vec<usize>>>,
}

/// A tab, for one of the recorders that its page has at the same time.
struct Tab {
    number: usize,
    setup: PageSetup,
    instance: Instance,
    recorder: usize,
    connection: Connected,
    /// Whether it shows the login page at present.
    is_away: bool,
}

struct Play<'a> {
    world: &'a Rc<World>,
    tabs: Vec<Tab>,
    recorders: usize,
}

impl Play<'_> {
    fn new(world: &Rc<World>) -> Play<'_> {
        Play { world, tabs: Vec::new(), recorders: 0 }
    }

    fn play(&mut self) {
        for (at, setup) in self.world.schedule.pages.clone().into_iter().enumerate() {
            let same = self.tabs.last().filter(|_| setup.is_same_page).map(|tab| (tab.number, tab.instance.clone()));
            if same.is_some() {
                self.world.see("page", "has several recorders");
            }
            let (number, instance) = same.unwrap_or((at, Instance::default()));
            let tab = self.open(number, setup, "", instance);
            self.tabs.push(tab);
        }
        let steps = if self.tabs.is_empty() { Vec::new() } else { self.world.schedule.steps.clone() };
        for step in &steps {
            if self.world.is_broken() {
                return;
            }
            self.world.log(|| format!("STEP {}", serde_json::to_string(step).unwrap()));
            self.step(step);
        }
        let beginning = self.world.now();
        self.run_until(beginning);
        self.check();
        self.run_until(beginning + TO_THE_END);
        self.check();
        if !self.world.is_broken() {
            self.world.check_settled();
        }
        self.world.log(|| "END".to_owned());
        self.world.executor.end(STRANGER);
        // Closed, and still there.
        self.tabs.iter().for_each(|tab| self.end(tab, Ending::Closed));
        self.run_until(beginning + TO_THE_END + LONGEST_KEPT + 1);
        if !self.world.is_broken() {
            self.world.check_idle();
        }
    }

    fn check(&self) {
        if !self.world.is_broken() {
            self.world.check_quiet();
            self.world.check_locks();
            self.world.check_woken();
        }
    }

    /// Lets what happens up to this time happen, in tabs that are left and come back as well.
    fn run_until(&mut self, end: i64) {
        while let Some(event) = self.world.run_until(end) {
            match event {
                Event::Leaves { recorder, tab, returns } => {
                    self.world.log(|| format!("tab {tab} is left"));
                    self.leave(&self.tabs[tab].instance.recorders.borrow());
                    self.leave(&[recorder]);
                    // With it goes what its recorders have.
                    for tab in self.tabs.iter_mut().filter(|other| other.number == tab) {
                        tab.connection = Connected::default();
                        tab.is_away = true;
                    }
                    if let Some((after, query)) = returns {
                        self.world.clock.after(after, Event::Returns { tab, query });
                    }
                }
                Event::Returns { tab, query } if self.tabs[tab].is_away => {
                    self.world.log(|| format!("tab {tab} comes back with {query}"));
                    self.world.see("sign-in", "came back");
                    self.load(tab, &query);
                }
                _ => {}
            }
        }
    }

    /// Loads a tab's page anew, with as many recorders. `response`: the query with which it comes back from a sign-in, which the
    /// first recorder takes that signs in by redirect.
    fn load(&mut self, number: usize, response: &str) {
        let instance = Instance::default();
        let mut response = response;
        for at in 0..self.tabs.len() {
            if self.tabs[at].number == number {
                let setup = self.tabs[at].setup.clone();
                let redirects = setup.login.as_ref().is_some_and(|login| login.redirects);
                let response = if redirects { std::mem::take(&mut response) } else { "" };
                self.tabs[at] = self.open(number, setup, response, instance.clone());
            }
        }
    }

    /// Opens a recorder in a tab's page. `response`: the query with which the page comes back from a sign-in.
    fn open(&mut self, number: usize, setup: PageSetup, response: &str, instance: Instance) -> Tab {
        let recorder = self.recorders;
        self.recorders += 1;
        instance.recorders.borrow_mut().push(recorder);
        self.world.recorder_of_page(instance.recorders.borrow()[0], !setup.without_list);
        let state = instance.state.clone();
        let connection = Connected::default();
        let world = self.world.clone();
        let to_decide = connection.clone();
        let page = Page::new(&world, recorder, number, &setup);
        let options = options(&world, &setup);
        let mut query = page.parse_form(response);
        if query.is_empty() {
            query.push((QUERY.0.to_owned(), QUERY.1.to_owned()));
        }
        let call = new_call(&world, "connect", recorder, None, None);
        let work = async move {
            let timeout = call.timeout;
            let abort = call.abort.clone();
            let number = world.call_begins(call);
            let limits = CallOptions { timeout: u32::try_from(timeout).ok(), signal: abort };
            let connected = connected(state, page, options, query, limits).await;
            let outcome = match connected {
                Ok(recorder) => {
                    to_decide.recorder.replace(Some(Rc::new(recorder)));
                    Outcome::Done
                }
                Err(failure) => failed(failure),
            };
            to_decide.is_decided.give();
            world.call_ends(number, outcome);
        };
        self.world.executor.spawn(recorder, Box::pin(work));
        Tab { number, setup, instance, recorder, connection, is_away: false }
    }

    /// Ends what a page has had.
    fn end(&self, tab: &Tab, how: Ending) {
        match how {
            Ending::Closed => {
                let recorder = tab.connection.recorder.borrow().clone();
                if let Some(recorder) = recorder {
                    self.world.recorder_closed(tab.recorder);
                    recorder.close();
                }
            }
            Ending::Dropped => {}
            Ending::Gone => self.leave(&tab.instance.recorders.borrow()),
        }
    }

    /// A page is gone, with all that its recorders did.
    fn leave(&self, recorders: &[usize]) {
        recorders.iter().for_each(|&recorder| self.world.page_gone(recorder));
        recorders.iter().for_each(|&recorder| self.world.executor.end(recorder));
    }

    fn tab(&self, page: u8) -> &Tab {
        &self.tabs[usize::from(page) % self.tabs.len()]
    }

    /// Makes a call as soon as the page has a recorder.
    fn call<F: Future<Output = Outcome> + 'static>(
        &self,
        page: u8,
        name: &'static str,
        limits: (Option<u32>, Option<u32>),
        key: impl FnOnce(&Recorder<Page>) -> Option<(Option<Key>, bool)> + 'static,
        work: impl FnOnce(Rc<Recorder<Page>>, CallOptions) -> F + 'static,
    ) {
        let tab = self.tab(page);
        if tab.is_away {
            return;
        }
        let (world, connection, number) = (self.world.clone(), tab.connection.clone(), tab.recorder);
        self.world.executor.spawn(
            number,
            Box::pin(async move {
                connection.is_decided.given().await;
                let Some(recorder) = connection.recorder.borrow().clone() else { return };
                drop(connection);
                let Some((key, shares)) = key(&recorder) else { return };
                let (timeout, abort_after) = limits;
                let call = Call { key, shares, ..new_call(&world, name, number, timeout, abort_after) };
                let signal = call.abort.clone();
                let call = world.call_begins(call);
                let outcome = work(recorder, CallOptions { timeout, signal }).await;
                world.call_ends(call, outcome);
            }),
        );
    }

    fn step(&mut self, step: &Step) {
        let world = self.world.clone();
        match step {
            Step::Advance(millis) => {
                self.run_until(world.now() + i64::from(*millis));
                self.check();
            }
            Step::Turns(count) => (0..*count).for_each(|_| {
                world.executor.turn();
            }),
            Step::Start(start) => self.start(start),
            Step::StartMany(step) => self.start_many(step),
            Step::Stop(schedule::Page(page, which)) => {
                if let Some((id, org)) = self.known(*page, *which) {
                    self.call(
                        *page,
                        "stopRecording",
                        (None, None),
                        |_| Some((None, false)),
                        move |recorder, limits| async move {
                            let stopped = recorder.stop(&id, &org, None, limits).await;
                            stopped.map_or_else(failed, |recording| seen(&world, &recording, true))
                        },
                    );
                }
            }
            Step::Look(schedule::Page(page, which)) => {
                if let Some((id, org)) = self.known(*page, *which) {
                    self.call(
                        *page,
                        "recording",
                        (None, None),
                        |_| Some((None, false)),
                        move |recorder, limits| async move {
                            let found = recorder.recording(&id, Some(&org), None, limits).await;
                            found.map_or_else(failed, |recording| seen(&world, &recording, false))
                        },
                    );
                }
            }
            Step::List(schedule::Page(page, agent)) => {
                let agent = agent.map(|agent| AgentId::parse(AGENT_IDS[usize::from(agent)]).unwrap());
                self.call(
                    *page,
                    "recordings",
                    (None, None),
                    |_| Some((None, false)),
                    move |recorder, limits| async move {
                        let listed = recorder.recordings(agent.as_ref(), None, limits).await;
                        listed.iter().flatten().for_each(|recording| world.given(recording));
                        done(listed)
                    },
                );
            }
            Step::Switch(schedule::Page(page, org)) => {
                let org = org_id(*org);
                self.call(
                    *page,
                    "switchOrg",
                    (None, None),
                    |_| Some((None, false)),
                    |recorder, limits| async move { done(recorder.switch_org(org, limits).await) },
                );
            }
            Step::AddToken(schedule::Page(page, token)) => {
                let environment = self.tab(*page).setup.environment;
                let now = world.clouds.borrow()[usize::from(environment)].time(world.now());
                let number = world.tokens.borrow_mut().issue(token, 0, environment, now);
                self.add(*page, number);
            }
            Step::AddAgain(schedule::Page(page, which)) => {
                let given = world.tokens.borrow().given_in(self.tab(*page).setup.environment);
                if !given.is_empty() {
                    self.add(*page, given[usize::from(*which) % given.len()]);
                }
            }
            Step::SignOut(schedule::Page(page, org)) => {
                let (number, of) = (self.tab(*page).recorder, *org);
                let org = org.map(org_id);
                self.call(
                    *page,
                    "signOut",
                    (None, None),
                    |_| Some((None, false)),
                    move |recorder, limits| async move {
                        world.signs_out(number, of);
                        done(recorder.sign_out(org, limits).await)
                    },
                );
            }
            Step::Stranger(stranger) => self.stranger(stranger),
            Step::Close(schedule::Page(page, ())) => self.end(self.tab(*page), Ending::Closed),
            Step::Reload(schedule::Page(page, ending)) => {
                let at = usize::from(*page) % self.tabs.len();
                self.end(&self.tabs[at], *ending);
                let Tab { number, setup, instance, is_away, .. } = &self.tabs[at];
                if *ending == Ending::Gone || *is_away {
                    self.load(*number, "");
                } else {
                    self.tabs[at] = self.open(*number, setup.clone(), "", instance.clone());
                }
            }
            Step::Abort(which) => {
                if let Some(signal) = world.aborts().get(usize::from(*which)) {
                    signal.abort();
                }
            }
            Step::Sleep { millis, stands_still } => world.sleep(i64::from(*millis), *stands_still),
            Step::SetClock(millis) => world.set_clock(i64::from(*millis)),
            Step::Revoke { environment, org, is_expiry } => {
                let end = if *is_expiry { End::Expired } else { End::Revoked };
                world.tokens.borrow_mut().end_all(*environment, *org, end);
            }
        }
    }

    fn add(&self, page: u8, number: usize) {
        let text = self.world.tokens.borrow_mut().give(number, self.tab(page).setup.environment);
        let token = AccessToken::parse(&text).unwrap();
        self.call(
            page,
            "addToken",
            (None, None),
            |_| Some((None, false)),
            |recorder, limits| async move { done(recorder.add_token(token, limits).await) },
        );
    }

    /// A recording that its cloud knows, with its organization.
    fn known(&self, page: u8, which: u8) -> Option<(RecordingId, OrgId)> {
        let clouds = self.world.clouds.borrow();
        let cloud = &clouds[usize::from(self.tab(page).setup.environment)];
        let count = cloud.recordings().len();
        let number = usize::from(which).checked_rem(count)?;
        Some((RecordingId::parse(&cloud.recording_id(number)).unwrap(), org_id(cloud.recordings()[number].org)))
    }

    /// A script that is not the library's does what it does, for as long as it does.
    fn stranger(&self, stranger: &schedule::Stranger) {
        let is_start = stranger.does == Does::HoldsStart;
        let Some((name, _)) = self.world.a_name(stranger.which, is_start) else { return };
        let (world, does, time) = (self.world.clone(), stranger.does, stranger.time);
        world.log(|| format!("a stranger: {does:?} {name}"));
        let work = async move {
            let is_lock = matches!(does, Does::HoldsStart | Does::HoldsToken);
            let lock = if is_lock { Some(world.origin.lock(&name, STRANGER).await) } else { None };
            let odd = (!is_lock).then(|| world.origin.share_oddly(&name, does));
            if is_lock {
                world.see("stranger", if is_start { "holds a start" } else { "holds tokens" });
            }
            match time {
                Some(millis) => Timer::new(&world, i64::from(millis)).await,
                None => std::future::pending().await,
            }
            drop((lock, odd));
        };
        self.world.executor.spawn(STRANGER, Box::pin(work));
    }

    fn start_many(&self, step: &schedule::StartMany) {
        let tab = self.tab(step.page);
        if tab.is_away {
            return;
        }
        let (world, connection, number, environment) = (self.world.clone(), tab.connection.clone(), tab.recorder, tab.setup.environment);
        let step = step.clone();
        let work = async move {
            connection.is_decided.given().await;
            let Some(recorder) = connection.recorder.borrow().clone() else { return };
            drop(connection);
            let total = step.starts.len();
            let starts = step.starts.iter().map(|&(agent, org)| start_of(agent, org, false, true)).map(Ok).collect::<Vec<_>>();
            let rate = Some(f64::from(step.a_minute)).filter(|rate| *rate > 0.0);
            let batch = Batch::from_options(Some(f64::from(step.concurrency)).filter(|number| *number > 0.0), rate).unwrap();
            // Each start has its own time, after those before it, and waits for its turn in the minute, which a start that
            // nobody answers may take for as long as it is kept.
            let longest = i64::from(step.timeout.unwrap_or(TIMEOUT)) + 5_000;
            let longest = longest + LONGEST_SIGN_IN + LONGEST_KEPT;
            let of_step = |step: &Step| if let Step::StartMany(many) = step { many.starts.len() } else { 0 };
            let turns = i64::try_from(world.schedule.steps.iter().map(of_step).sum::<usize>()).unwrap() + 1;
            let whole = new_call(&world, "startRecordings", number, None, step.abort_after);
            let abort = whole.abort.clone();
            let mut calls = Vec::new();
            for &(agent, org) in &step.starts {
                let key = key_of(&recorder, number, environment, agent, org, false);
                let timeout = turns * (longest + 60_000);
                let call = Call {
                    key,
                    shares: true,
                    is_of_batch: true,
                    is_vague: true,
                    timeout,
                    name: "one of many",
                    abort: abort.clone(),
                    ..new_call(&world, "", number, None, None)
                };
                calls.push(world.call_begins(call));
            }
            let told = Rc::new(Cell::new(BatchProgress::default()));
            let to_tell = told.clone();
            let limits = CallOptions { timeout: step.timeout, signal: abort };
            let results = Rc::new(RefCell::new(vec![None; starts.len()]));
            let settling = results.clone();
            let on_settled = move |at: usize, result, progress| {
                settling.borrow_mut()[at] = Some(result);
                to_tell.set(progress);
            };
            match recorder.start_many(starts.into_iter(), batch, on_settled, limits).await {
                Ok(()) => {
                    let results: Vec<_> = results.take().into_iter().flatten().collect();
                    world.check_progress(told.get(), &results.iter().map(Result::is_ok).collect::<Vec<_>>(), total);
                    for (call, result) in calls.into_iter().zip(results) {
                        world.call_ends(call, result.map_or_else(failed, |recording| recorded(&world, &recording)));
                    }
                }
                Err(failure) => calls.into_iter().for_each(|call| world.call_ends(call, failed(failure.clone()))),
            }
        };
        self.world.executor.spawn(number, Box::pin(work));
    }

    fn start(&self, step: &schedule::Start) {
        let start = start_of(step.agent, step.org, step.is_other_type, !step.is_alone);
        let tab = self.tab(step.page);
        let (number, environment) = (tab.recorder, tab.setup.environment);
        let schedule::Start { agent, org, is_other_type, is_alone, .. } = *step;
        let key = move |recorder: &Recorder<Page>| Some((key_of(recorder, number, environment, agent, org, is_other_type), !is_alone));
        let world = self.world.clone();
        self.call(step.page, "startRecording", (step.timeout, step.abort_after), key, move |recorder, limits| async move {
            match recorder.start_recording(start, limits).await {
                Ok(recording) => recorded(&world, &recording),
                Err(failure) => failed(failure),
            }
        });
    }
}

fn start_of(agent: u8, org: Option<u8>, is_other_type: bool, shares: bool) -> Start {
    let recording_type = is_other_type.then(|| OTHER_TYPE.to_owned());
    let agent = AgentId::parse(AGENT_IDS[usize::from(agent)]).unwrap();
    let org = org.map(|org| OrgId::parse(ORG_IDS[usize::from(org)]).unwrap());
    Start::new(agent, org, recording_type, Some(shares)).unwrap()
}

fn key_of(recorder: &Recorder<Page>, number: usize, environment: u8, agent: u8, org: Option<u8>, is_other_type: bool) -> Option<Key> {
    let org = org.or_else(|| recorder.org().and_then(|org| org_number(org.as_str())));
    Some(Key { recorder: number, environment, org: org.unwrap_or(UNDECIDED), agent, is_other_type })
}

fn seen(world: &World, recording: &Recording, is_stopped: bool) -> Outcome {
    world.given(recording);
    Outcome::Seen { id: recording.id.as_str().to_owned(), is_stopped }
}

fn recorded(world: &World, recording: &Recording) -> Outcome {
    world.given(recording);
    Outcome::Recording { id: recording.id.as_str().to_owned(), already_running: recording.already_running }
}

fn org_id(number: u8) -> OrgId {
    OrgId::parse(ORG_IDS[usize::from(number % ORGS)]).unwrap()
}

fn done<T>(result: Result<T, CallError>) -> Outcome {
    result.map_or_else(failed, |_| Outcome::Done)
}

fn failed(failure: CallError) -> Outcome {
    match failure {
        CallError::Error(error) => Outcome::Failed(error),
        CallError::Aborted => Outcome::Aborted,
    }
}

/// The longest time that somebody may take to sign in, in milliseconds.
const LONGEST_SIGN_IN: i64 = 120_000;

/// The time that a call has unless it says otherwise, in milliseconds.
const TIMEOUT: u32 = 15_000;

fn new_call(world: &Rc<World>, name: &'static str, recorder: usize, timeout: Option<u32>, abort_after: Option<u32>) -> Call {
    let abort = premium_recorder::cloud::signal::Signal::default();
    if let Some(millis) = abort_after {
        world.clock.after(i64::from(millis), Event::Abort(abort.clone()));
    }
    let now = world.now();
    let timeout = i64::from(timeout.unwrap_or(TIMEOUT));
    Call {
        name,
        recorder,
        key: None,
        shares: false,
        began: now,
        since: now,
        timeout,
        abort,
        ended: None,
        is_gone: false,
        is_of_batch: false,
        is_vague: false,
        requests: (0, 0),
        sign_outs: 0,
        joined: Vec::new(),
    }
}

/// Connects, as the library's own `connect()` does in a page.
async fn connected(
    state: PageState,
    page: Page,
    options: Options,
    query: Vec<(String, String)>,
    limits: CallOptions,
) -> Result<Recorder<Page>, CallError> {
    let mut place =
        premium_recorder::model::page::Page { origin: ORIGIN.to_owned(), address: ADDRESS.to_owned(), query, fragment: String::new() };
    state.returned.receive(options.login.as_ref(), &page, Some(&mut place))?;
    let settings = Settings::from_options(options, None, Some(place))?;
    Recorder::connect(state, page, settings, limits).await
}

fn login_options(login: &schedule::Login) -> LoginOptions {
    LoginOptions {
        client_id: Some(CLIENT_ID.to_owned()),
        redirect_uri: if login.redirects { ADDRESS } else { CALLBACK }.to_owned(),
        mode: login.redirects.then(|| "redirect".to_owned()),
        prompt: login.prompts.then(|| "login".to_owned()),
        wrong_org: login.files_wrong_org.then(|| "file".to_owned()),
        timeout: login.timeout.map(f64::from),
        ..LoginOptions::default()
    }
}

fn options(world: &Rc<World>, setup: &PageSetup) -> Options {
    let now = world.clouds.borrow()[usize::from(setup.environment)].time(world.now());
    let mut tokens = world.tokens.borrow_mut();
    let mut held = Vec::new();
    for token in &setup.tokens {
        let number = tokens.issue(token, 0, setup.environment, now);
        held.push(tokens.give(number, setup.environment).into());
    }
    Options {
        tokens: held,
        login: setup.login.as_ref().map(login_options),
        share_tokens: setup.keeps_tokens.then_some(false),
        org_id: setup.org.map(|org| ORG_IDS[usize::from(org % ORGS)].to_owned()),
        environment: Some(name(setup.environment).to_owned()),
        environments: vec![entry(0), entry(1)],
        contract: contract(setup),
        ..Options::default()
    }
}

fn contract(setup: &PageSetup) -> Json {
    let mut contract = vec![("idempotencyHeader".to_owned(), Json::String(START_HEADER.to_owned()))];
    if setup.without_list {
        contract.push(("list".to_owned(), Json::Null));
    }
    Json::Object(contract)
}

fn name(environment: u8) -> &'static str {
    if environment == 0 { "one" } else { "two" }
}

fn entry(environment: u8) -> EnvironmentEntry {
    let name = name(environment);
    EnvironmentEntry {
        name: name.to_owned(),
        api: api(environment).to_owned(),
        login: crate::login::login(environment).to_owned(),
        apps: format!("https://apps.{name}.example"),
        issuer: None,
    }
}

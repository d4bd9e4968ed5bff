//! What must never be, whatever happens.

use premium_recorder::cloud::ports::TransportError;
use premium_recorder::cloud::response::Response;
use premium_recorder::cloud::signal::Signal;
use premium_recorder::model::error::{Cause, Code, Error};
use premium_recorder::recording::Recording;
use premium_recorder::recording::batch::BatchProgress;

use crate::cloud::{AGENT_IDS, Asked, Cloud, PATH};
use crate::network::{Flight, Network, State, Verdict};
use crate::page::{OTHER_TYPE, api};
use crate::repeat::has_token;
use crate::token::ORG_IDS;
use crate::world::World;

/// How long a call may still look after its time is over, in milliseconds.
const LONGEST_LOOK: i64 = 5_000;

/// How far clocks may be apart that count as the same, in milliseconds.
const TOLERANCE: i64 = 2_000;

/// After so many milliseconds a token source has had its time.
const LONGEST_SOURCE: i64 = 60_000;

/// How late a list may show a recording that two pages start at the same time, in milliseconds.
const LATEST_LISTED: i64 = 1_000;

/// How long an answer is awaited to the question whether another page has started the same, in milliseconds.
const LONGEST_PRECAUTION: i64 = 2_000;

/// How long a start's request is awaited at least that nobody waits for, in milliseconds.
pub const LONGEST_KEPT: i64 = 300_000;

/// An invariant that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its name.
    pub invariant: &'static str,
    /// What happened.
    pub details: String,
}

/// What was called, started and learnt.
#[derive(Default)]
pub struct Ledger {
    calls: Vec<Call>,
    starts: Vec<StartOf>,
    /// The call that a task makes.
    call_of_task: Vec<Option<usize>>,
    /// Whose tokens are, as a recorder was told by the cloud.
    told: Vec<(usize, usize, u8)>,
    closed: Vec<usize>,
    /// Of which organizations recorders have been told to forget the token; `None`: of all.
    sign_outs: Vec<(usize, Option<u8>)>,
    /// The names under which pages lock and share, and in which environment.
    names: Vec<Name>,
    /// The page of each recorder, named by its first recorder.
    pages: Vec<usize>,
    /// Whether each recorder's contract has a list.
    lists: Vec<bool>,
    /// The recorders whose pages are gone.
    gone: Vec<usize>,
    /// What must be looked for before it is started.
    to_look_for: Vec<Key>,
    /// What was waited for until another page had started the same, when that was over, and the call that waited.
    waited_for: Vec<(Key, i64, Option<usize>)>,
    /// The organizations of tokens that were asked for without one, with their environment.
    decided: Vec<(u8, u8)>,
}

/// A name under which pages lock or share.
struct Name {
    text: String,
    environment: u8,
    /// Whether it is a start's: a page tries to have its lock without waiting.
    is_start: bool,
}

/// What a start is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The recorder.
    pub recorder: usize,
    /// Its environment.
    pub environment: u8,
    /// The organization.
    pub org: u8,
    /// The agent.
    pub agent: u8,
    /// The type.
    pub is_other_type: bool,
}

/// The organization of a call for which nobody has named one, until a token decides.
pub const UNDECIDED: u8 = u8::MAX - 1;

impl Key {
    /// Whether a call for this key may have become the start of the other one.
    fn may_be(&self, start: &Key) -> bool {
        self == start || (self.org == UNDECIDED && Key { org: start.org, ..*self } == *start)
    }

    fn is_of_same_agent(&self, other: &Key) -> bool {
        Key { recorder: 0, ..*self } == Key { recorder: 0, ..*other }
    }
}

/// A call.
pub struct Call {
    /// Its name.
    pub name: &'static str,
    /// The recorder.
    pub recorder: usize,
    /// The start that is asked for, if its organization is known.
    pub key: Option<Key>,
    /// Whether it may share its start with others.
    pub shares: bool,
    /// When it began.
    pub began: i64,
    /// When the start may have begun that it shares.
    pub since: i64,
    /// The longest time that it may take.
    pub timeout: i64,
    /// Aborts it.
    pub abort: Signal,
    /// How it ended, and when.
    pub ended: Option<(i64, Outcome)>,
    /// Whether its page is gone.
    pub is_gone: bool,
    /// Whether it is one of many.
    pub is_of_batch: bool,
    /// Whether it is one of many, or shares its start with one: they begin at some time after the call for them. Or whether it is not
    /// known if it shares its start.
    pub is_vague: bool,
    /// How many sign-outs the ledger had when the call began, of all recorders and organizations.
    pub sign_outs: usize,
    /// Which starts were under way when it began.
    pub joined: Vec<usize>,
    /// The requests that were sent while it was under way, the end not included.
    pub requests: (usize, usize),
}

/// How a call ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// With a recording.
    Recording {
        /// Its id.
        id: String,
        /// Whether it ran before.
        already_running: bool,
    },
    /// With a recording that was asked for.
    Seen {
        /// Its id.
        id: String,
        /// Whether it must be stopped by now.
        is_stopped: bool,
    },
    /// With success.
    Done,
    /// With this error.
    Failed(Error),
    /// It was aborted.
    Aborted,
}

impl Outcome {
    fn code(&self) -> Option<Code> {
        match self {
            Outcome::Failed(error) => Some(error.code),
            _ => None,
        }
    }
}

/// A start as the cloud sees it: one id, however often it is sent.
struct StartOf {
    id: String,
    key: Key,
    /// The call that was being polled when it was first sent.
    call: Option<usize>,
    shares: bool,
    posts: Vec<usize>,
    carried_out: Vec<usize>,
    /// Whether a list has shown its recording: a later answer leaves nothing to look for.
    is_listed: bool,
}

impl Ledger {
    /// How often the key's recorder had been told to forget the token of the key's organization when the call began. The
    /// library merges a call with a start that was not sent yet only if both have the same number.
    fn sign_outs_before(&self, call: &Call, key: &Key) -> usize {
        let is_of = |(recorder, org): &&(usize, Option<u8>)| *recorder == key.recorder && org.is_none_or(|org| org == key.org);
        self.sign_outs.iter().take(call.sign_outs).filter(is_of).count()
    }

    /// Whether two recorders are of one page.
    fn is_same_page(&self, one: usize, other: usize) -> bool {
        self.pages[one] == self.pages[other]
    }

    /// Whether both are for one agent and of one page.
    fn is_same(&self, one: &Key, other: &Key) -> bool {
        one.is_of_same_agent(other) && self.is_same_page(one.recorder, other.recorder)
    }

    /// Whether the call that sent the start first began before a sign-out of the start's organization, and this call after it,
    /// or the other way round. The calls of a batch begin at the same time, so any of them may stand for the others.
    fn is_apart_from(&self, call: &Call, start: &StartOf) -> bool {
        let is_apart = |of: usize| self.sign_outs_before(&self.calls[of], &start.key) != self.sign_outs_before(call, &start.key);
        start.call.is_some_and(is_apart)
    }
}

impl World {
    /// A recorder is told to forget the token of an organization, or all.
    pub fn signs_out(&self, recorder: usize, org: Option<u8>) {
        self.ledger.borrow_mut().sign_outs.push((recorder, org));
    }

    /// A page locks or shares under this name: no other environment's does.
    pub fn named(&self, name: &str, environment: u8, is_start: bool) {
        let mut ledger = self.ledger.borrow_mut();
        match ledger.names.iter_mut().find(|other| other.text == name) {
            Some(other) if other.environment != environment => {
                self.broken("ORIGIN", || format!("two environments have one name: {name}"));
            }
            Some(other) => other.is_start |= is_start,
            None => ledger.names.push(Name { text: name.to_owned(), environment, is_start }),
        }
    }

    /// One of the names so far of starts, or of tokens, with its environment.
    pub fn a_name(&self, which: u8, is_start: bool) -> Option<(String, u8)> {
        let ledger = self.ledger.borrow();
        let names: Vec<&Name> = ledger.names.iter().filter(|name| name.is_start == is_start).collect();
        let name = names.get(usize::from(which).checked_rem(names.len())?)?;
        Some((name.text.clone(), name.environment))
    }

    /// Another recorder had the lock before, and may have started the same.
    pub fn lock_waited_for(&self, recorder: usize, environment: u8, name: &str) -> Option<Key> {
        let number = |ids: &[&str]| ids.iter().position(|id| name.contains(id)).and_then(|at| u8::try_from(at).ok());
        let (org, agent) = (number(&ORG_IDS)?, number(&AGENT_IDS)?);
        let key = Key { recorder, environment, org, agent, is_other_type: name.contains(OTHER_TYPE) };
        let mut ledger = self.ledger.borrow_mut();
        ledger.to_look_for.push(key);
        let call = self.executor.current().and_then(|task| ledger.call_of_task.get(task).copied().flatten());
        ledger.waited_for.push((key, self.now(), call));
        Some(key)
    }

    /// Whatever was there to be looked for does not matter any more.
    pub fn looked_for(&self, key: &Key) {
        let ledger = &mut *self.ledger.borrow_mut();
        let (pages, to_look_for) = (&ledger.pages, &mut ledger.to_look_for);
        to_look_for.retain(|other| !(other.is_of_same_agent(key) && pages[other.recorder] == pages[key.recorder]));
    }

    /// A call begins. `task`: the one that makes it.
    pub fn call_begins(&self, call: Call) -> usize {
        let mut ledger = self.ledger.borrow_mut();
        let mut call = call;
        let number = ledger.calls.len();
        call.sign_outs = ledger.sign_outs.len();
        // It may come to the start of a call that has named the organization.
        call.is_vague |= call.key.is_some_and(|key| key.org == UNDECIDED);
        if let (Some(key), true) = (call.key, call.shares) {
            let may_be_same = |other: Key| other.may_be(&key) || key.may_be(&other);
            let is_same = |other: &&Call| other.key.is_some_and(may_be_same) && other.shares && other.ended.is_none() && !other.is_gone;
            let others = ledger.calls.iter().filter(is_same);
            call.since = others.map(|other| other.since).min().unwrap_or(call.since);
            // One whose time is over looks for its start by itself.
            let waits = |other: &Call| is_same(&other) && self.time_of(other, call.began, true) < other.timeout;
            let waiting: Vec<usize> = (0..number).filter(|&other| waits(&ledger.calls[other])).collect();
            call.is_vague |= waiting.iter().any(|&other| ledger.calls[other].is_vague);
            // While somebody signs in, it is not known whether the other one's time is over.
            let surely_waits = |other: &Call| self.time_of(other, call.began, false) < other.timeout;
            call.is_vague |= waiting.iter().any(|&other| !surely_waits(&ledger.calls[other]));
            let joined = waiting.into_iter().flat_map(|other| self.starts_of(&ledger, other, i64::MAX));
            let joined = joined.filter(|&start| key.may_be(&ledger.starts[start].key));
            // After a sign-out, a call has a start of its own.
            let is_joined = |at: &usize| !ledger.is_apart_from(&call, &ledger.starts[*at]);
            call.joined = joined.filter(is_joined).collect();
            // A call does not join a start whose recording another caller has found, unless the start was sent again since.
            let is_found_by = |other: usize| matches!(ledger.calls[other].ended, Some((_, Outcome::Recording { .. })));
            let found = (0..number).filter(|&other| is_found_by(other)).flat_map(|other| self.starts_of(&ledger, other, i64::MAX));
            call.is_vague |= found.into_iter().any(|start| call.joined.contains(&start));
        }
        call.requests = (self.network.borrow().0.len(), usize::MAX);
        self.log(|| format!("call {number}: {} {:?}", call.name, call.key));
        ledger.calls.push(call);
        if let Some(task) = self.executor.current() {
            if ledger.call_of_task.len() <= task {
                ledger.call_of_task.resize(task + 1, None);
            }
            ledger.call_of_task[task] = Some(number);
        }
        number
    }

    /// A source has given a token of this organization although nobody had named one: it decides for which the calls are.
    pub fn decides(&self, environment: u8, org: u8) {
        self.ledger.borrow_mut().decided.push((environment, org));
    }

    /// A call ends.
    pub fn call_ends(&self, number: usize, outcome: Outcome) {
        self.act();
        let now = self.now();
        self.log(|| format!("call {number} ended: {}", brief(&outcome)));
        {
            let mut ledger = self.ledger.borrow_mut();
            let call = &mut ledger.calls[number];
            call.ended = Some((now, outcome.clone()));
            call.requests.1 = self.network.borrow().0.len();
            self.see(call.name, name_of(&outcome));
        }
        if let Outcome::Failed(error) = &outcome {
            self.check_leak(error);
        }
        let key = self.ledger.borrow().calls[number].key;
        if let (Some(key), Outcome::Recording { .. }) = (key, &outcome) {
            // The page knows what runs, also if it has read that one recording and no list.
            self.looked_for(&key);
        }
        self.check_end(number, &outcome);
    }

    /// The abort signals of the calls that are under way, the last one first.
    pub fn aborts(&self) -> Vec<Signal> {
        let ledger = self.ledger.borrow();
        let under_way = ledger.calls.iter().rev().filter(|call| call.ended.is_none() && !call.is_gone);
        under_way.map(|call| call.abort.clone()).collect()
    }

    /// A page is gone, and with it what its recorder did.
    pub fn page_gone(&self, recorder: usize) {
        let mut ledger = self.ledger.borrow_mut();
        ledger.calls.iter_mut().filter(|call| call.recorder == recorder).for_each(|call| call.is_gone = true);
        ledger.gone.push(recorder);
    }

    /// There is another recorder, in the page whose first recorder this is.
    pub fn recorder_of_page(&self, first: usize, has_list: bool) {
        let mut ledger = self.ledger.borrow_mut();
        ledger.pages.push(first);
        ledger.lists.push(has_list);
    }

    /// A recorder is closed.
    pub fn recorder_closed(&self, recorder: usize) {
        self.ledger.borrow_mut().closed.push(recorder);
    }

    /// The start that a request is of.
    pub fn start_of(&self, recorder: usize, environment: u8, asked: &Asked, id: Option<&str>) -> usize {
        let mut ledger = self.ledger.borrow_mut();
        let call = self.executor.current().and_then(|task| ledger.call_of_task.get(task).copied().flatten());
        let id = id.map_or_else(|| format!("call {call:?}"), str::to_owned);
        let key = Key {
            recorder,
            environment,
            org: asked.org.unwrap_or(u8::MAX),
            agent: asked.agent.unwrap_or(u8::MAX),
            is_other_type: asked.is_other_type,
        };
        if let Some(at) = ledger.starts.iter().position(|start| start.id == id && start.key == key) {
            return at;
        }
        // The start shows which organization a token has decided on, for this call and for those that wait for the same token. Which
        // call of a batch a start is of is not known.
        if let Some(of) = call.map(|call| &ledger.calls[call])
            && !of.is_of_batch
            && of.key.is_some_and(|of| of.org == UNDECIDED && of.may_be(&key))
        {
            let (undecided, sign_outs) = (of.key, of.sign_outs);
            let waits =
                |other: &&mut Call| other.key == undecided && other.ended.is_none() && other.sign_outs == sign_outs && !other.is_of_batch;
            ledger.calls.iter_mut().filter(waits).for_each(|other| other.key = Some(key));
        }
        let shares = call.is_none_or(|call| ledger.calls[call].shares);
        ledger.starts.push(StartOf { id, key, call, shares, posts: Vec::new(), carried_out: Vec::new(), is_listed: false });
        let number = ledger.starts.len() - 1;
        let same = |start: &&StartOf| start.key == key;
        let sent = ledger.starts.iter().filter(same).count();
        let asked_for = ledger.calls.iter().filter(|call| call.key.is_some_and(|of| of.may_be(&key))).count();
        if sent > asked_for {
            drop(ledger);
            self.broken("ONE START", || format!("{sent} starts were sent for {asked_for} calls: {key:?}"));
        }
        number
    }

    /// A request is sent.
    pub fn sent(&self, number: usize, origin: &str, url: &str) {
        let network = self.network.borrow();
        let flight = &network.0[number];
        let (recorder, asked) = (flight.recorder, &flight.asked);
        self.check_wait(&network, number);
        if let Some(exchange) = &asked.exchange {
            self.log(|| format!("recorder {recorder}: request {number}: POST {url} {exchange:?}"));
            return self.exchange_sent(number, flight.environment, exchange, origin, url);
        }
        self.log(|| {
            let start = asked.start.map(|start| format!(" start {start}")).unwrap_or_default();
            format!("recorder {recorder}: request {number}: {} {url} token {} org {:?}{start}", asked.method, asked.token, asked.org)
        });
        let api = api(flight.environment);
        if origin != api || !url.strip_prefix(api).is_some_and(|rest| rest.starts_with("/api/v2/")) {
            self.broken("ORIGIN", || format!("request {number} went to {url}"));
        }
        let tokens = self.tokens.borrow();
        let token = tokens.get(asked.token);
        if !token.is_given_in[usize::from(flight.environment)] {
            self.broken("ORIGIN", || format!("request {number} carries token {}, which was given in another environment", asked.token));
        }
        let is_about_token = asked.path.starts_with("/api/v2/tokens/me");
        let ledger = self.ledger.borrow();
        let told =
            |is_told: &dyn Fn(usize) -> bool| ledger.told.iter().rfind(|told| told.1 == asked.token && is_told(told.0)).map(|told| told.2);
        // A redirect's token goes to the page's next recorder, with what the cloud said of it.
        let told_before = || told(&|who| ledger.is_same_page(who, recorder)).filter(|org| Some(*org) == flight.org);
        let told = told(&|who| who == recorder).or_else(told_before);
        match (flight.org, told.or(token.claim)) {
            // A sign-out revokes the token that was taken for the organization's, whatever the cloud says meanwhile.
            (Some(org), Some(known)) if org != known && asked.method != "DELETE" => {
                let how = if told.is_some() { "the cloud said" } else { "it claims" };
                self.broken("CROSSING", || format!("request {number} is for org {org}; {how} that token {} is of {known}", asked.token));
            }
            (Some(org), None) => {
                self.broken("CROSSING", || format!("request {number} is for org {org}; nobody has said whose token {} is", asked.token));
            }
            (None, _) if !is_about_token => {
                self.broken("CROSSING", || format!("request {number} is for no organization, and not about its token"));
            }
            _ => {}
        }
        if asked.org.is_some() && asked.org != flight.org {
            self.broken("CROSSING", || format!("request {number} names org {:?} and is for {:?}", asked.org, flight.org));
        }
        drop((tokens, ledger));
        self.listed(flight);
        if let Some(start) = asked.start {
            drop(network);
            self.start_sent(start, number);
        }
    }

    /// A token that the cloud has refused for now, or a refresh token, is not sent again before the time that the cloud named;
    /// nor is a start, with whatever token.
    fn check_wait(&self, network: &Network, number: usize) {
        let flight = &network.0[number];
        let asked = &flight.asked;
        let is_same = |other: &Flight| {
            let is_same_secret = match (&asked.exchange, &other.asked.exchange) {
                (None, None) => other.asked.token == asked.token,
                (Some(exchange), Some(other)) => exchange.secret() == other.secret(),
                _ => false,
            };
            asked.start.is_some() && other.asked.start == asked.start || is_same_secret && other.recorder == flight.recorder
        };
        for (at, before) in network.0[..number].iter().enumerate().filter(|(_, before)| is_same(before)) {
            let (Some(not_before), State::Over(..)) = (before.not_before, &before.state) else { continue };
            let tolerance = if not_before.is_date { self.skew(before.recorder, before.environment) } else { 0 };
            // Without the right time, a date tells nothing.
            let is_told =
                !not_before.is_date || !network.0.iter().any(|flight| flight.recorder == before.recorder && flight.date_off().is_some());
            if is_told && self.now() < not_before.time.saturating_sub(tolerance) {
                let millis = not_before.time - self.now();
                self.broken("RETRY AFTER", || format!("request {number} was sent {millis} ms before request {at} may be sent again"));
            }
            self.see("sent again when", if not_before.is_date { "a date was over" } else { "seconds were over" });
        }
    }

    /// The recordings of an agent are listed, which is looking for all that may run of it.
    fn listed(&self, flight: &Flight) {
        let asked = &flight.asked;
        if asked.method == "GET" && asked.path.starts_with(PATH) {
            let ledger = &mut *self.ledger.borrow_mut();
            let (pages, to_look_for) = (&ledger.pages, &mut ledger.to_look_for);
            let is_seen = |key: &Key| {
                let is_same_page = pages[key.recorder] == pages[flight.recorder];
                is_same_page && Some(key.org) == asked.org && asked.path.contains(AGENT_IDS[usize::from(key.agent)])
            };
            to_look_for.retain(|key| !is_seen(key));
        }
    }

    /// A list shows these recordings.
    fn shown(&self, environment: u8, list: &str) {
        let clouds = self.clouds.borrow();
        let cloud = &clouds[usize::from(environment)];
        let starts = &mut self.ledger.borrow_mut().starts;
        for (number, recording) in cloud.recordings().iter().enumerate() {
            let is_shown = list.contains(&format!("\"{}\"", cloud.recording_id(number)));
            if let Some(start) = starts.get_mut(recording.start).filter(|_| is_shown) {
                start.is_listed = true;
            }
        }
    }

    fn start_sent(&self, number: usize, post: usize) {
        let network = self.network.borrow();
        let mut ledger = self.ledger.borrow_mut();
        let start = &ledger.starts[number];
        let may_be_sent_again = |&before: &usize| matches!(network.0[before].state, State::Over(Verdict::No(401 | 403 | 429), _));
        if let Some(before) = start.posts.iter().find(|before| !may_be_sent_again(before)) {
            let why = match network.0[*before].state {
                State::Over(verdict, _) => format!("answered ({verdict:?})"),
                State::GivenUp(_) => "given up".to_owned(),
                State::Sent | State::Answered(_) => "under way".to_owned(),
            };
            self.broken("ONE START", || format!("start {number} was sent again (request {post}) although request {before} was {why}"));
        }
        let looks = start.shares && ledger.lists[start.key.recorder];
        if looks && start.posts.is_empty() && ledger.to_look_for.iter().any(|key| ledger.is_same(key, &start.key)) {
            self.broken("LOOKS FIRST", || format!("start {number} was sent, and another one may have run that nobody has looked for"));
        }
        if start.posts.len() >= 2 {
            self.broken("ONE START", || format!("start {number} was sent three times"));
        }
        let same_time = |(_, other): &(usize, &StartOf)| {
            let is_same =
                ledger.is_same(&other.key, &start.key) || (!self.schedule.without_locks && other.key.is_of_same_agent(&start.key));
            is_same && other.shares && other.posts.iter().any(|&post| network.0[post].is_awaited())
        };
        if start.shares
            && let Some((other, _)) = ledger.starts.iter().enumerate().filter(|(at, _)| *at != number).find(same_time)
        {
            self.broken("ONE AT A TIME", || format!("start {number} was sent while start {other} was under way"));
        }
        ledger.starts[number].posts.push(post);
    }

    /// The cloud carries a start out.
    pub fn carried_out(&self, number: usize) {
        let Some(start) = self.network.borrow().0[number].asked.start else { return };
        let mut ledger = self.ledger.borrow_mut();
        ledger.starts[start].carried_out.push(number);
        if ledger.starts[start].carried_out.len() > 1 {
            self.broken("ONE START", || format!("start {start} was carried out twice"));
        }
        if let Some((other, id)) = self.should_have_found(&ledger, start) {
            self.broken("ONE RECORDING", || format!("start {start} was carried out, and start {other} of the same time has led to {id}"));
        }
    }

    /// An earlier start for the same that was over, with a recording that runs, while the call of this one was under way: the
    /// library could know of it.
    fn should_have_found(&self, ledger: &Ledger, number: usize) -> Option<(usize, String)> {
        let (network, clouds) = (self.network.borrow(), self.clouds.borrow());
        let start = &ledger.starts[number];
        let &post = start.posts.last()?;
        let sent = network.0[post].sent;
        // When one of a batch has its turn is not known.
        let call = start.call.map(|call| &ledger.calls[call]).filter(|call| start.shares && !call.is_of_batch)?;
        // Nor is whether one of a batch has begun this start, which the call then shares.
        let may_have_begun = |of: &Call| of.is_of_batch && of.key == Some(start.key) && of.ended.as_ref().is_none_or(|(at, _)| *at >= sent);
        if ledger.calls.iter().any(may_have_begun) {
            return None;
        }
        let cloud = &clouds[usize::from(start.key.environment)];
        // A token that lies leads to another organization's recording.
        let led_to = |of: usize| cloud.recordings().iter().position(|other| other.start == of && other.org == start.key.org);
        led_to(number)?;

        let is_of_call = |at: i64| (call.began..=sent).contains(&at);
        let Key { recorder, org, agent, .. } = start.key;
        let is_look = |flight: &&Flight| flight.recorder == recorder && is_of_call(flight.sent) && flight.is_look_for(org, agent);
        let tokens = self.tokens.borrow();
        let looks: Vec<_> = network.0.iter().filter(is_look).collect();
        // A start that waited before a sign-out is not this one.
        let is_of_start = |of: &Option<usize>| of.is_none_or(|of| !ledger.is_apart_from(&ledger.calls[of], start));
        let has_waited = ledger.waited_for.iter().any(|(key, at, of)| *key == start.key && is_of_call(*at) && is_of_start(of));
        // A call for which nobody has named an organization cannot wait for the starts of its page before it has its token.
        let waits_in_page = !call.is_vague;
        let is_such = |at: usize| {
            let other = &ledger.starts[at];
            let Some((number, &last)) = led_to(at).zip(other.posts.last()) else { return false };
            let recording = &cloud.recordings()[number];
            let other_flight = &network.0[last];
            let (verdict, over) = other_flight.end().unwrap_or((Verdict::Unclear, sent));
            let is_same_page = ledger.is_same_page(other.key.recorder, start.key.recorder);
            // A start that others do not share waits for nobody, and has no lock. A page that is gone takes its locks with it.
            let is_waited_for = match is_same_page {
                true => other.shares || network.0[other.posts[0]].sent < call.since,
                false => other.shares && !self.schedule.without_locks && !ledger.gone.contains(&other.key.recorder),
            };
            let is_known = is_same_page && waits_in_page && verdict == Verdict::Yes && !other_flight.is_uninformative();
            // Who has waited for the other start looks twice, a second apart; who has waited for a token looks once.
            let latest = if has_waited || (is_same_page && waits_in_page) { LATEST_LISTED } else { 0 };
            let is_listed = ledger.lists[start.key.recorder] && i64::from(cloud.setup().shows_after) <= latest;
            let tells = |look: &&Flight| look.is_answered_within(LONGEST_PRECAUTION) && tokens.get(look.asked.token).owner == org;
            let has_looked = looks.iter().all(tells);
            let runs = recording.stopped.is_none_or(|stopped| stopped > sent);
            let is_same_time = last < post && over > call.began;
            is_waited_for && is_same_time && runs && (is_known || (is_listed && has_looked))
        };
        let same = |&at: &usize| at != number && ledger.starts[at].key.is_of_same_agent(&start.key);
        let other = (0..ledger.starts.len()).filter(same).find(|&at| is_such(at))?;
        Some((other, cloud.recording_id(led_to(other)?)))
    }

    /// The library has an answer.
    pub fn delivered(&self, number: usize, answer: &Result<Response, TransportError>) {
        self.act();
        let network = self.network.borrow();
        let flight = &network.0[number];
        self.log(|| match answer {
            Ok(answer) => format!("recorder {}: request {number} answered: {}", flight.recorder, answer.status),
            Err(lost) => format!("recorder {}: request {number} lost (may have run: {})", flight.recorder, lost.may_have_been_processed),
        });
        if let (Some(exchange), Ok(Response { status: 200, body, .. })) = (&flight.asked.exchange, answer) {
            self.exchange_answered(exchange, body);
        }
        if let (true, Ok(Response { status: 200, body, .. })) = (flight.asked.method == "GET", answer) {
            self.shown(flight.environment, body);
        }
        self.listed(flight);
        if let (State::Over(Verdict::Yes, _), Some(start)) = (&flight.state, flight.asked.start) {
            let key = self.ledger.borrow().starts[start].key;
            self.looked_for(&key);
        }
        if let (State::Over(Verdict::Unclear, _), Some(start)) = (&flight.state, flight.asked.start) {
            let mut ledger = self.ledger.borrow_mut();
            let StartOf { key, shares, is_listed, .. } = ledger.starts[start];
            if shares && !is_listed {
                ledger.to_look_for.push(key);
            }
        }
        if let (Ok(Response { status: 200, body, .. }), "GET", true) =
            (answer, flight.asked.method, flight.asked.path.starts_with("/api/v2/tokens/me"))
            && let Some(owner) = Cloud::owner_in(body)
        {
            self.ledger.borrow_mut().told.push((flight.recorder, flight.asked.token, owner));
        }
    }

    /// The library does not wait for an answer any more.
    pub fn given_up(&self, number: usize) {
        self.act();
        self.log(|| format!("request {number} given up"));
        let Some(start) = self.network.borrow().0[number].asked.start else { return };
        let now = self.now();
        let mut ledger = self.ledger.borrow_mut();
        let key = ledger.starts[start].key;
        let waits = |number: &usize| {
            let call = &ledger.calls[*number];
            let has_time =
                call.ended.is_none() && !call.is_gone && !call.abort.is_aborted() && self.time_of(call, now, false) < call.timeout;
            has_time
                && !call.is_vague
                && !ledger.closed.contains(&call.recorder)
                && self.starts_of(&ledger, *number, i64::MAX).contains(&start)
        };
        let waiting = (0..ledger.calls.len()).find(waits);
        if let Some(call) = waiting {
            self.broken("SHARED", || format!("request {number} was given up, and call {call} waits for it"));
        }
        let network = self.network.borrow();
        let sent = network.0[number].sent;
        // A look may have been sent before the start, and answered after it.
        let has_looked = network.0.iter().any(|flight| {
            let is_over_since = matches!(flight.state, State::Over(_, over) if over >= sent);
            flight.is_look_for(key.org, key.agent) && ledger.is_same_page(flight.recorder, key.recorder) && is_over_since
        });
        if has_looked || ledger.gone.contains(&key.recorder) {
            return;
        }
        let kept = now - sent;
        if kept < LONGEST_KEPT {
            self.broken("REMEMBERED", || format!("request {number} was given up after {kept} ms, and its outcome is not known"));
        }
        if ledger.starts[start].shares {
            ledger.to_look_for.push(key);
        }
    }

    /// How much of its time a call has used: that in which people sign in does not count. `may_be`: nor does that in which
    /// a window is open of which nobody knows yet for which organization it is.
    fn time_of(&self, call: &Call, now: i64, may_be: bool) -> i64 {
        let org = call.key.map(|key| key.org).filter(|org| *org != UNDECIDED);
        let logins = self.logins.borrow();
        let clock = |time| self.monotonic(time);
        let signed_in = logins.time_of(call.recorder, org, (call.began, now), clock, may_be);
        // What is over while the machine sleeps is seen when it wakes.
        let late = if may_be { self.slept(call.began, now, true) - self.slept(call.began, now, false) } else { 0 };
        clock(now) - clock(call.began) - signed_in - late
    }

    /// When a call's time is over, at the earliest.
    fn time_over(&self, call: &Call) -> i64 {
        let now = self.now();
        let mut over = call.began + call.timeout;
        while over < now {
            let later = over + call.timeout - self.time_of(call, over, false);
            if later <= over {
                break;
            }
            over = later;
        }
        over
    }

    fn check_leak(&self, error: &Error) {
        // The evidence is in it, and every error behind this one.
        let text = format!("{error:?}");
        if self.has_secret(&text) {
            self.broken("NO LEAK", || format!("an error: {text}"));
        }
        if let Some(Cause::Cloud(words)) = &error.evidence.cause
            && self.has_secret(words)
        {
            self.broken("NO LEAK", || format!("the cause of an error: {words}"));
        }
    }

    /// A call gives a recording.
    pub fn given(&self, recording: &Recording) {
        let text = format!("{recording:?}");
        if has_token(&text) || has_token(&recording.raw.body) {
            self.broken("NO LEAK", || format!("a recording: {text}"));
        }
    }

    /// The starts that may be the one that a call waited for.
    fn starts_of(&self, ledger: &Ledger, number: usize, ended: i64) -> Vec<usize> {
        let call = &ledger.calls[number];
        let Some(key) = call.key else { return Vec::new() };
        let network = self.network.borrow();
        let is_candidate = |start: &StartOf| {
            let is_decided = key.org != UNDECIDED || ledger.decided.contains(&(key.environment, start.key.org));
            if !key.may_be(&start.key) || !is_decided || start.shares != call.shares {
                return false;
            }
            if call.is_vague || !call.shares || start.call == Some(number) {
                return call.is_vague || start.call == Some(number);
            }
            let Some(&first) = start.posts.first() else { return false };
            // Who was called after a sign-out has a start of its own.
            if ledger.is_apart_from(call, start) {
                return false;
            }
            let first = network.0[first].sent;
            // What another call began at the very end is not what this one waited for.
            start.posts.iter().any(|&post| (call.requests.0..call.requests.1).contains(&post)) && first < ended
        };
        let found = ledger.starts.iter().enumerate().filter(|(at, start)| call.joined.contains(at) || is_candidate(start));
        found.map(|(at, _)| at).collect()
    }

    fn check_end(&self, number: usize, outcome: &Outcome) {
        let now = self.now();
        let ledger = self.ledger.borrow();
        let call = &ledger.calls[number];
        let took = self.time_of(call, now, true);
        if took > call.timeout + LONGEST_LOOK {
            self.broken("SETTLED", || format!("call {number} took {took} ms; its time is {} ms", call.timeout));
        }
        match outcome {
            Outcome::Aborted if !call.abort.is_aborted() => {
                self.broken("OWN END", || format!("call {number} ended as aborted, and nobody aborted it"));
            }
            Outcome::Failed(error) if error.code == Code::Closed && !ledger.closed.contains(&call.recorder) => {
                self.broken("OWN END", || format!("call {number} ended as closed, and the recorder is open"));
            }
            // Others may have begun to wait for a token long before.
            Outcome::Failed(error)
                if error.code == Code::Timeout
                    && !call.is_vague
                    && self.time_of(call, now, false) < call.timeout
                    && now - crate::clock::BEGINNING < LONGEST_SOURCE =>
            {
                self.broken("OWN END", || format!("call {number} timed out after {took} of {} ms", call.timeout));
            }
            _ => {}
        }
        if let Outcome::Seen { id, is_stopped: true } = outcome {
            let clouds = self.clouds.borrow();
            let mut recording = clouds.iter().filter_map(|cloud| cloud.recording(id));
            if recording.next().is_none_or(|recording| recording.stopped.is_none()) {
                self.broken("TRUTH", || format!("call {number} has stopped {id}, and it runs"));
            }
        }
        let Some(key) = call.key else { return };
        let starts = self.starts_of(&ledger, number, now);
        let network = self.network.borrow();
        // Each of a batch has its time from when it began, which is not known here; nor is for which sign-ins a call's time stood
        // still for whose organization nobody had named.
        let over = if call.is_vague { call.began } else { self.time_over(call) };
        let unclear = |&&start: &&usize| ledger.starts[start].posts.iter().any(|&post| network.0[post].is_unclear(over));
        if outcome.code() == Some(Code::OutcomeUnknown) && !starts.iter().any(|start| unclear(&start)) {
            self.broken("TRUTH", || format!("call {number} ended with OUTCOME_UNKNOWN, and the outcome of {starts:?} is known"));
        }
        let Outcome::Recording { id, already_running } = outcome else { return };
        let skew = self.skew(key.recorder, key.environment);
        let clouds = self.clouds.borrow();
        let Some(recording) = clouds[usize::from(key.environment)].recording(id) else {
            return self.broken("TRUTH", || format!("call {number} ended with {id}, which is no recording of its environment"));
        };
        let is_its_org = match key.org {
            UNDECIDED => ledger.decided.contains(&(key.environment, recording.org)),
            org => org == recording.org,
        };
        if !is_its_org || recording.agent != key.agent {
            let (org, agent) = (recording.org, recording.agent);
            return self.broken("TRUTH", || format!("call {number} of {key:?} ended with {id}, of org {org} and agent {agent}"));
        }
        if *already_running {
            // A start that waited for another start returns that start's recording if the API does not say whether it runs.
            let path = format!("/{id}");
            let is_read =
                |flight: &&Flight| flight.recorder == key.recorder && flight.sent >= call.since && flight.asked.path.ends_with(&path);
            let is_unknowable =
                network.0.iter().filter(is_read).any(|flight| flight.is_uninformative() || matches!(flight.status, Some(403 | 404)));
            if recording.stopped.is_some_and(|stopped| stopped < call.since) && !is_unknowable {
                self.broken("TRUTH", || format!("call {number} ended with {id} as running already, and it was stopped before"));
            }
            return;
        }
        // It may be another page's, as long as it began since.
        if !starts.contains(&recording.start) && recording.began < call.since - skew {
            self.broken("TRUTH", || format!("call {number} ended with {id} as begun since, which start {} began before", recording.start));
        }
    }

    /// How much earlier than it seems to the library something may have happened in the cloud, in milliseconds.
    fn skew(&self, recorder: usize, environment: u8) -> i64 {
        let clouds = self.clouds.borrow();
        let setup = clouds[usize::from(environment)].setup();
        if setup.hides_date {
            return TOLERANCE + i64::from(setup.ahead).abs() + self.most_off();
        }
        let network = self.network.borrow();
        let off: Vec<_> = network.0.iter().filter(|flight| flight.recorder == recorder).filter_map(Flight::date_off).collect();
        // Of two clocks that are wrong at the same time, none is right.
        let both_off = if off.is_empty() { 0 } else { self.most_off() + i64::from(setup.ahead).abs() };
        // The library believes the second `Date` that says the same.
        let agreed = off.iter().enumerate().filter(|(at, millis)| off.iter().take(*at).any(|earlier| earlier == *millis));
        let both_off = both_off + agreed.map(|(_, millis)| millis.abs()).max().unwrap_or(0);
        let trips = network.0.iter().filter(|flight| flight.recorder == recorder).filter_map(|flight| match flight.state {
            State::Over(_, over) => Some(over - flight.sent),
            _ => None,
        });
        // `Date` leaves out what is below a second, and was written some time between.
        TOLERANCE + 1_000 + both_off + trips.max().unwrap_or(0)
    }

    /// What was told of a batch is what came of it.
    pub fn check_progress(&self, progress: BatchProgress, results: &[bool], total: usize) {
        let fulfilled = results.iter().filter(|is_ok| **is_ok).count();
        let told = BatchProgress { total, fulfilled, rejected: total - fulfilled };
        if results.len() != total || (total > 0 && progress != told) {
            self.broken("PROGRESS", || format!("{progress:?} was told of {results:?}, {total} starts"));
        }
    }

    /// Nothing is to be done at this time: what had to be over by now is.
    pub fn check_quiet(&self) {
        let now = self.now();
        let ledger = self.ledger.borrow();
        for (number, call) in ledger.calls.iter().enumerate().filter(|(_, call)| call.ended.is_none() && !call.is_gone) {
            let why = if call.abort.is_aborted() && !call.is_of_batch {
                "it was aborted"
            } else if ledger.closed.contains(&call.recorder) {
                "its recorder was closed"
            } else if self.time_of(call, now, true) > call.timeout + LONGEST_LOOK {
                "its time is over"
            } else {
                continue;
            };
            self.broken("SETTLED", || format!("call {number} is under way although {why}"));
        }
    }

    /// Whoever has a lock is at something.
    pub fn check_locks(&self) {
        let (locks, windows) = (self.origin.locks(), self.logins.borrow().windows());
        if self.executor.waiting() == 0 && locks + windows > 0 {
            self.broken("IDLE", || format!("{locks} locks are held and {windows} windows are open, and nothing is under way"));
        }
    }

    /// Whoever can go on has been woken.
    pub fn check_woken(&self) {
        let acts = self.acts.get();
        // A clock that is set wakes nobody, although a token may expire by it.
        if self.is_broken() || self.most_off() > 0 || self.has_stood_still() {
            return;
        }
        if let Some(task) = self.executor.not_woken(|| self.acts.get() == acts) {
            let call = self.ledger.borrow().call_of_task.get(task).copied().flatten();
            self.broken("WOKEN", || format!("task {task} (call {call:?}) could go on, and nobody woke it"));
        }
    }

    /// All time has passed: each call is over, and none has said that nothing was started where something was.
    pub fn check_settled(&self) {
        let ledger = self.ledger.borrow();
        for (number, call) in ledger.calls.iter().enumerate().filter(|(_, call)| !call.is_gone) {
            let Some((ended, outcome)) = &call.ended else {
                return self.broken("SETTLED", || format!("call {number} ({}) never ended", call.name));
            };
            let Outcome::Failed(error) = outcome else { continue };
            if matches!(error.code, Code::OutcomeUnknown | Code::Closed | Code::Panicked) {
                continue;
            }
            let starts = self.starts_of(&ledger, number, *ended);
            // What is sent for others after it ended is none of its own, and which one of many led to what is not known.
            let is_own = |&post: &usize| post < call.requests.1 && !call.is_vague;
            let is_sure =
                |start: usize| ledger.starts[start].call.is_none_or(|of| !ledger.calls[of].is_of_batch) || call.joined.contains(&start);
            if let Some(start) = starts.iter().find(|&&start| is_sure(start) && ledger.starts[start].carried_out.iter().any(is_own)) {
                let code = error.code.as_str();
                return self.broken("TRUTH", || format!("call {number} ended with {code}, and start {start} was carried out"));
            }
        }
    }

    /// Every recorder is closed: nothing is left.
    pub fn check_idle(&self) {
        let left = [
            ("requests in flight", self.network.borrow().awaited()),
            ("timers", self.clock.timers()),
            ("locks", self.origin.locks()),
            ("sharings", self.origin.sharings(self.schedule.pages.len())),
            ("windows", self.logins.borrow().windows()),
            ("tasks", self.executor.waiting()),
        ];
        if let Some((what, count)) = left.iter().find(|(_, count)| *count > 0) {
            self.broken("IDLE", || format!("{count} {what} are left at the end"));
        }
    }
}

fn name_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Recording { already_running: true, .. } => "already running",
        Outcome::Recording { .. } | Outcome::Seen { .. } | Outcome::Done => "ok",
        Outcome::Failed(error) => error.code.as_str(),
        Outcome::Aborted => "aborted",
    }
}

fn brief(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(error) => format!("{}: {}", error.code.as_str(), error.message),
        other => format!("{other:?}"),
    }
}

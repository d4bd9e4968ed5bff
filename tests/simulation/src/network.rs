//! Carries requests to a cloud and answers back, each with its fate.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use premium_recorder::cloud::ports::TransportError;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::Cause;
use premium_recorder::model::time::Timestamp;

use crate::clock::Event;
use crate::cloud::{AGENT_IDS, Asked, PATH, Reply};
use crate::page::json;
use crate::repeat::{repeated, seconds_to_wait, words_of};
use crate::schedule::{AGENTS, Fate, Repeats, What};
use crate::world::World;

/// The requests that were sent.
#[derive(Default)]
pub struct Network(pub Vec<Flight>);

/// A request on its way.
pub struct Flight {
    /// The recorder that sent it.
    pub recorder: usize,
    /// Its environment.
    pub environment: u8,
    /// What it asks.
    pub asked: Asked,
    /// The organization that it is for.
    pub org: Option<u8>,
    /// When it was sent.
    pub sent: i64,
    /// Whether the cloud has carried it out.
    pub is_carried_out: bool,
    /// How far it is.
    pub state: State,
    /// The status of the answer that the library has.
    pub status: Option<u16>,
    /// The task that sent it.
    pub task: Option<usize>,
    /// The earliest time at which it may be sent again by the cloud's word, if the cloud said so in a standard form.
    pub not_before: Option<NotBefore>,
    fate: Fate,
    waker: Option<Waker>,
}

/// A standard `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBefore {
    /// The time.
    pub time: i64,
    /// Whether it was told as a date, which the library can compare with its own clock only roughly.
    pub is_date: bool,
}

/// How far a request is.
pub enum State {
    /// On its way, or on its way back.
    Sent,
    /// Its answer is there, and nobody has looked.
    Answered(Box<Result<Response, TransportError>>),
    /// The library has its answer.
    Over(Verdict, i64),
    /// The library does not wait for its answer any more.
    GivenUp(i64),
}

/// What an answer to a start says for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was carried out, and this is what came of it.
    Yes,
    /// It was not carried out.
    No(u16),
    /// It never left.
    NotSent,
    /// Nothing.
    Unclear,
}

impl Flight {
    /// How far the answer's `Date` is off, in milliseconds, if it is.
    pub fn date_off(&self) -> Option<i64> {
        Some(i64::from(self.fate.date_off) * 1000).filter(|millis| *millis != 0)
    }

    /// Whether the library waits for its answer.
    pub fn is_awaited(&self) -> bool {
        matches!(self.state, State::Sent | State::Answered(_))
    }

    /// What came of it and when, if the library does not wait for it any more.
    pub fn end(&self) -> Option<(Verdict, i64)> {
        match self.state {
            State::Over(verdict, over) => Some((verdict, over)),
            State::GivenUp(over) => Some((Verdict::Unclear, over)),
            State::Sent | State::Answered(_) => None,
        }
    }

    /// Whether it asks for the recordings of this agent in this organization.
    pub fn is_look_for(&self, org: u8, agent: u8) -> bool {
        let is_list = self.asked.method == "GET" && self.asked.path.starts_with(PATH);
        is_list && self.asked.org == Some(org) && self.asked.path.contains(AGENT_IDS[usize::from(agent)])
    }

    /// Whether its answer says within this time what the cloud knows.
    pub fn is_answered_within(&self, millis: i64) -> bool {
        let is_in_time = matches!(self.state, State::Over(_, over) if over - self.sent < millis);
        is_in_time && self.status == Some(200) && !self.is_uninformative()
    }

    /// Whether its answer does not say what the cloud knows.
    pub fn is_uninformative(&self) -> bool {
        self.fate.what != What::Fine || self.fate.repeats.may_hide_body()
    }

    /// Whether the library may have thought at this time that it was carried out, with nothing to show for it.
    pub fn is_unclear(&self, at: i64) -> bool {
        match self.state {
            // A body in which the library finds the token counts as no answer.
            State::Over(Verdict::Yes, _) if self.fate.repeats.may_hide_body() => true,
            State::Over(Verdict::Yes | Verdict::No(_) | Verdict::NotSent, over) => over >= at,
            _ => true,
        }
    }
}

impl Network {
    /// Sends a request. Its answer comes later.
    pub fn send(world: &Rc<World>, recorder: usize, environment: u8, asked: Asked, org: Option<u8>) -> (usize, Sending) {
        let fate = world.next_fate();
        let mut network = world.network.borrow_mut();
        let number = network.0.len();
        if fate.what == What::NotSent {
            world.clock.after(1 + i64::from(fate.to), Event::Answer(number));
        } else {
            world.clock.after(1 + i64::from(fate.to), Event::Arrival(number));
        }
        let sent = world.now();
        network.0.push(Flight {
            recorder,
            environment,
            asked,
            org,
            sent,
            is_carried_out: false,
            state: State::Sent,
            status: None,
            task: world.executor.current(),
            not_before: None,
            fate,
            waker: None,
        });
        (number, Sending { world: world.clone(), number })
    }

    /// A request arrives at its cloud.
    pub fn arrive(world: &Rc<World>, number: usize) {
        let mut network = world.network.borrow_mut();
        let flight = &mut network.0[number];
        let (what, repeats, back) = (flight.fate.what, flight.fate.repeats, flight.fate.back);
        let date_off = i64::from(flight.fate.date_off);
        if flight.fate.can_be_stopped && matches!(flight.state, State::GivenUp(_)) {
            return;
        }
        let was_given_up = matches!(flight.state, State::GivenUp(_));
        let asked = flight.asked.clone();
        let environment = flight.environment;
        drop(network);

        let refused = match what {
            What::LostBefore => Some(Err(None)),
            What::SilentBefore => return,
            What::FailsBefore(status) => Some(Ok(failure(status, &secret(world, &asked)))),
            What::Unauthenticated => Some(Ok(Reply::refusal(401, "bad.credentials", "Invalid login credentials."))),
            What::OfAnotherOrg => Some(Ok(Reply::of_another_org())),
            What::WithoutScope => {
                Some(Ok(Reply::refusal(403, "app.not.authorized.for.scope", "Not authorized for scope: [screenrecordings:write]")))
            }
            What::NotFound => Some(Ok(Reply::refusal(404, "not.found", "The requested resource was not found."))),
            What::Conflict => Some(Ok(Reply::refusal(409, "conflict", "The agent is busy."))),
            What::TooMany(_) | What::TooManySaying(_) => Some(Ok(Reply::refusal(429, "too.many.requests", "Too many requests."))),
            _ => None,
        };
        let is_refused = refused.is_some();
        let reply = refused.unwrap_or_else(|| {
            let (reply, began) = match &asked.exchange {
                Some(exchange) => (world.exchanges(environment, exchange), false),
                None => world.clouds.borrow_mut()[usize::from(environment)].carry_out(&asked, &mut world.tokens.borrow_mut(), world.now()),
            };
            world.log(|| format!("cloud {environment}: request {number} -> {} {}", reply.status, reply.body));
            if began {
                world.network.borrow_mut().0[number].is_carried_out = true;
                world.see("carried out", if was_given_up { "after it was given up" } else { "in time" });
                world.carried_out(number);
            }
            let is_yes = (200..300).contains(&reply.status);
            match what {
                What::LostAfter => Err(Some(reply.status)),
                What::SilentAfter => Err(None),
                What::FailsAfter(status) => Ok(failure(status, &secret(world, &asked))),
                What::Garbage if is_yes => Ok(Reply { status: 200, body: "<html>".to_owned() }),
                What::Empty if is_yes => Ok(Reply { status: 204, body: String::new() }),
                What::NamesAnother if is_yes => Ok(names_another(reply, asked.agent)),
                _ => Ok(reply),
            }
        });
        if is_refused {
            world.log(|| format!("request {number}: {what:?}"));
        }
        if what == What::SilentAfter {
            return;
        }
        let cloud = &world.clouds.borrow()[usize::from(environment)];
        let time = cloud.time(world.now());
        let mut not_before = None;
        let answer = match reply {
            Ok(reply) => {
                let token = &secret(world, &asked);
                if repeats != Repeats::Nothing {
                    world.see("token repeated", how(repeats));
                }
                let Reply { status, body } = repeated(reply, repeats, token, asked.is_about_token());
                let header = |of: Repeats| (repeats == of).then(|| token.clone());
                let said = match what {
                    What::TooMany(seconds) => seconds.map(|seconds| seconds.to_string()),
                    What::TooManySaying(saying) => Some(words_of(saying, time)),
                    _ => None,
                };
                if date_off != 0 && !cloud.setup().hides_date {
                    world.see("Date", "off by hours");
                }
                let retry_after = header(Repeats::RetryAfter).or(said);
                let wait = retry_after.as_deref().filter(|_| status == 429).and_then(|text| seconds_to_wait(text, time));
                not_before = wait.map(|(millis, is_date)| NotBefore { time: world.now().saturating_add(millis), is_date });
                Ok(Response {
                    status,
                    json: json(&body).unwrap_or_default(),
                    body,
                    correlation_id: header(Repeats::CorrelationId),
                    date: (!cloud.setup().hides_date).then(|| Timestamp::from_millis((time.div_euclid(1000) + date_off) * 1000)),
                    retry_after,
                    ..Response::default()
                })
            }
            Err(status) => Err(lost(true, status)),
        };
        let mut network = world.network.borrow_mut();
        let flight = &mut network.0[number];
        flight.not_before = not_before;
        if matches!(flight.state, State::Sent) {
            flight.state = State::Answered(Box::new(answer));
            world.clock.after(1 + i64::from(back), Event::Answer(number));
        }
    }

    /// A request's answer arrives.
    pub fn answer(world: &Rc<World>, number: usize) {
        let mut network = world.network.borrow_mut();
        let flight = &mut network.0[number];
        if flight.fate.what == What::NotSent && matches!(flight.state, State::Sent) {
            flight.state = State::Answered(Box::new(Err(lost(false, None))));
        }
        // From now on it can be looked at: what has no waker was never waited for.
        flight.fate.back = u32::MAX;
        let waker = flight.waker.take();
        drop(network);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// How many requests the library waits for.
    pub fn awaited(&self) -> usize {
        self.0.iter().filter(|flight| flight.is_awaited()).count()
    }
}

/// What a request carries that nobody else may see.
fn secret(world: &World, asked: &Asked) -> String {
    match &asked.exchange {
        Some(exchange) => exchange.secret().to_owned(),
        None => world.tokens.borrow().get(asked.token).text.clone(),
    }
}

/// The cloud's words repeat what it was sent, as a proxy's might.
fn failure(status: u16, token: &str) -> Reply {
    Reply::refusal(status, "internal.server.error", &format!("Bearer {token} came to grief."))
}

fn how(repeats: Repeats) -> &'static str {
    match repeats {
        Repeats::Nothing => "nowhere",
        Repeats::Plain => "in the body",
        Repeats::Escaped => "escaped",
        Repeats::Deep => "deep in the body",
        Repeats::Within => "in JSON within JSON",
        Repeats::CorrelationId => "in ININ-Correlation-Id",
        Repeats::RetryAfter => "in Retry-After",
    }
}

fn names_another(reply: Reply, agent: Option<u8>) -> Reply {
    let Some(agent) = agent else { return reply };
    let another = AGENT_IDS[usize::from((agent + 1) % AGENTS)];
    Reply { body: reply.body.replace(AGENT_IDS[usize::from(agent)], another), ..reply }
}

fn lost(may_have_been_processed: bool, status: Option<u16>) -> TransportError {
    let origin = "https://api.mypurecloud.com".to_owned();
    TransportError { origin, is_refused_by_csp: false, may_have_been_processed, status, cause: Cause::Foreign(Rc::new("lost")) }
}

fn verdict(answer: &Result<Response, TransportError>, asked: &Asked) -> Verdict {
    match answer {
        Err(TransportError { may_have_been_processed: false, .. }) => Verdict::NotSent,
        Err(_) => Verdict::Unclear,
        Ok(answer) => match answer.status {
            200..300 => {
                let names_agent = asked.agent.is_some_and(|agent| answer.body.contains(AGENT_IDS[usize::from(agent)]));
                let names_org = asked.org.is_some_and(|org| answer.body.contains(crate::token::ORG_IDS[usize::from(org)]));
                if names_agent && names_org { Verdict::Yes } else { Verdict::Unclear }
            }
            408 | 421 | 425 | 500.. => Verdict::Unclear,
            status => Verdict::No(status),
        },
    }
}

/// Waits for an answer.
pub struct Sending {
    world: Rc<World>,
    number: usize,
}

impl Future for Sending {
    type Output = Result<Response, TransportError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut network = self.world.network.borrow_mut();
        let flight = &mut network.0[self.number];
        let is_there = flight.fate.back == u32::MAX;
        match std::mem::replace(&mut flight.state, State::Sent) {
            State::Answered(answer) if is_there => {
                flight.state = State::Over(verdict(&answer, &flight.asked), self.world.now());
                flight.status = answer.as_ref().as_ref().ok().map(|answer| answer.status);
                drop(network);
                self.world.delivered(self.number, &answer);
                Poll::Ready(*answer)
            }
            state => {
                flight.state = state;
                flight.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let mut network = self.world.network.borrow_mut();
        let flight = &mut network.0[self.number];
        if flight.is_awaited() {
            flight.state = State::GivenUp(self.world.now());
            flight.waker = None;
            drop(network);
            self.world.given_up(self.number);
        }
    }
}

//! One start: waits until no other page starts the same recording, sends the request, and determines the outcome.

use std::pin::pin;
use std::rc::Rc;

use crate::auth::ports::{Platform, TryLock};
use crate::client::sent_log::SentLog;
use crate::client::{SendError, Track, UntilSettled};
use crate::cloud::event::Event;
use crate::cloud::race::{before, race};
use crate::cloud::refusal::may_have_been_processed;
use crate::cloud::response::Response;
use crate::model::digits::hex;
use crate::model::error::{Code, Error};
use crate::model::time::Moment;
use crate::recording::page_starts::{MAX_IN_FLIGHT_MS, PageTurn, StartKey, UnderWay};
use crate::recording::reconcile::{RECONCILE_ATTEMPTS, RECONCILE_DELAY_MS};
use crate::recording::starts::{StartResult, StartState, Starts, WaitsFor};
use crate::recording::{Recording, State};
use crate::token::org_token::OrgToken;

/// The time limit of the precautionary look, in milliseconds.
const MAX_PRECAUTION_MS: u32 = 2_000;

/// The hint if the API accepted the start, and its response describes no recording of the agent.
const NOT_AS_DESCRIBED: &str =
    "A recording may be running: check that before you start again. Compare the response in `cause` with `contract.fields`.";

/// How long a start that waits for another start waits before it looks, in milliseconds. Doubles with each look.
const FIRST_LOOK_MS: u32 = 1_000;

/// The result of the checks before a start is sent.
enum Preflight<L> {
    /// The agent is being recorded already, so nothing is sent.
    Running(Recording),
    /// No other start was found, if one was looked for: this one is sent, with this token.
    Own { token: Rc<OrgToken>, turn: Turn<L>, has_looked: bool },
}

/// Keeps the other recorders of this page, and other pages, from starting the same recording.
struct Turn<L> {
    _page: PageTurn,
    _lock: Option<L>,
}

/// A start that may be sent, until its fetch has settled.
struct SentStart<P: Platform> {
    under_way: UnderWay<Turn<P::Lock>>,
    starts: Rc<Starts<P>>,
}

impl<P: Platform> UntilSettled for SentStart<P> {
    fn sent(&self) -> &SentLog {
        &self.under_way.start.sent
    }

    fn note_late(&self, response: &Response) {
        let StartKey { target, agent, .. } = &self.under_way.start.key;
        if let Some(recording) = self.starts.recordings.started(response, agent, target) {
            self.under_way.claim(recording);
        }
    }
}

impl<P: Platform> Starts<P> {
    /// Starts the recording, once.
    pub(super) async fn attempt(self: &Rc<Self>, state: &Rc<StartState>) -> StartResult {
        let StartState { call, start, .. } = &**state;
        let StartKey { target, agent, recording_type, .. } = &start.key;
        let sent = &start.sent;
        let contract = self.recordings.contract();
        let key = if contract.has_idempotency_header() { self.exchange.ports().random().map(uuid) } else { None };
        let mut request = contract.start(agent, recording_type, key)?;
        let org = &target.org;
        if contract.http2() {
            request.is_streamed = self.exchange.ports().streams_bodies();
            if !request.is_streamed {
                self.exchange.ports().emit(&Event::StartNotStreamed { org });
            }
        }
        let mut looks_again = false;
        let result = loop {
            let (token, turn) = match state.shares {
                true => match self.wait_for_turn(state, looks_again).await.map_err(|error| sent.not_sent_again(error))? {
                    Preflight::Running(running) => {
                        self.page.note_running(start, &running);
                        return Ok(running);
                    }
                    Preflight::Own { token, turn, has_looked } => {
                        sent.note_read(has_looked && !looks_again);
                        (Some(token), turn)
                    }
                },
                false => (None, Turn { _page: self.page.take_turn(&start.key), _lock: None }),
            };
            let under_way: Rc<dyn UntilSettled> = Rc::new(SentStart { under_way: self.page.under_way(start, turn), starts: self.clone() });
            state.under_way.replace(Some(under_way.clone()));
            let result = self.recordings.client.send_tracked(call, &request, token, Track::UntilSettled(under_way)).await;
            if !sent.is_repaired() {
                break result;
            }
            // What was read with the token was another organization's, too.
            looks_again = true;
            drop(state.under_way.take());
        };
        let found = match result {
            Ok(response) => match self.recordings.started(&response, agent, target) {
                Some(recording) => {
                    if contract.checks_duplicates()
                        && let Some(sent) = sent.last()
                    {
                        let look = self.clone().look_for_duplicates(state.clone(), sent, recording.id.clone());
                        self.exchange.ports().spawn(Box::pin(look));
                    }
                    Ok(recording)
                }
                None => {
                    let message = "The API's response names no recording of this agent in this organization.";
                    Err(Error::new(Code::OutcomeUnknown, message).answered_by(&response).with_hint(NOT_AS_DESCRIBED))
                }
            },
            Err(SendError::NoResponse(lost)) if lost.evidence.may_have_been_processed => Err(lost.with_code(Code::OutcomeUnknown)),
            Err(SendError::NotSent(error) | SendError::NoResponse(error)) => return Err(error.into()),
            Err(SendError::Refused(error)) if error.evidence.status.is_some_and(may_have_been_processed) => {
                Err(error.with_code(Code::OutcomeUnknown))
            }
            Err(SendError::Refused(error)) => return self.explain_refusal(state, error).await,
        };
        let found = match (found, sent.unresolved()) {
            (Err(unknown), Some(lost)) => {
                let found = self.find_lost_start(state, &lost, unknown).await;
                // Another caller may have found it.
                found.or_else(|unknown| start.own_recording().ok_or(unknown))
            }
            (found, _) => found.map_err(|unknown| unknown.for_org(org)),
        };
        let found = self.record_outcome(state, found?);
        sent.forget_last();
        Ok(found)
    }

    /// Waits until no other recorder and no other page starts the same recording. Looks for a running recording if another
    /// start may have led to it meanwhile, or if the last start's outcome is unknown. `looks_again`: it has looked with another
    /// organization's token.
    async fn wait_for_turn(&self, state: &StartState, looks_again: bool) -> Result<Preflight<P::Lock>, Error> {
        let StartState { start, call, .. } = state;
        let (key, agent) = (&start.key, &start.key.agent);
        let ports = self.exchange.ports();
        let began = self.exchange.now();
        let _waiting = self.page.wait(key);
        let had_token = self.keyring.has_fresh(&key.target);
        // The token comes first: a browser opens a sign-in window only in the caller's own turn.
        let mut token = self.keyring.token(call).await?;
        let name = key.lock_name();
        let in_flight_since = self.page.in_flight_since(key);
        let try_lock = || {
            // Another page may have to hand over its locks first.
            state.waits_for.set(WaitsFor::Lock);
            ports.try_lock(&name)
        };
        let mut lock = TryLock::Taken;
        let page = self.page.try_turn(key);
        if page.is_some() {
            lock = try_lock().await;
        }
        let has_waited = matches!(lock, TryLock::Taken);
        let page = match page {
            Some(page) if !has_waited => page,
            page => {
                let turn = Box::pin(async {
                    let page = match page {
                        Some(page) => page,
                        None => {
                            state.waits_for.set(WaitsFor::EarlierStart);
                            let page = self.page.turn(key).await;
                            lock = try_lock().await;
                            page
                        }
                    };
                    if matches!(lock, TryLock::Taken) {
                        // Still `Taken` without a lock: the platform has lost its locks meanwhile.
                        lock = ports.lock(&name).await.map_or(TryLock::Taken, TryLock::HeldLate);
                    }
                    page
                });
                match race(Box::pin(self.appears(state, &token, began, in_flight_since)), turn).await {
                    Err(page) => page,
                    Ok(running) => return Ok(Preflight::Running(running)),
                }
            }
        };
        state.waits_for.set(WaitsFor::Nothing);
        let may_follow_tab = matches!(lock, TryLock::HeldLate(_) | TryLock::Taken);
        let lock = match lock {
            TryLock::Held(lock) | TryLock::HeldLate(lock) => Some(lock),
            TryLock::Taken | TryLock::Unsupported => None,
        };
        let mut has_read = false;
        loop {
            let led_to = self.page.led_to(start);
            let is_led_to = led_to.is_some();
            let Some(known) = led_to.or_else(|| self.page.left_recording(key)).or_else(|| self.page.last_known(key)) else { break };
            has_read = true;
            let found = match self.recordings.find(call, &known.id, Some(agent)).await {
                Ok(found) if found.state == State::Stopped => {
                    self.page.forget_stopped(key, &known.id);
                    continue;
                }
                Ok(found) => found,
                Err(error) if !is_reading_refusal(error.code) => return Err(error),
                // The API does not say whether it has been stopped since.
                Err(_) if is_led_to => known.clone(),
                Err(_) => break,
            };
            let already_running = known.already_running || self.may_be_older(&found, began);
            return Ok(Preflight::Running(found.with_already_running(already_running)));
        }
        if has_read {
            // The cloud may have refused the token. Then the look and the start need its replacement.
            token = self.keyring.token(call).await?;
        }
        let earlier_since = self.page.unresolved_since(key, in_flight_since, ports.now()).or(has_waited.then_some(began));
        // While the call waited for its organization, or this page for its token or its lock, the recording may have been started.
        let may_have_missed = call.has_waited || lock.is_some() && (!had_token || looks_again || may_follow_tab);
        let has_looked = earlier_since.is_some() || may_have_missed;
        // Nobody knows when another tab has sent its start.
        let waited_for_tab = has_waited && (may_follow_tab || in_flight_since.is_none());
        let tab_since = waited_for_tab.then(|| began.before(MAX_IN_FLIGHT_MS));
        let doubtful_since = earlier_since.and(Moment::earliest(tab_since, earlier_since));
        let unknown_since = if waited_for_tab { doubtful_since } else { earlier_since.and(self.page.unknown_since(key, ports.now())) };
        let looks = match earlier_since {
            // Without a list, let the start decide.
            _ if !has_looked || !self.recordings.contract().has_list() => 0,
            None if !may_follow_tab => 1,
            _ => RECONCILE_ATTEMPTS,
        };
        for attempt in 0..looks {
            if attempt > 0 {
                ports.sleep(RECONCILE_DELAY_MS).await;
            }
            let listed = if earlier_since.is_some() {
                match self.recordings.look(call, Some(agent)).await {
                    Ok(listed) => listed,
                    // If the list is refused, let the start decide.
                    Err(SendError::Refused(refused)) if is_reading_refusal(refused.code) => break,
                    Err(error) => return Err(error.into()),
                }
            } else {
                let look = pin!(self.recordings.list_with_token(&token, agent));
                let Some(Some(listed)) = before(look, ports.sleep(MAX_PRECAUTION_MS)).await else { continue };
                listed
            };
            if let Some(running) = self.find_running(state, &listed, began, earlier_since.unwrap_or(began)) {
                return Ok(Preflight::Running(running));
            }
            self.ensure_none_runs(state, &listed, doubtful_since, unknown_since)?;
        }
        Ok(Preflight::Own { token, turn: Turn { _page: page, _lock: lock }, has_looked })
    }

    /// The running recording, once the cloud lists one. The start that this one waits for may never be answered.
    async fn appears(&self, state: &StartState, token: &OrgToken, began: Moment, in_flight_since: Option<Moment>) -> Recording {
        let earlier_since = self.page.unresolved_since(&state.start.key, in_flight_since, self.exchange.ports().now());
        let mut delay = if earlier_since.is_some() { 0 } else { FIRST_LOOK_MS };
        loop {
            self.exchange.ports().sleep(delay).await;
            delay = delay.saturating_mul(2).max(FIRST_LOOK_MS);
            if let Some(listed) = self.recordings.list_with_token(token, &state.start.key.agent).await
                && let Some(running) = self.find_running(state, &listed, began, earlier_since.unwrap_or(began))
            {
                return running;
            }
        }
    }
}

/// Whether only reading is refused, for this token or in general, so that a start may still succeed.
fn is_reading_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::NotFound
            | Code::RecordingNotFound
            | Code::UnexpectedAnswer
            | Code::BadRequest
            | Code::UserNeeded
            | Code::Forbidden
            | Code::ScopeMissing
            | Code::PermissionMissing
            | Code::FeatureDisabled
            | Code::PolicyDenied
            | Code::WrongOrg
    )
}

/// A random UUID (RFC 9562, version 4).
fn uuid(random: [u8; 32]) -> String {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = random;
    let bytes = [a, b, c, d, e, f, g & 0x0f | 0x40, h, i & 0x3f | 0x80, j, k, l, m, n, o, p];
    let mut uuid = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            uuid.push('-');
        }
        for digit in hex(*byte) {
            uuid.push(digit.into());
        }
    }
    uuid
}

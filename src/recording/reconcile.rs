//! Decides which recording belongs to a start: after a lost response, a conflict, or another page's start.

use std::pin::pin;
use std::rc::Rc;

use crate::auth::ports::Platform;
use crate::client::sent_log::SentRequest;
use crate::cloud::event::Event;
use crate::cloud::race::before;
use crate::model::error::{Cause, Code, Error};
use crate::model::ids::RecordingId;
use crate::model::time::{Moment, Timestamp};
use crate::recording::page_starts::StartKey;
use crate::recording::starts::{StartResult, StartState, Starts};
use crate::recording::{Listed, Recording, State};

/// How much earlier than it was sent, or later than now, a recording may seem to have started, in milliseconds: `Date`, by which
/// the cloud's clock is known, leaves out everything below a second, and so may `startedAt`.
const CLOCK_TOLERANCE_MS: i64 = 2_000;

/// How often the library lists recordings: the cloud may still be processing the start.
pub(super) const RECONCILE_ATTEMPTS: u32 = 2;

/// The delay between two lists, in milliseconds.
pub(super) const RECONCILE_DELAY_MS: u32 = 1_000;

/// The time limit of the question whether the agent is there, in milliseconds.
const MAX_AGENT_LOOK_MS: u32 = 2_000;

/// The hint if the agent is there, so that a 404 cannot mean the agent.
const NO_SUCH_PATH: &str = "The agent is in this organization, so the API has no such path. Check `path` and `start` in `contract`.";

/// The hint after a lost start if the contract has no list.
const NO_LIST: &str = "Check whether the agent is being recorded before you start again: without `contract.list`, the library cannot look.";

/// The hint if an item of the list cannot be read.
const UNREADABLE_LIST: &str = "Compare the list in `cause` with `contract.fields`.";

/// The time limit of the look for duplicates, in milliseconds.
const MAX_DUPLICATES_LOOK_MS: u32 = 15_000;

impl<P: Platform> Starts<P> {
    /// Records which recording a start led to.
    pub(super) fn record_outcome(&self, state: &StartState, recording: Recording) -> Recording {
        self.page.resolve(&state.start);
        if let Some(sent) = state.start.sent.last().filter(|_| state.is_told_unknown.get()) {
            self.page.leave(&state.start, sent.at, &recording);
        }
        let for_others = recording.with_already_running(true);
        self.page.claim(&state.start, for_others, true);
        state.give_up_known();
        recording
    }

    /// The recording that the lost start led to, if there is exactly one candidate: it began after the request, and no other
    /// start is known to own it. `unknown`: the error otherwise.
    pub(super) async fn find_lost_start(&self, state: &StartState, sent: &SentRequest, mut unknown: Error) -> Result<Recording, Error> {
        let mut listed = None;
        for attempt in 0..RECONCILE_ATTEMPTS {
            // Without a list, this gives a late response its time.
            if attempt > 0 {
                self.exchange.ports().sleep(RECONCILE_DELAY_MS).await;
            }
            let Some(seen) = self.recordings.list_with_token(&sent.token, &state.start.key.agent).await else { continue };
            // Recomputed with the latest clock offset: this response may have updated it.
            let since = self.certain_start(sent.at);
            let may_be_ours = |recording: &&Recording| {
                let is_anothers = self.page.is_claimed_by_another(&state.start, &recording.id);
                // A recording that has already stopped most likely existed before.
                let may_be = !is_anothers && recording.state != State::Stopped && recording.may_be_of_type(&state.start.key.recording_type);
                may_be && self.started_since(recording, since)
            };
            let mut candidates = seen.recordings.iter().filter(may_be_ours);
            let first = candidates.next().cloned();
            let others = candidates.filter(|other| first.as_ref().is_some_and(|first| first.id != other.id)).count();
            let others = others.saturating_add(usize::from(self.page.another_may_run(&state.start)));
            let others = others.saturating_add(seen.unreadable_running);
            listed = Some((seen, others));
            match first {
                Some(first) if others == 0 => return Ok(first),
                Some(_) => break,
                None => {}
            }
        }
        let looked = match &listed {
            None => "The API did not say which recordings the agent has.",
            Some((seen, _)) if seen.unreadable_running > 0 => "The API lists a recording that cannot be read and may be the agent's.",
            Some((seen, _)) if seen.recordings.is_empty() => "The API lists no recording of the agent.",
            Some((_, 0)) => "The API lists no other recording of the agent that runs and certainly began since.",
            Some(_) => "The API lists recordings of the agent that began since, but several starts may have caused them.",
        };
        unknown.message = format!("{} {looked}", unknown.message);
        unknown.evidence.seen = listed.map(|(seen, _)| seen.seen());
        if !self.recordings.contract().has_list() {
            unknown.evidence.hint.get_or_insert(NO_LIST);
        }
        Err(unknown.for_org(&state.start.key.target.org))
    }

    /// Looks once whether another recording of the agent began with the start's own: the browser itself may have sent the start
    /// twice. Nobody waits for this, so it is left out if the token's rate limit is reached.
    pub(super) async fn look_for_duplicates(self: Rc<Self>, state: Rc<StartState>, sent: Rc<SentRequest>, own: RecordingId) {
        let SentRequest { token, at } = &*sent;
        let StartKey { target, agent, recording_type, .. } = &state.start.key;
        let ports = self.exchange.ports();
        let closing = self.exchange.closing();
        if before(pin!(closing.aborted()), ports.sleep(RECONCILE_DELAY_MS)).await.is_some() {
            return;
        }
        let now = ports.now();
        let slot = self.exchange.rate_limiter().next_slot_at(token.secret(), now, None, 0);
        if slot.is_none_or(|slot| slot > now) {
            return;
        }
        let look = pin!(self.recordings.list_with_token(token, agent));
        let look = pin!(before(look, Box::pin(closing.aborted())));
        let Some(Some(Some(listed))) = before(look, ports.sleep(MAX_DUPLICATES_LOOK_MS)).await else { return };
        // Which recording another start leads to is not known before it ends.
        if self.page.another_may_run(&state.start) {
            return;
        }
        let is_duplicate = |recording: &Recording| {
            recording.id != own
                && recording.may_be_of_type(recording_type)
                && self.started_since(recording, self.certain_start(*at))
                && !self.page.is_claimed(&state.start.key, &recording.id)
        };
        let mut recordings = Vec::new();
        for other in &listed.recordings {
            if is_duplicate(other) {
                recordings.push(other.id.as_str().to_owned());
            }
        }
        if !recordings.is_empty() {
            ports.emit(&Event::DuplicateRecording { org: &target.org, agent: agent.as_str(), recordings: &recordings });
        }
    }

    /// The newest running recording in the list. A recording in an unknown state also counts if it began after `since`.
    pub(super) fn find_running(&self, state: &StartState, listed: &Listed, began: Moment, since: Moment) -> Option<Recording> {
        let running = self.newest_running(state, listed, Some(self.certain_start(since)))?;
        let is_claimed = self.page.is_claimed(&state.start.key, &running.id);
        Some(running.with_already_running(is_claimed || self.may_be_older(&running, began)))
    }

    /// Whether the recording may have begun before this moment.
    pub(super) fn may_be_older(&self, recording: &Recording, began: Moment) -> bool {
        !self.started_since(recording, self.exchange.range_in_cloud(began).1)
    }

    /// Fails if the list, in which no recording runs, may have one that does: then nothing may be sent. `unresolved_since`: when
    /// another start may have been sent. `unknown_since`: when one may have been sent whose outcome is still unknown.
    pub(super) fn ensure_none_runs(
        &self,
        state: &StartState,
        listed: &Listed,
        unresolved_since: Option<Moment>,
        unknown_since: Option<Moment>,
    ) -> Result<(), Error> {
        let may_run = |recording: &&Recording| {
            let is_unknown = matches!(recording.state, State::Other(_)) && recording.may_be_of_type(&state.start.key.recording_type);
            let may_be_since = |since| !self.is_dated(recording) || recording.started_since(self.earliest_start(since));
            is_unknown && unresolved_since.is_some_and(may_be_since)
        };
        let unknown = listed.recordings.iter().filter(may_run).count();
        // Without another start, what names no agent most likely is another agent's.
        let unreadable = if unresolved_since.is_some() { listed.unreadable_running } else { listed.unreadable_of_agent };
        let what = match (unknown, unreadable) {
            (0, 0) if unknown_since.is_some_and(|since| self.may_hide(listed, since)) => "may have a recording on another page of the list",
            (0, 0) => return Ok(()),
            (0, _) => "lists a recording that cannot be read",
            _ => "lists a recording in an unknown state, with an unknown or recent start time",
        };
        let message = format!("Nothing was sent: the API {what}. It may be the agent's, and running.");
        let mut error = Error::new(Code::OutcomeUnknown, message).caused_by(Cause::Cloud(listed.body.as_ref().into()));
        error.evidence.seen = Some(listed.seen());
        let may_be_fields = unknown == 0 && unreadable > 0 && !self.recordings.contract().shape().needs_user();
        error.evidence.hint = may_be_fields.then_some(UNREADABLE_LIST);
        Err(error.for_org(&state.start.key.target.org))
    }

    /// Whether another page of the list may have a recording that began since. On a list whose newest are first, none has, if this
    /// page reaches further back.
    fn may_hide(&self, listed: &Listed, since: Moment) -> bool {
        let mut dates = Vec::new();
        for other in &listed.recordings {
            dates.push(other.started().filter(|_| self.is_dated(other)));
        }
        let is_newest_first = dates.first() > dates.last() && dates.is_sorted_by(|one, next| one >= next);
        let reaches_back = dates.last().is_some_and(|last| last.is_some_and(|last| last < self.earliest_start(since)));
        listed.has_more && !(is_newest_first && reaches_back)
    }

    /// The error of a refused start, unless it means that the agent is being recorded already: then that recording is the result.
    pub(super) async fn explain_refusal(&self, state: &StartState, mut refused: Error) -> StartResult {
        let contract = self.recordings.contract();
        let is_conflict = contract.means_already_running(refused.evidence.status, refused.evidence.cloud_code.as_deref());
        if is_conflict {
            refused.code = Code::Conflict;
        }
        let sent = state.start.sent.last().filter(|_| is_conflict);
        if let Some(sent) = sent {
            let listed = self.recordings.list_with_token(&sent.token, &state.start.key.agent).await;
            if let Some(running) = listed.and_then(|listed| self.newest_running(state, &listed, None)) {
                let running = running.with_already_running(true);
                self.page.note_running(&state.start, &running);
                return Ok(running);
            }
        }
        let refused = match refused.code {
            Code::NotFound if self.has_agent(state).await => refused.with_hint(NO_SUCH_PATH),
            Code::NotFound => refused.with_code(Code::AgentNotFound),
            _ => refused,
        };
        Err(refused.into())
    }

    /// Whether the agent is certainly in the organization. Asks only if the call has time for it.
    async fn has_agent(&self, state: &StartState) -> bool {
        let has_time = state.call.deadline.remaining() > MAX_AGENT_LOOK_MS.into();
        let Some(sent) = state.start.sent.last().filter(|sent| has_time && !self.recordings.client.is_misattributed(&sent.token)) else {
            return false;
        };
        let look = pin!(self.recordings.client.has_agent(&sent.token, &state.start.key.agent));
        let over = self.exchange.ports().sleep(MAX_AGENT_LOOK_MS);
        matches!(before(look, over).await, Some(Ok(true)))
    }

    /// The newest recording that runs. With `since`, one in an unknown state runs, too, if it began since.
    fn newest_running(&self, state: &StartState, listed: &Listed, since: Option<Timestamp>) -> Option<Recording> {
        let may_be = |recording: &Recording| {
            let runs = match recording.state {
                State::Recording => true,
                State::Stopped => false,
                State::Other(_) => since.is_some_and(|since| self.started_since(recording, since)),
            };
            runs && recording.may_be_of_type(&state.start.key.recording_type)
        };
        let mut newest: Option<&Recording> = None;
        for recording in &listed.recordings {
            if may_be(recording) && newest.is_none_or(|newest| newest.started() <= recording.started()) {
                newest = Some(recording);
            }
        }
        newest.cloned()
    }

    /// Whether the recording is known to have started at this date or later.
    fn started_since(&self, recording: &Recording, date: Timestamp) -> bool {
        self.is_dated(recording) && recording.started_since(date)
    }

    /// Whether the recording's start time is certain: it has a zone and is not in the future.
    fn is_dated(&self, recording: &Recording) -> bool {
        let (_, now) = self.exchange.range_in_cloud(self.exchange.now());
        recording.started().is_some_and(|started| started <= now.after_millis(CLOCK_TOLERANCE_MS))
    }

    /// A recording with this date or a later one is certain not to be older than a start that was sent at this moment.
    fn certain_start(&self, sent: Moment) -> Timestamp {
        let (_, latest) = self.exchange.range_in_cloud(sent);
        latest.after_millis(-CLOCK_TOLERANCE_MS)
    }

    /// A recording with an earlier date is certain to be older than a start that was sent at this moment.
    fn earliest_start(&self, sent: Moment) -> Timestamp {
        let (earliest, _) = self.exchange.range_in_cloud(sent);
        earliest.after_millis(-CLOCK_TOLERANCE_MS)
    }
}

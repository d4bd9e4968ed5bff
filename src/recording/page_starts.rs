//! The starts of one page, whatever recorder began them, and however that recorder ended.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::client::SentLog;
use crate::cloud::signal::Signal;
use crate::model::environment::Target;
use crate::model::ids::{AgentId, RecordingId};
use crate::model::sorted_map::SortedMap;
use crate::model::time::{CloudClock, Instant, Moment, Timestamp};

/// More recordings than can start within the clock tolerance.
const MAX_CLAIMED: usize = 1_000;

/// How long after a panic each start looks before it is sent, in milliseconds. A fetch is kept as long.
const LOST_STARTS_MS: i64 = 300_000;

/// How many unknown outcomes a page remembers: more than an organization has agents.
const MAX_UNRESOLVED: u32 = 20_000;

/// What identifies a start: calls with the same key share a start.
pub(super) struct StartKey {
    pub(super) target: Target,
    /// In lower case: no two ids differ only in case.
    pub(super) agent: String,
    pub(super) recording_type: String,
    /// All of this as one text.
    pub(super) name: Rc<str>,
}

impl StartKey {
    pub(super) fn new(target: Target, agent: &AgentId, recording_type: String) -> StartKey {
        let agent = agent.as_str().to_ascii_lowercase();
        let mut key = StartKey { target, agent, recording_type, name: Rc::default() };
        key.name = format!("{}{}", key.agent_name(), key.recording_type).into();
        key
    }

    /// Pages that start the same recording wait for this lock.
    pub(super) fn lock_name(&self) -> String {
        let (target, recording_type, agent) = (&self.target, &self.recording_type, &self.agent);
        format!("premium-recorder start {} {} {recording_type} {agent}", target.environment.api(), target.org)
    }

    /// How the names of all starts for the agent begin.
    fn agent_name(&self) -> String {
        format!("{} {} {} ", self.target.environment.api(), self.target.org, self.agent)
    }
}

/// What the recorders of a page know of each other's starts. Clones share it.
#[derive(Clone, Default)]
pub struct PageStarts(Rc<State>);

#[derive(Default)]
struct State {
    begun: Cell<u64>,
    by_name: RefCell<SortedMap<Rc<str>, SameStarts>>,
    /// Recordings that a start already owns, with that start's number.
    claimed: RefCell<Vec<(u64, RecordingId)>>,
    /// When starts that this list lacks may have been sent at the earliest.
    lost_since: Cell<Option<Moment>>,
}

/// The starts with the same key.
#[derive(Default)]
struct SameStarts {
    /// Given when the turn is over.
    turn: Option<Signal>,
    /// Starts that are under way, or whose fetch is.
    under_way: Vec<(u64, Rc<SentLog>)>,
    /// The last start that ended with an unknown outcome, and when it was sent.
    unresolved: Option<(u64, Moment)>,
}

impl PageStarts {
    /// The number of a new start.
    pub(super) fn begin(&self) -> u64 {
        let number = self.0.begun.get();
        self.0.begun.set(number.wrapping_add(1));
        number
    }

    /// The turn, if no other start of this page with the same key has it.
    pub(super) fn try_turn(&self, key: &StartKey) -> Option<PageTurn> {
        let mut by_name = self.0.by_name.borrow_mut();
        by_name.change(key.name.clone(), |same| {
            if same.turn.is_some() {
                return None;
            }
            same.turn = Some(Signal::default());
            Some(PageTurn { page: self.clone(), name: key.name.clone() })
        })
    }

    /// Waits for the turn.
    pub(super) async fn turn(&self, key: &StartKey) -> PageTurn {
        loop {
            if let Some(turn) = self.try_turn(key) {
                return turn;
            }
            let turn = self.0.by_name.borrow().get(&*key.name).and_then(|same| same.turn.clone());
            if let Some(turn) = turn {
                turn.aborted().await;
            }
        }
    }

    /// A start that may be sent from now on. `turn`: ends with it.
    pub(super) fn under_way<T>(&self, key: &StartKey, number: u64, sent: &Rc<SentLog>, turn: T) -> UnderWay<T> {
        let name = key.name.clone();
        self.0.by_name.borrow_mut().change(name.clone(), |same| same.under_way.push((number, sent.clone())));
        UnderWay { page: self.clone(), name, number, _turn: turn }
    }

    /// The module has panicked: the starts that it had sent are not in this list, and any agent may have one of them.
    pub fn note_panic(&self, now: Instant, wall_clock: Timestamp) {
        let earliest = CloudClock::default().moment(now.after_millis(-LOST_STARTS_MS), wall_clock.after_millis(-LOST_STARTS_MS));
        self.0.lost_since.set(Some(earliest));
    }

    /// When the start was sent whose outcome is unknown, if there may be one.
    pub(super) fn unresolved_since(&self, key: &StartKey, now: Instant) -> Option<Moment> {
        let by_name = self.0.by_name.borrow();
        let own = by_name.get(&*key.name).and_then(|same| same.unresolved).map(|(_, since)| since);
        own.or_else(|| self.0.lost_since.get().filter(|since| now.since(since.instant()) < 2 * LOST_STARTS_MS))
    }

    /// A start has ended without a known outcome.
    pub(super) fn note_unresolved(&self, key: &StartKey, number: u64, since: Moment) {
        let mut by_name = self.0.by_name.borrow_mut();
        if u32::try_from(by_name.len()).is_ok_and(|count| count >= MAX_UNRESOLVED) {
            // Half of them at a time, so that this happens seldom.
            let oldest = number.saturating_sub(u64::from(MAX_UNRESOLVED) / 2);
            by_name.retain(|same| {
                same.unresolved = same.unresolved.filter(|(number, _)| *number > oldest);
                !same.is_over()
            });
        }
        by_name.change(key.name.clone(), |same| same.unresolved = Some((number, since)));
    }

    /// A recording is known, so an earlier start need not be looked for any more, unless it is still in flight and the recording
    /// is not `of` it. `of`: asked with the start's number, and when it was sent.
    pub(super) fn resolve(&self, key: &StartKey, of: impl Fn(u64, Moment) -> bool) {
        let mut resolved = None;
        self.change(&key.name, |same| {
            let Some((number, since)) = same.unresolved else { return };
            let in_flight = same.under_way.iter().find(|(other, _)| *other == number);
            if in_flight.is_none() || of(number, since) {
                resolved = in_flight.map(|(_, sent)| sent.clone());
                same.unresolved = None;
            }
        });
        if let Some(sent) = resolved {
            sent.resolve();
        }
    }

    /// Whether another start for the agent is under way and has no known outcome yet.
    pub(super) fn another_may_run(&self, key: &StartKey, number: u64) -> bool {
        let agent = key.agent_name();
        let by_name = self.0.by_name.borrow();
        let mut of_agent = by_name.from(agent.as_str()).take_while(|(name, _)| name.starts_with(&agent));
        of_agent.any(|(_, same)| same.under_way.iter().any(|(other, sent)| *other != number && sent.unresolved().is_some()))
    }

    /// Records which recording a start led to.
    pub(super) fn claim(&self, number: u64, recording: &RecordingId) {
        let mut claimed = self.0.claimed.borrow_mut();
        if claimed.len() >= MAX_CLAIMED {
            claimed.remove(0);
        }
        claimed.push((number, recording.clone()));
    }

    /// Whether a start other than `number` owns the recording.
    pub(super) fn is_claimed(&self, recording: &RecordingId, number: Option<u64>) -> bool {
        self.0.claimed.borrow().iter().any(|(other, id)| Some(*other) != number && id == recording)
    }

    fn change(&self, name: &Rc<str>, change: impl FnOnce(&mut SameStarts)) {
        let mut by_name = self.0.by_name.borrow_mut();
        if let Some(same) = by_name.get_mut(&**name) {
            change(same);
            if same.is_over() {
                by_name.remove(&**name);
            }
        }
    }
}

impl SameStarts {
    fn is_over(&self) -> bool {
        self.turn.is_none() && self.under_way.is_empty() && self.unresolved.is_none()
    }
}

/// Keeps other starts of this page with the same key waiting, until dropped.
pub(super) struct PageTurn {
    page: PageStarts,
    name: Rc<str>,
}

impl Drop for PageTurn {
    fn drop(&mut self) {
        let mut turn = None;
        self.page.change(&self.name, |same| turn = same.turn.take());
        if let Some(turn) = turn {
            turn.abort();
        }
    }
}

/// A start that is under way, until dropped: its work holds it, and so does each of its fetches.
pub(super) struct UnderWay<T> {
    page: PageStarts,
    name: Rc<str>,
    number: u64,
    _turn: T,
}

impl<T> Drop for UnderWay<T> {
    fn drop(&mut self) {
        self.page.change(&self.name, |same| {
            let is_own = |(number, _): &mut (u64, _)| *number == self.number;
            let sent = same.under_way.extract_if(.., is_own).next().map(|(_, sent)| sent);
            // The response may have told the outcome after the start was abandoned.
            if sent.is_some_and(|sent| sent.unresolved().is_none()) {
                same.unresolved = same.unresolved.filter(|(number, _)| *number != self.number);
            }
        });
    }
}

//! The starts of one page, whatever recorder began them, and however that recorder ended.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::client::{MAX_UNANSWERED_MS, SentLog};
use crate::cloud::signal::Signal;
use crate::model::environment::Target;
use crate::model::ids::{AgentId, RecordingId};
use crate::model::sorted_map::SortedMap;
use crate::model::time::{CloudClock, Instant, Moment, Timestamp};
use crate::recording::Recording;

/// More recordings than a page starts while it looks for one.
const MAX_CLAIMED: usize = 500;

/// How long a start that nobody answers may be in flight, in milliseconds.
pub(super) const MAX_IN_FLIGHT_MS: i64 = MAX_UNANSWERED_MS as i64;

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

    /// Pages that start the same recording wait for this lock. Tabs replace the type's blanks, so that it ends at the next blank.
    pub(super) fn lock_name(&self) -> String {
        let (target, agent) = (&self.target, &self.agent);
        let recording_type = self.recording_type.replace(' ', "\t");
        format!("premium-recorder start {} {} {recording_type} {agent}", target.environment.api(), target.org)
    }

    /// How the names of all starts for the agent begin. No agent's id has a tab.
    fn agent_name(&self) -> String {
        format!("{} {} {}\t", self.target.environment.api(), self.target.org, self.agent)
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
    claimed: RefCell<Vec<(u64, Target, RecordingId)>>,
    /// When starts that this list lacks may have been sent at the earliest.
    lost_since: Cell<Option<Moment>>,
}

/// The starts with the same key.
#[derive(Default)]
struct SameStarts {
    /// The starts that others wait for.
    turns: Vec<(u64, Rc<TurnState>)>,
    /// Starts that are under way, or whose fetch is.
    under_way: Vec<(u64, Rc<SentLog>)>,
    /// Starts whose fetch has ended, and whose recording no call has got.
    unresolved: Option<Unresolved>,
}

/// Starts that led to a recording, or may have, which no call has got.
struct Unresolved {
    /// The last one's number.
    number: u64,
    /// When the first one was sent.
    since: Moment,
    /// The recording, if there was only one start, and a response named it when nobody waited any more.
    led_to: Option<Recording>,
}

/// A turn, for those that wait for it.
#[derive(Default)]
struct TurnState {
    is_over: Signal,
    /// The recording that its start led to, once that is known, and how many starts had begun by then.
    led_to: RefCell<Option<(Recording, u64)>>,
}

impl PageStarts {
    /// The number of a new start.
    pub(super) fn begin(&self) -> u64 {
        let number = self.0.begun.get();
        self.0.begun.set(number.wrapping_add(1));
        number
    }

    /// The turn, if no other start of this page with the same key has one.
    pub(super) fn try_turn(&self, key: &StartKey, number: u64) -> Option<PageTurn> {
        let is_free = self.0.by_name.borrow().get(&*key.name).is_none_or(|same| same.turns.is_empty());
        is_free.then(|| self.take_turn(key, number))
    }

    /// A turn, even if another start has one: for a start that waits for none, but that others wait for.
    pub(super) fn take_turn(&self, key: &StartKey, number: u64) -> PageTurn {
        self.0.by_name.borrow_mut().change(key.name.clone(), |same| same.turns.push((number, Rc::default())));
        PageTurn { page: self.clone(), name: key.name.clone(), number }
    }

    /// Waits for the turn. Also returns the recording that the start before it has led to meanwhile.
    pub(super) async fn turn(&self, key: &StartKey, number: u64) -> (PageTurn, Option<Recording>) {
        let mut known = None;
        loop {
            if let Some(turn) = self.try_turn(key, number) {
                return (turn, known);
            }
            let turn = self.0.by_name.borrow().get(&*key.name).and_then(|same| same.turns.first().map(|(_, turn)| turn.clone()));
            if let Some(turn) = turn {
                turn.is_over.aborted().await;
                let led_to = turn.led_to.borrow().clone();
                // What was known before may have stopped since.
                known = led_to.filter(|(_, begun)| number < *begun).map(|(recording, _)| recording);
            }
        }
    }

    /// When the first of the starts with this key that are in flight was sent.
    pub(super) fn in_flight_since(&self, key: &StartKey) -> Option<Moment> {
        let by_name = self.0.by_name.borrow();
        let sent = by_name.get(&*key.name)?.under_way.iter().filter_map(|(_, sent)| sent.last());
        sent.map(|sent| sent.at).reduce(Moment::min)
    }

    /// A start that may be sent from now on. `turn`: ends with it.
    pub(super) fn under_way<T>(&self, key: &StartKey, number: u64, sent: &Rc<SentLog>, turn: T) -> UnderWay<T> {
        let name = key.name.clone();
        self.0.by_name.borrow_mut().change(name.clone(), |same| same.under_way.push((number, sent.clone())));
        UnderWay { page: self.clone(), name, number, led_to: RefCell::default(), _turn: turn }
    }

    /// The module has panicked: the starts that it had sent are not in this list, and any agent may have one of them.
    pub fn note_panic(&self, now: Instant, wall_clock: Timestamp) {
        self.0.lost_since.set(Some(CloudClock::default().moment(now, wall_clock).before(MAX_IN_FLIGHT_MS)));
    }

    /// When the first of the starts was sent whose outcome is unknown, if there may be one. `in_flight_since`: when the first of
    /// those was sent that were in flight.
    pub(super) fn unresolved_since(&self, key: &StartKey, in_flight_since: Option<Moment>, now: Instant) -> Option<Moment> {
        let by_name = self.0.by_name.borrow();
        let unresolved = by_name.get(&*key.name).and_then(|same| same.unresolved.as_ref()).map(|starts| starts.since);
        [unresolved, self.lost_since(now), in_flight_since].into_iter().flatten().reduce(Moment::min)
    }

    /// When the first start was sent whose outcome is still unknown. A start that is over, or whose recording is known, does not count.
    pub(super) fn unknown_since(&self, key: &StartKey, now: Instant) -> Option<Moment> {
        let known = self.left_recording(key);
        let unresolved = if known.is_some() { None } else { self.unresolved_since(key, None, now) };
        [unresolved, self.lost_since(now), self.in_flight_since(key)].into_iter().flatten().reduce(Moment::min)
    }

    /// The recording that the last start led to, although no call has got it.
    pub(super) fn left_recording(&self, key: &StartKey) -> Option<Recording> {
        self.0.by_name.borrow().get(&*key.name)?.unresolved.as_ref()?.led_to.clone()
    }

    fn lost_since(&self, now: Instant) -> Option<Moment> {
        self.0.lost_since.get().filter(|since| now.since(since.instant()) < 2 * MAX_IN_FLIGHT_MS)
    }

    /// A start has a known recording, so none need be looked for any more, except those that are in flight.
    pub(super) fn resolve(&self, key: &StartKey) {
        self.change(&key.name, |same| same.unresolved = None);
    }

    /// Whether another start for the agent has no known outcome yet: one that is under way, or one that began later.
    pub(super) fn another_may_run(&self, key: &StartKey, number: u64) -> bool {
        let agent = key.agent_name();
        let by_name = self.0.by_name.borrow();
        let mut of_agent = by_name.from(agent.as_str()).take_while(|(name, _)| name.starts_with(&agent));
        of_agent.any(|(_, same)| {
            let is_later = same.unresolved.as_ref().is_some_and(|starts| starts.led_to.is_none() && starts.number > number);
            is_later || same.under_way.iter().any(|(other, sent)| *other != number && sent.unresolved().is_some())
        })
    }

    /// Records which recording a start led to, also for those that wait for its turn.
    pub(super) fn claim(&self, number: u64, name: &str, target: &Target, recording: Recording) {
        let id = recording.id.clone();
        if let Some(same) = self.0.by_name.borrow().get(name)
            && let Some((_, turn)) = same.turns.iter().find(|(other, _)| *other == number)
        {
            turn.led_to.borrow_mut().get_or_insert((recording, self.0.begun.get()));
        }
        let mut claimed = self.0.claimed.borrow_mut();
        if claimed.len() >= MAX_CLAIMED {
            claimed.remove(0);
        }
        claimed.push((number, target.clone(), id));
    }

    /// Whether a start other than `number` owns the recording.
    pub(super) fn is_claimed(&self, target: &Target, recording: &RecordingId, number: Option<u64>) -> bool {
        self.0.claimed.borrow().iter().any(|(other, of, id)| Some(*other) != number && id == recording && of == target)
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
        self.turns.is_empty() && self.under_way.is_empty() && self.unresolved.is_none()
    }
}

/// Keeps other starts of this page with the same key waiting, until dropped.
pub(super) struct PageTurn {
    page: PageStarts,
    name: Rc<str>,
    number: u64,
}

impl Drop for PageTurn {
    fn drop(&mut self) {
        let mut over = Vec::new();
        self.page.change(&self.name, |same| over.extend(same.turns.extract_if(.., |(number, _)| *number == self.number)));
        over.iter().for_each(|(_, turn)| turn.is_over.abort());
    }
}

/// A start that is under way, until dropped: its work holds it, and so does each of its fetches.
pub(super) struct UnderWay<T> {
    page: PageStarts,
    name: Rc<str>,
    number: u64,
    led_to: RefCell<Option<Recording>>,
    _turn: T,
}

impl<T> UnderWay<T> {
    /// Its start has led to this recording, although nobody waits for it any more.
    pub(super) fn claim(&self, target: &Target, recording: Recording) {
        self.led_to.replace(Some(recording.clone()));
        self.page.claim(self.number, &self.name, target, recording);
    }
}

impl<T> Drop for UnderWay<T> {
    fn drop(&mut self) {
        self.page.change(&self.name, |same| {
            let is_own = |(number, _): &mut (u64, _)| *number == self.number;
            if let Some(sent) = same.under_way.extract_if(.., is_own).next().and_then(|(_, sent)| sent.unresolved()) {
                let (number, since, led_to) = (self.number, sent.at, self.led_to.take());
                same.unresolved = Some(match same.unresolved.take() {
                    None => Unresolved { number, since, led_to },
                    Some(other) => Unresolved { number: other.number.max(number), since: other.since.min(since), led_to: None },
                });
            }
        });
    }
}

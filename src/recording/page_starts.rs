//! The starts of one page, whatever recorder began them, and however that recorder ended.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::client::MAX_UNANSWERED_MS;
use crate::client::sent_log::SentLog;
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
    turns: Vec<Rc<PageStart>>,
    /// Starts that are under way, or whose fetch is.
    under_way: Vec<Rc<PageStart>>,
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

/// A start, as the other starts of the page know it.
#[derive(Default)]
pub(super) struct PageStart {
    number: u64,
    pub(super) sent: Rc<SentLog>,
    /// Aborted when no other start has to wait for this one any more.
    turn: Signal,
    /// The recording that it led to, once that is known, and how many starts had begun by then.
    led_to: RefCell<Option<(Recording, u64)>>,
}

impl PageStart {
    /// The recording that its last send led to, if somebody has found that out.
    pub(super) fn led_to(&self) -> Option<Recording> {
        let led_to = self.led_to.borrow();
        led_to.as_ref().filter(|_| self.sent.is_known()).map(|(recording, _)| recording.clone())
    }
}

impl PageStarts {
    /// A new start.
    pub(super) fn begin(&self) -> Rc<PageStart> {
        let number = self.0.begun.get();
        self.0.begun.set(number.wrapping_add(1));
        Rc::new(PageStart { number, ..PageStart::default() })
    }

    /// The turn, if no other start of this page with the same key has one.
    pub(super) fn try_turn(&self, key: &StartKey, start: &Rc<PageStart>) -> Option<PageTurn> {
        let is_free = self.0.by_name.borrow().get(&*key.name).is_none_or(|same| same.turns.is_empty());
        is_free.then(|| self.take_turn(key, start))
    }

    /// A turn, even if another start has one: for a start that waits for none, but that others wait for.
    pub(super) fn take_turn(&self, key: &StartKey, start: &Rc<PageStart>) -> PageTurn {
        self.0.by_name.borrow_mut().change(key.name.clone(), |same| same.turns.push(start.clone()));
        PageTurn { page: self.clone(), name: key.name.clone(), start: start.clone() }
    }

    /// Waits for the turn. Also returns the recording that the start before it has led to meanwhile.
    pub(super) async fn turn(&self, key: &StartKey, start: &Rc<PageStart>) -> (PageTurn, Option<Recording>) {
        let mut known = None;
        loop {
            if let Some(turn) = self.try_turn(key, start) {
                return (turn, known);
            }
            let earlier = self.0.by_name.borrow().get(&*key.name).and_then(|same| same.turns.first().cloned());
            if let Some(earlier) = earlier {
                earlier.turn.aborted().await;
                let led_to = earlier.led_to.borrow().clone();
                // What was known before may have stopped since.
                known = led_to.filter(|(_, begun)| start.number < *begun).map(|(recording, _)| recording);
            }
        }
    }

    /// When the first of the starts with this key that are in flight was sent.
    pub(super) fn in_flight_since(&self, key: &StartKey) -> Option<Moment> {
        let by_name = self.0.by_name.borrow();
        let sent = by_name.get(&*key.name)?.under_way.iter().filter_map(|start| start.sent.last());
        sent.map(|sent| sent.at).reduce(Moment::min)
    }

    /// A start that may be sent from now on. `turn`: ends with it.
    pub(super) fn under_way<T>(&self, key: &StartKey, start: &Rc<PageStart>, turn: T) -> UnderWay<T> {
        let name = key.name.clone();
        self.0.by_name.borrow_mut().change(name.clone(), |same| same.under_way.push(start.clone()));
        UnderWay { page: self.clone(), name, start: start.clone(), _turn: turn }
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
    pub(super) fn another_may_run(&self, key: &StartKey, start: &PageStart) -> bool {
        let agent = key.agent_name();
        let by_name = self.0.by_name.borrow();
        let mut of_agent = by_name.from(agent.as_str()).take_while(|(name, _)| name.starts_with(&agent));
        of_agent.any(|(_, same)| {
            let is_later = same.unresolved.as_ref().is_some_and(|starts| starts.led_to.is_none() && starts.number > start.number);
            is_later || same.under_way.iter().any(|other| other.number != start.number && other.sent.unresolved().is_some())
        })
    }

    /// Records which recording a start led to, also for those that wait for its turn.
    pub(super) fn claim(&self, start: &PageStart, target: &Target, recording: Recording) {
        start.sent.note_known();
        let id = recording.id.clone();
        start.led_to.borrow_mut().get_or_insert((recording, self.0.begun.get()));
        let mut claimed = self.0.claimed.borrow_mut();
        if claimed.len() >= MAX_CLAIMED {
            claimed.remove(0);
        }
        claimed.push((start.number, target.clone(), id));
    }

    /// Whether a start owns the recording. `but_by`: which one does not count.
    pub(super) fn is_claimed(&self, target: &Target, recording: &RecordingId, but_by: Option<&PageStart>) -> bool {
        let number = but_by.map(|start| start.number);
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
    start: Rc<PageStart>,
}

impl Drop for PageTurn {
    fn drop(&mut self) {
        self.page.change(&self.name, |same| same.turns.retain(|start| !Rc::ptr_eq(start, &self.start)));
        self.start.turn.abort();
    }
}

/// A start that is under way, until dropped: its work holds it, and so does each of its fetches.
pub(super) struct UnderWay<T> {
    page: PageStarts,
    name: Rc<str>,
    start: Rc<PageStart>,
    _turn: T,
}

impl<T> UnderWay<T> {
    /// Its start has led to this recording, although nobody waits for it any more.
    pub(super) fn claim(&self, target: &Target, recording: Recording) {
        self.page.claim(&self.start, target, recording);
    }
}

impl<T> Drop for UnderWay<T> {
    fn drop(&mut self) {
        self.page.change(&self.name, |same| {
            same.under_way.retain(|start| !Rc::ptr_eq(start, &self.start));
            if let Some(sent) = self.start.sent.unresolved() {
                let led_to = self.start.led_to();
                let (number, since) = (self.start.number, sent.at);
                same.unresolved = Some(match same.unresolved.take() {
                    None => Unresolved { number, since, led_to },
                    Some(other) => Unresolved { number: other.number.max(number), since: other.since.min(since), led_to: None },
                });
            }
        });
    }
}

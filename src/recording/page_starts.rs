//! The starts of one page, whatever recorder began them, and however that recorder ended.

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::rc::Rc;

use crate::client::MAX_UNANSWERED_MS;
use crate::client::sent_log::SentLog;
use crate::cloud::signal::Signal;
use crate::model::environment::Target;
use crate::model::ids::{AgentId, RecordingId};
use crate::model::sorted_map::SortedMap;
use crate::model::time::{CloudClock, Instant, Moment, Timestamp};
use crate::recording::Recording;

/// More recordings than a page starts or stops while a start looks for one.
const MAX_NOTED: usize = 500;

/// How many recordings are kept for starts with the same key. There are several only if some starts are not shared.
const MAX_LED_TO: usize = 10;

/// How long a start that nobody answers may be in flight, in milliseconds.
pub(super) const MAX_IN_FLIGHT_MS: i64 = MAX_UNANSWERED_MS as i64;

/// What identifies a start: calls with the same key share a start.
pub(super) struct StartKey {
    pub(super) target: Target,
    /// The URL of starts and the organization. Starts of another recording API are others, and its ids too.
    api: Rc<str>,
    pub(super) agent: AgentId,
    /// As the app spells it. No two types differ only in case.
    pub(super) recording_type: String,
    /// All of this as one text.
    pub(super) name: Rc<str>,
}

impl StartKey {
    /// `path`: that of starts, with placeholders.
    pub(super) fn new(target: Target, path: &str, agent: AgentId, recording_type: String) -> StartKey {
        let api = api_name(&target, path);
        let mut key = StartKey { target, api, agent, recording_type, name: Rc::default() };
        key.name = format!("{}{}", key.agent_name(), key.recording_type.to_ascii_lowercase()).into();
        key
    }

    /// Pages that start the same recording wait for this lock. Tabs replace the type's blanks, so that it ends at the next blank.
    pub(super) fn lock_name(&self) -> String {
        let (api, agent) = (&self.api, self.agent.lowercase());
        let recording_type = self.recording_type.to_ascii_lowercase().replace(' ', "\t");
        format!("premium-recorder start {api} {recording_type} {agent}")
    }

    /// How the names of all starts for the agent begin. No agent's id has a tab.
    fn agent_name(&self) -> String {
        format!("{} {}\t", self.api, self.agent.lowercase())
    }
}

/// Names the recording API of starts with this path, in this organization.
fn api_name(target: &Target, path: &str) -> Rc<str> {
    format!("{}{path} {}", target.environment.api(), target.org).into()
}

/// What the recorders of a page know of each other's starts. Clones share it.
#[derive(Clone, Default)]
pub struct PageStarts(Rc<State>);

#[derive(Default)]
struct State {
    begun: Cell<u64>,
    by_name: RefCell<SortedMap<Rc<str>, SameStarts>>,
    /// Recordings that a start already owns, with that start's number and API.
    claimed: RefCell<Vec<(u64, Rc<str>, RecordingId)>>,
    /// Recordings that the page knows to have stopped, with how many starts had begun then, and their API.
    stopped: RefCell<Vec<(u64, Rc<str>, RecordingId)>>,
    /// When starts that this list lacks may have been sent at the earliest.
    lost_since: Cell<Option<Moment>>,
}

/// The starts with the same key.
#[derive(Default)]
struct SameStarts {
    /// The turns of the starts that others wait for: aborted when they need not wait any more.
    turns: Vec<Signal>,
    /// How many starts have not been sent, and look first.
    waiting: usize,
    /// What the last starts whose recordings are known have led to. Kept for as long as a start waits or is under way.
    led_to: Vec<LedTo>,
    /// Starts that are under way, or whose fetch is.
    under_way: Vec<Rc<PageStart>>,
    /// Starts whose fetch has ended, and whose recording no call has got.
    unresolved: Option<Unresolved>,
}

impl SameStarts {
    /// Forgets what has led to this recording, and what the start with this number has led to.
    fn forget(&mut self, recording: &RecordingId, number: Option<u64>) {
        self.led_to.retain(|led_to| led_to.recording.id != *recording && Some(led_to.number) != number);
    }

    /// Adds a start that led to a recording, or may have, which no call has got.
    fn add_unresolved(&mut self, number: u64, since: Moment, led_to: Option<Recording>) {
        self.unresolved = Some(match self.unresolved.take() {
            None => Unresolved { number, since, is_known: led_to.is_some(), led_to },
            Some(other) => Unresolved {
                number: other.number.max(number),
                since: other.since.min(since),
                is_known: false,
                led_to: led_to.or(other.led_to),
            },
        });
    }
}

/// Starts that led to a recording, or may have, which no call has got.
struct Unresolved {
    /// The last one's number.
    number: u64,
    /// When the first one was sent.
    since: Moment,
    /// The recording that one of them led to, if that is known.
    led_to: Option<Recording>,
    /// Whether there was only one start, and its recording is known.
    is_known: bool,
}

/// The recording that a start has led to, for the starts that wait.
struct LedTo {
    recording: Recording,
    /// The start's number.
    number: u64,
    /// How many starts had begun when a caller got it. Until one has, every start may have it.
    begun: u64,
}

/// A start, as the other starts of the page know it.
pub(super) struct PageStart {
    number: u64,
    pub(super) key: StartKey,
    pub(super) sent: SentLog,
    /// The recording that it led to, once that is known.
    led_to: RefCell<Option<Recording>>,
}

impl PageStart {
    /// The recording that its last send led to, if somebody has found that out.
    fn led_to(&self) -> Option<Recording> {
        self.led_to.borrow().clone().filter(|_| self.sent.is_known())
    }

    /// The same, for its own callers.
    pub(super) fn own_recording(&self) -> Option<Recording> {
        Some(self.led_to()?.with_already_running(false))
    }
}

impl PageStarts {
    /// A new start.
    pub(super) fn begin(&self, key: StartKey) -> Rc<PageStart> {
        let number = self.0.begun.get();
        self.0.begun.set(number.wrapping_add(1));
        Rc::new(PageStart { number, key, sent: SentLog::default(), led_to: RefCell::default() })
    }

    /// The turn, if no other start of this page with the same key has one.
    pub(super) fn try_turn(&self, key: &StartKey) -> Option<PageTurn> {
        self.earlier_turn(key).is_none().then(|| self.take_turn(key))
    }

    /// A turn, even if another start has one: for a start that waits for none, but that others wait for.
    pub(super) fn take_turn(&self, key: &StartKey) -> PageTurn {
        let is_over = Signal::default();
        self.enter(key, &|same| same.turns.push(is_over.clone()));
        PageTurn { page: self.clone(), name: key.name.clone(), is_over }
    }

    /// Waits for the turn.
    pub(super) async fn turn(&self, key: &StartKey) -> PageTurn {
        while let Some(earlier) = self.earlier_turn(key) {
            earlier.aborted().await;
        }
        self.take_turn(key)
    }

    fn earlier_turn(&self, key: &StartKey) -> Option<Signal> {
        self.same(key)?.turns.first().cloned()
    }

    /// A start waits for its token, its turn or its lock: until this is dropped, what others lead to is kept for it.
    pub(super) fn wait(&self, key: &StartKey) -> Waiting {
        self.enter(key, &|same| same.waiting = same.waiting.saturating_add(1));
        Waiting { page: self.clone(), name: key.name.clone() }
    }

    /// The recording that another start has led to since this one began, unless the page knows that it has stopped. What was known
    /// before may have stopped since.
    pub(super) fn led_to(&self, start: &PageStart) -> Option<Recording> {
        let (same, stopped) = (self.same(&start.key)?, self.0.stopped.borrow());
        let has_stopped = |LedTo { recording, number, .. }: &LedTo| {
            stopped.iter().any(|(begun, api, id)| number < begun && *id == recording.id && *api == start.key.api)
        };
        let led_to = same.led_to.iter().rev().find(|led_to| start.number < led_to.begun && !has_stopped(led_to))?;
        Some(led_to.recording.clone())
    }

    /// The recording that the last start of those that are under way, or were when one of them began, has led to.
    pub(super) fn last_known(&self, key: &StartKey) -> Option<Recording> {
        Some(self.same(key)?.led_to.last()?.recording.clone())
    }

    /// When the first of the starts with this key that are in flight was sent.
    pub(super) fn in_flight_since(&self, key: &StartKey) -> Option<Moment> {
        self.same(key)?.under_way.iter().fold(None, |earliest, start| Moment::earliest(earliest, start.sent.last().map(|sent| sent.at)))
    }

    /// A start that may be sent from now on. `turn`: ends with it.
    pub(super) fn under_way<T>(&self, start: &Rc<PageStart>, turn: T) -> UnderWay<T> {
        self.enter(&start.key, &|same| same.under_way.push(start.clone()));
        UnderWay { page: self.clone(), start: start.clone(), _turn: turn }
    }

    /// The module has panicked: the starts that it had sent are not in this list, and any agent may have one of them.
    pub fn note_panic(&self, now: Instant, wall_clock: Timestamp) {
        self.0.lost_since.set(Some(CloudClock::default().moment(now, wall_clock).before(MAX_IN_FLIGHT_MS)));
    }

    /// When the first of the starts was sent whose outcome is unknown, if there may be one. `in_flight_since`: when the first of
    /// those was sent that were in flight.
    pub(super) fn unresolved_since(&self, key: &StartKey, in_flight_since: Option<Moment>, now: Instant) -> Option<Moment> {
        self.first_sent(key, in_flight_since, now, |_| true)
    }

    /// When the first start was sent whose outcome is still unknown. A start that is over, or whose recording is known, does not count.
    pub(super) fn unknown_since(&self, key: &StartKey, now: Instant) -> Option<Moment> {
        self.first_sent(key, self.in_flight_since(key), now, |unresolved| !unresolved.is_known)
    }

    /// `counts`: whether the unresolved starts count.
    fn first_sent(&self, key: &StartKey, in_flight_since: Option<Moment>, now: Instant, counts: fn(&Unresolved) -> bool) -> Option<Moment> {
        let unresolved = self.same(key).and_then(|same| Some(same.unresolved.as_ref().filter(|starts| counts(starts))?.since));
        Moment::earliest(Moment::earliest(unresolved, self.lost_since(now)), in_flight_since)
    }

    /// The recording that an unresolved start led to, if that is known.
    pub(super) fn left_recording(&self, key: &StartKey) -> Option<Recording> {
        self.same(key)?.unresolved.as_ref()?.led_to.clone()
    }

    /// The recording has stopped: nothing is left of the starts that led to it.
    pub(super) fn forget_stopped(&self, key: &StartKey, recording: &RecordingId) {
        if let Some(mut same) = self.same_mut(&key.name) {
            same.forget(recording, None);
            if let Some(starts) = &mut same.unresolved {
                starts.led_to.take_if(|left| left.id == *recording);
            }
            same.unresolved.take_if(|starts| starts.is_known && starts.led_to.is_none());
        }
        self.tidy(&key.name);
    }

    /// The page learns that a recording has stopped. `path`: that of starts, with placeholders.
    pub(super) fn note_stopped(&self, target: &Target, path: &str, recording: &RecordingId) {
        note(&self.0.stopped, self.0.begun.get(), api_name(target, path), recording.clone());
    }

    /// A start has led to this recording, and a caller that does not know of it may try again.
    pub(super) fn leave(&self, start: &PageStart, since: Moment, recording: &Recording) {
        self.enter(&start.key, &|same| same.add_unresolved(start.number, since, Some(recording.clone())));
    }

    fn end_unresolved(&self, key: &StartKey) {
        if let Some(mut same) = self.same_mut(&key.name) {
            same.unresolved = None;
        }
        self.tidy(&key.name);
    }

    fn lost_since(&self, now: Instant) -> Option<Moment> {
        self.0.lost_since.get().filter(|since| now.since(since.instant()) < 2 * MAX_IN_FLIGHT_MS)
    }

    /// A start has a known recording, so none need be looked for any more, except those that are in flight or began later.
    pub(super) fn resolve(&self, start: &PageStart) {
        if self.same(&start.key).is_some_and(|same| same.unresolved.as_ref().is_some_and(|left| left.number <= start.number)) {
            self.end_unresolved(&start.key);
        }
    }

    /// Whether another start for the agent has no known outcome yet: one that is under way, or one that began later.
    pub(super) fn another_may_run(&self, start: &PageStart) -> bool {
        let agent: Rc<str> = start.key.agent_name().into();
        let by_name = self.0.by_name.borrow();
        let mut of_agent = by_name.from(&agent).take_while(|(name, _)| name.starts_with(&*agent));
        of_agent.any(|(_, same)| {
            let is_later = same.unresolved.as_ref().is_some_and(|starts| !starts.is_known && starts.number > start.number);
            is_later || same.under_way.iter().any(|other| other.number != start.number && other.sent.unresolved().is_some())
        })
    }

    /// Records which recording a start led to, also for those that wait. `is_got`: a caller gets it.
    pub(super) fn claim(&self, start: &PageStart, recording: Recording, is_got: bool) {
        start.sent.note_known();
        let id = recording.id.clone();
        start.led_to.replace(Some(recording.clone()));
        self.note_led_to(start, recording, is_got);
        note(&self.0.claimed, start.number, start.key.api.clone(), id);
    }

    /// A caller of this start gets a recording that runs. Another start may have led to it, and its response may be lost. So this start
    /// does not claim it, but tells the starts that wait.
    pub(super) fn note_running(&self, start: &PageStart, running: &Recording) {
        self.resolve(start);
        self.note_led_to(start, running.with_already_running(true), true);
    }

    /// Tells those that wait which recording runs. `is_got`: a caller gets it.
    fn note_led_to(&self, start: &PageStart, recording: Recording, is_got: bool) {
        let (number, begun) = (start.number, if is_got { self.0.begun.get() } else { u64::MAX });
        if let Some(mut same) = self.same_mut(&start.key.name)
            && same.led_to.iter().all(|was| was.number != number || was.begun == u64::MAX)
        {
            same.forget(&recording.id, Some(number));
            if same.led_to.len() >= MAX_LED_TO {
                same.led_to.remove(0);
            }
            same.led_to.push(LedTo { recording, number, begun });
        }
        self.tidy(&start.key.name);
    }

    /// Whether a start of the same API owns the recording.
    pub(super) fn is_claimed(&self, key: &StartKey, recording: &RecordingId) -> bool {
        self.0.claimed.borrow().iter().any(|(_, api, id)| id == recording && *api == key.api)
    }

    /// Whether another start of the same API owns the recording.
    pub(super) fn is_claimed_by_another(&self, start: &PageStart, recording: &RecordingId) -> bool {
        let is_anothers =
            |(number, api, id): &(u64, Rc<str>, RecordingId)| *number != start.number && id == recording && *api == start.key.api;
        self.0.claimed.borrow().iter().any(is_anothers)
    }

    /// The starts with this key.
    fn same(&self, key: &StartKey) -> Option<Ref<'_, SameStarts>> {
        Ref::filter_map(self.0.by_name.borrow(), |by_name| by_name.get(&key.name)).ok()
    }

    /// The starts with this key, to be changed. Call `tidy` afterwards.
    fn same_mut(&self, name: &Rc<str>) -> Option<RefMut<'_, SameStarts>> {
        RefMut::filter_map(self.0.by_name.borrow_mut(), |by_name| by_name.get_mut(name)).ok()
    }

    /// Adds one to the starts with this key.
    fn enter(&self, key: &StartKey, add: &dyn Fn(&mut SameStarts)) {
        self.0.by_name.borrow_mut().update(key.name.clone(), add);
    }

    /// Forgets what no start needs any more.
    fn tidy(&self, name: &Rc<str>) {
        let mut by_name = self.0.by_name.borrow_mut();
        if let Some(same) = by_name.get_mut(name).filter(|same| same.turns.is_empty() && same.waiting == 0 && same.under_way.is_empty()) {
            same.led_to.clear();
            if same.unresolved.is_none() {
                by_name.remove(name);
            }
        }
    }
}

/// Adds a recording to the list, whose oldest one makes room.
fn note(list: &RefCell<Vec<(u64, Rc<str>, RecordingId)>>, number: u64, api: Rc<str>, recording: RecordingId) {
    let mut list = list.borrow_mut();
    if list.len() >= MAX_NOTED {
        list.remove(0);
    }
    list.push((number, api, recording));
}

/// Keeps other starts of this page with the same key waiting, until dropped.
pub(super) struct PageTurn {
    page: PageStarts,
    name: Rc<str>,
    is_over: Signal,
}

impl Drop for PageTurn {
    fn drop(&mut self) {
        if let Some(mut same) = self.page.same_mut(&self.name) {
            same.turns.retain(|turn| !turn.is_same(&self.is_over));
        }
        self.page.tidy(&self.name);
        self.is_over.abort();
    }
}

/// A start that has not been sent, until dropped.
pub(super) struct Waiting {
    page: PageStarts,
    name: Rc<str>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(mut same) = self.page.same_mut(&self.name) {
            same.waiting = same.waiting.saturating_sub(1);
        }
        self.page.tidy(&self.name);
    }
}

/// A start that is under way, until dropped: its work holds it, and so does each of its fetches.
pub(super) struct UnderWay<T> {
    page: PageStarts,
    pub(super) start: Rc<PageStart>,
    _turn: T,
}

impl<T> UnderWay<T> {
    /// Its start has led to this recording, although nobody waits for it any more.
    pub(super) fn claim(&self, recording: Recording) {
        self.page.claim(&self.start, recording, false);
    }
}

impl<T> Drop for UnderWay<T> {
    fn drop(&mut self) {
        if let Some(mut same) = self.page.same_mut(&self.start.key.name) {
            same.under_way.retain(|start| !Rc::ptr_eq(start, &self.start));
            if let Some(sent) = self.start.sent.unresolved() {
                same.add_unresolved(self.start.number, sent.at, self.start.led_to());
            }
        }
        self.page.tidy(&self.start.key.name);
    }
}

//! A round-robin queue: after one organization's start, the other organizations are next.

use crate::model::environment::Target;
use crate::model::ids::OrgId;
use crate::model::sorted_map::SortedMap;
use crate::recording::start::Start;

/// A waiting start, with its indices in the batch: several if its agent is listed more than once.
pub(crate) type Waiting = (Vec<usize>, Start);

/// Starts by organization, in their order.
#[derive(Debug, Default)]
pub(crate) struct StartsByOrg {
    groups: Vec<Group>,
    /// The place of each organization's group. All starts of a batch are for one environment.
    places: SortedMap<OrgId, usize>,
}

impl StartsByOrg {
    /// Adds a start, which waits behind the others of its organization, or is merged with the same start.
    pub(crate) fn push(&mut self, target: Target, at: usize, start: Start) {
        let place = self.places.get(&target.org).copied().unwrap_or(self.groups.len());
        if place == self.groups.len() {
            self.places.insert(target.org.clone(), place);
            self.groups.push(Group { target, starts: Vec::new(), taken: 0, places: SortedMap::default() });
        }
        if let Some(group) = self.groups.get_mut(place) {
            group.push(at, start);
        }
    }

    /// The starts of each organization.
    pub(super) fn into_groups(self) -> Vec<Group> {
        self.groups
    }
}

/// The starts of one organization that wait for their turn.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) target: Target,
    /// Without those that have been taken.
    starts: Vec<Option<Waiting>>,
    taken: usize,
    /// The place of each start that others may be merged with, by agent and type.
    places: SortedMap<String, usize>,
}

impl Group {
    fn push(&mut self, at: usize, start: Start) {
        if start.shares {
            let name = format!("{}\t{}", start.agent.lowercase(), start.recording_type.to_ascii_lowercase());
            if let Some(Some((indices, _))) = self.places.get(&name).and_then(|place| self.starts.get_mut(*place)) {
                indices.push(at);
                return;
            }
            self.places.insert(name, self.starts.len());
        }
        self.starts.push(Some((vec![at], start)));
    }

    /// Takes the next start.
    pub(super) fn take_next(&mut self) -> Option<Waiting> {
        let next = self.starts.get_mut(self.taken)?.take();
        self.taken += 1;
        next
    }
}

/// Starts that wait, of organizations that take turns.
#[derive(Debug, Default)]
pub(super) struct RoundRobin {
    groups: Vec<Group>,
    /// The place of the organization whose turn it is.
    turn: usize,
}

impl RoundRobin {
    /// Adds an organization's starts.
    pub(super) fn push(&mut self, group: Group) {
        self.groups.push(group);
    }

    /// Whether no start waits any more.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The next start of the first organization, from the one whose turn it is, that can start now.
    pub(super) fn next(&mut self, mut may_go: impl FnMut(&Target) -> bool) -> Option<(Target, Waiting)> {
        let mut at = self.turn;
        for _ in 0..self.groups.len() {
            if at >= self.groups.len() {
                at = 0;
            }
            let group = self.groups.get_mut(at)?;
            if may_go(&group.target) {
                let (target, next) = (group.target.clone(), group.take_next()?);
                if group.taken < group.starts.len() {
                    at += 1;
                } else {
                    // The next organization moves here.
                    self.groups.remove(at);
                }
                self.turn = at;
                return Some((target, next));
            }
            at += 1;
        }
        None
    }

    /// The starts of each organization.
    pub(super) fn into_groups(self) -> impl Iterator<Item = Group> {
        self.groups.into_iter()
    }
}

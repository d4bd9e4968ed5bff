//! A round-robin queue: after one organization's start, the other organizations are next.

use crate::model::environment::Target;
use crate::model::ids::OrgId;
use crate::model::sorted_map::SortedMap;
use crate::recording::start::Start;

/// A waiting start, with its index in the batch.
pub(crate) type Waiting = (usize, Start);

/// Starts by organization, in their order.
#[derive(Debug, Default)]
pub(crate) struct StartsByOrg {
    groups: Vec<(Target, Vec<Waiting>)>,
    /// The place of each organization's group. All starts of a batch are for one environment.
    places: SortedMap<OrgId, usize>,
}

impl StartsByOrg {
    /// Adds a start, which waits behind the others of its organization.
    pub(crate) fn push(&mut self, target: Target, start: Waiting) {
        let place = self.places.get(&target.org).copied();
        match place.and_then(|place| self.groups.get_mut(place)) {
            Some((_, waiting)) => waiting.push(start),
            None => {
                self.places.insert(target.org.clone(), self.groups.len());
                self.groups.push((target, vec![start]));
            }
        }
    }

    /// The queue of all of these.
    pub(super) fn into_queue(mut self) -> RoundRobin {
        self.groups.iter_mut().for_each(|(_, waiting)| waiting.reverse());
        RoundRobin { groups: self.groups }
    }
}

/// Starts that wait for their turn.
#[derive(Debug)]
pub(super) struct RoundRobin {
    /// Starts by organization, each in reverse order, so that the next one is taken from the end. The organization whose turn it
    /// is comes first.
    groups: Vec<(Target, Vec<Waiting>)>,
}

impl RoundRobin {
    /// The organizations that have starts waiting.
    pub(super) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.groups.iter().map(|(target, _)| target)
    }

    /// Whether no start waits any more.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The next start of the first organization that can start now.
    pub(super) fn next(&mut self, may_go: impl FnMut(&Target) -> bool) -> Option<(Target, Waiting)> {
        let mut may_go = may_go;
        let at = self.groups.iter().position(|(target, _)| may_go(target))?;
        let (target, mut waiting) = self.groups.remove(at);
        let next = waiting.pop()?;
        if !waiting.is_empty() {
            self.groups.push((target.clone(), waiting));
        }
        Some((target, next))
    }

    /// Removes the starts of these organizations, and returns their indices.
    pub(super) fn remove(&mut self, matches: impl Fn(&Target) -> bool) -> Vec<usize> {
        let mut removed = Vec::new();
        self.groups.retain(|(target, waiting)| {
            let is_removed = matches(target);
            if is_removed {
                removed.extend(waiting.iter().rev().map(|(at, _)| *at));
            }
            !is_removed
        });
        removed
    }
}

//! Whose turn it is: after a start of one organization, the other organizations are next.

use crate::model::environment::Target;
use crate::recording::start::Start;

/// A start that waits, with its place in the batch.
pub(super) type Waiting = (usize, Start);

/// Starts that wait for their turn, by organization.
#[derive(Debug)]
pub(super) struct RoundRobin {
    /// Each organization with its starts, the next one last. The organization whose turn it is comes first.
    groups: Vec<(Target, Vec<Waiting>)>,
}

impl RoundRobin {
    /// The starts in the order in which they wait.
    pub(super) fn new(starts: Vec<(Target, Waiting)>) -> RoundRobin {
        let mut groups: Vec<(Target, Vec<Waiting>)> = Vec::new();
        for (target, start) in starts {
            match groups.iter_mut().find(|(group, _)| *group == target) {
                Some((_, waiting)) => waiting.push(start),
                None => groups.push((target, vec![start])),
            }
        }
        groups.iter_mut().for_each(|(_, waiting)| waiting.reverse());
        RoundRobin { groups }
    }

    /// The organizations that have starts waiting.
    pub(super) fn targets(&self) -> impl Iterator<Item = &Target> {
        self.groups.iter().map(|(target, _)| target)
    }

    /// Whether no start waits any more.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The next start of the first organization that may go.
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

    /// The starts of these organizations do not wait any more. Gives their places.
    pub(super) fn remove(&mut self, matches: impl Fn(&Target) -> bool) -> Vec<usize> {
        let mut removed = Vec::new();
        self.groups.retain(|(target, waiting)| {
            let is_removed = matches(target);
            if is_removed {
                // The next one is the last.
                removed.extend(waiting.iter().rev().map(|(at, _)| *at));
            }
            !is_removed
        });
        removed
    }
}

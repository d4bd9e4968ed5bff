//! The tokens of one environment, one for each organization.

use std::rc::Rc;

use crate::model::environment::Target;
use crate::model::ids::OrgId;
use crate::model::secret::Secret;
use crate::model::sorted_map::SortedMap;
use crate::token::org_token::OrgToken;

/// Tokens by organization, and by their text.
#[derive(Default)]
pub(super) struct Tokens {
    /// In the order in which their organizations came.
    numbered: SortedMap<u64, Rc<OrgToken>>,
    numbers: SortedMap<OrgId, u64>,
    /// The same token may be stored for several organizations, if it lies.
    by_text: SortedMap<Secret, Vec<OrgId>>,
    next: u64,
}

impl Tokens {
    /// Every token, oldest first.
    pub(super) fn all(&self) -> Vec<Rc<OrgToken>> {
        self.numbered.values().cloned().collect()
    }

    /// The target's token.
    pub(super) fn get(&self, target: &Target) -> Option<&Rc<OrgToken>> {
        self.of_org(&target.org)
    }

    fn of_org(&self, org: &OrgId) -> Option<&Rc<OrgToken>> {
        self.numbered.get(self.numbers.get(org)?)
    }

    /// Stores the token for its organization, in place of the one there.
    pub(super) fn set(&mut self, token: Rc<OrgToken>) {
        let org = token.target().org.clone();
        let number = self.remove(token.target()).unwrap_or(self.next);
        self.next = self.next.max(number.saturating_add(1));
        self.by_text.change(token.secret().clone(), |orgs| orgs.push(org.clone()));
        self.numbers.insert(org, number);
        self.numbered.insert(number, token);
    }

    /// Removes the target's token. Returns its number.
    pub(super) fn remove(&mut self, target: &Target) -> Option<u64> {
        let number = self.numbers.remove(&target.org)?;
        let token = self.numbered.remove(&number)?;
        if let Some(orgs) = self.by_text.get_mut(token.secret()) {
            orgs.retain(|org| *org != target.org);
            if orgs.is_empty() {
                self.by_text.remove(token.secret());
            }
        }
        Some(number)
    }

    /// The same token, stored for another organization.
    pub(super) fn same_elsewhere(&self, token: &OrgToken) -> Option<Rc<OrgToken>> {
        let elsewhere = self.by_text.get(token.secret())?.iter().find(|org| **org != token.target().org)?;
        self.of_org(elsewhere).cloned()
    }
}

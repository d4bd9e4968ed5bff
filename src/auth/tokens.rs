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
    by_org: SortedMap<(u64, OrgId), Rc<OrgToken>>,
    /// The organizations, in the order in which they came.
    orgs: Vec<OrgId>,
    /// The same token may be stored for several organizations, if it lies.
    by_text: SortedMap<Secret, Vec<OrgId>>,
}

impl Tokens {
    /// Every token, oldest first.
    pub(super) fn all(&self) -> Vec<Rc<OrgToken>> {
        self.orgs.iter().filter_map(|org| self.by_org.get(&key(org))).cloned().collect()
    }

    /// The target's token.
    pub(super) fn get(&self, target: &Target) -> Option<&Rc<OrgToken>> {
        self.by_org.get(&key(&target.org))
    }

    /// Stores the token for its organization, in place of the one there.
    pub(super) fn set(&mut self, token: Rc<OrgToken>) {
        let org = token.target().org.clone();
        if !self.take(&org) {
            self.orgs.push(org.clone());
        }
        if let Some(orgs) = self.by_text.entry(token.secret().clone()) {
            orgs.push(org.clone());
        }
        self.by_org.insert(key(&org), token);
    }

    /// Removes the target's token.
    pub(super) fn remove(&mut self, target: &Target) {
        if self.take(&target.org) {
            remove(&mut self.orgs, &target.org);
        }
    }

    /// Takes the organization's token out, but not its place in the order. Returns whether there was one.
    fn take(&mut self, org: &OrgId) -> bool {
        let Some(token) = self.by_org.remove(&key(org)) else { return false };
        if let Some(orgs) = self.by_text.get_mut(token.secret()) {
            remove(orgs, org);
            if orgs.is_empty() {
                self.by_text.remove(token.secret());
            }
        }
        true
    }

    /// The same token, stored for another organization.
    pub(super) fn same_elsewhere(&self, token: &OrgToken) -> Option<Rc<OrgToken>> {
        let elsewhere = self.by_text.get(token.secret())?.iter().find(|org| **org != token.target().org)?;
        self.by_org.get(&key(elsewhere)).cloned()
    }
}

/// Removes the organization from the list.
pub(super) fn remove(orgs: &mut Vec<OrgId>, org: &OrgId) {
    orgs.retain(|other| other != org);
}

/// Begins with a number that few ids share, so that a search rarely compares texts.
fn key(org: &OrgId) -> (u64, OrgId) {
    let text = org.as_str().as_bytes();
    let begin = text.first_chunk().copied().map_or(0, u64::from_ne_bytes);
    let end = text.last_chunk().copied().map_or(0, u64::from_ne_bytes);
    (begin ^ end, org.clone())
}

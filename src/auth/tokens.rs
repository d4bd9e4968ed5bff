//! The tokens of one environment, one for each organization.

use std::rc::Rc;

use crate::model::environment::Target;
use crate::model::ids::OrgId;
use crate::model::secret::Secret;
use crate::model::sorted_map::SortedMap;
use crate::token::org_token::OrgToken;

/// Tokens by organization, and by their text.
pub(super) struct Tokens<Sharing> {
    by_org: SortedMap<(u64, OrgId), Held<Sharing>>,
    /// The organizations, in the order in which they came.
    orgs: Vec<OrgId>,
    /// The same token may be stored for several organizations, if it lies.
    by_text: SortedMap<Secret, Vec<OrgId>>,
}

/// A token, and what shares it with other pages.
struct Held<Sharing> {
    token: Rc<OrgToken>,
    sharing: Option<Sharing>,
}

impl<Sharing> Default for Tokens<Sharing> {
    fn default() -> Self {
        Tokens { by_org: SortedMap::default(), orgs: Vec::new(), by_text: SortedMap::default() }
    }
}

impl<Sharing> Tokens<Sharing> {
    /// Every token, oldest first.
    pub(super) fn all(&self) -> Vec<Rc<OrgToken>> {
        let mut tokens = Vec::new();
        for org in &self.orgs {
            if let Some(token) = self.of(org) {
                tokens.push(token.clone());
            }
        }
        tokens
    }

    /// The target's token.
    pub(super) fn get(&self, target: &Target) -> Option<&Rc<OrgToken>> {
        self.of(&target.org)
    }

    fn of(&self, org: &OrgId) -> Option<&Rc<OrgToken>> {
        self.by_org.get(&key(org)).map(|held| &held.token)
    }

    /// Whether the target's token is shared with other pages.
    pub(super) fn is_shared(&self, target: &Target) -> bool {
        self.by_org.get(&key(&target.org)).is_some_and(|held| held.sharing.is_some())
    }

    /// Replaces what shares the target's token with other pages. Returns what is to be dropped.
    pub(super) fn set_sharing(&mut self, target: &Target, sharing: Option<Sharing>) -> Option<Sharing> {
        match self.by_org.get_mut(&key(&target.org)) {
            Some(held) => std::mem::replace(&mut held.sharing, sharing),
            None => sharing,
        }
    }

    /// Stores the token for its organization, in place of the one there.
    pub(super) fn set(&mut self, token: Rc<OrgToken>) {
        let org = token.target().org.clone();
        let was = self.take(&org);
        if was.is_none() {
            self.orgs.push(org.clone());
        }
        self.by_text.update(token.secret().clone(), |orgs| orgs.push(org.clone()));
        self.by_org.insert(key(&org), Held { token, sharing: was.and_then(|was| was.sharing) });
    }

    /// Removes the target's token. Returns what shared it with other pages.
    pub(super) fn remove(&mut self, target: &Target) -> Option<Sharing> {
        let was = self.take(&target.org)?;
        remove_org(&mut self.orgs, &target.org);
        was.sharing
    }

    /// Takes the organization's token out, but not its place in the order.
    fn take(&mut self, org: &OrgId) -> Option<Held<Sharing>> {
        let was = self.by_org.remove(&key(org))?;
        let secret = was.token.secret();
        if let Some(orgs) = self.by_text.get_mut(secret) {
            remove_org(orgs, org);
            if orgs.is_empty() {
                self.by_text.remove(secret);
            }
        }
        Some(was)
    }

    /// The same token, stored for another organization.
    pub(super) fn same_elsewhere(&self, token: &OrgToken) -> Option<Rc<OrgToken>> {
        let elsewhere = self.by_text.get(token.secret())?.iter().find(|org| **org != token.target().org)?;
        self.of(elsewhere).cloned()
    }
}

/// Removes the organization from the list.
pub(super) fn remove_org(orgs: &mut Vec<OrgId>, org: &OrgId) {
    if let Some(at) = orgs.iter().position(|other| other == org) {
        orgs.remove(at);
    }
}

/// Begins with a number that few ids share, so that a search rarely compares texts.
fn key(org: &OrgId) -> (u64, OrgId) {
    let text = org.as_str().as_bytes();
    let begin = text.first_chunk().copied().map_or(0, u64::from_ne_bytes);
    let end = text.last_chunk().copied().map_or(0, u64::from_ne_bytes);
    (begin ^ end, org.clone())
}

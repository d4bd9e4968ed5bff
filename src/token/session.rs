//! Sessions: from a sign-in to a sign-out, of one organization or of all.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::model::ids::OrgId;
use crate::model::sorted_map::SortedMap;

/// The number of sign-outs when something began. After a later sign-out, it gets, stores and uses no token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionEpoch(u64);

/// A recorder's sign-outs.
#[derive(Debug, Default)]
pub(crate) struct SignOutLog {
    epoch: Cell<SessionEpoch>,
    /// The last sign-out of every organization.
    of_all: Cell<SessionEpoch>,
    /// The last sign-out of each organization since then.
    by_org: RefCell<SortedMap<OrgId, SessionEpoch>>,
}

impl SignOutLog {
    /// The epoch of what begins now.
    pub(crate) fn epoch(&self) -> SessionEpoch {
        self.epoch.get()
    }

    /// Whether somebody has signed out since this epoch: of the organization, or of every organization.
    pub(crate) fn was_signed_out(&self, org: Option<&OrgId>, since: SessionEpoch) -> bool {
        self.of_all.get() > since || org.is_some_and(|org| self.by_org.borrow().get(org).is_some_and(|epoch| *epoch > since))
    }

    /// Signs out of the organization; `None` for every organization.
    pub(crate) fn sign_out(&self, org: Option<&OrgId>) {
        let epoch = SessionEpoch(self.epoch.get().0.saturating_add(1));
        self.epoch.set(epoch);
        let mut by_org = self.by_org.borrow_mut();
        match org {
            Some(org) => by_org.insert(org.clone(), epoch),
            None => {
                *by_org = SortedMap::default();
                self.of_all.set(epoch);
            }
        }
    }
}

/// The session that a token belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    sign_outs: Rc<SignOutLog>,
    org: OrgId,
    since: SessionEpoch,
}

impl Session {
    /// The organization's session at this moment.
    pub(crate) fn new(sign_outs: &Rc<SignOutLog>, org: &OrgId) -> Session {
        Session { sign_outs: sign_outs.clone(), org: org.clone(), since: sign_outs.epoch() }
    }

    /// Whether somebody has signed out: then none of the session's tokens authorizes a request.
    pub(crate) fn has_ended(&self) -> bool {
        self.sign_outs.was_signed_out(Some(&self.org), self.since)
    }
}

//! Sessions: from a sign-in to a sign-out, of one organization or of all.

use std::cell::{Cell, RefCell};

use crate::cloud::call::SessionEpoch;
use crate::model::environment::Target;
use crate::token::org_token::Session;

/// Records sign-outs, so that work that began before one stores no token.
#[derive(Default)]
pub(crate) struct SignOutLog {
    epoch: Cell<SessionEpoch>,
    of_all: Cell<SessionEpoch>,
    of_target: RefCell<Vec<(Target, SessionEpoch)>>,
    /// Sessions whose tokens may still be used.
    open: RefCell<Vec<(Target, Session)>>,
}

impl SignOutLog {
    /// The epoch of a call that begins now.
    pub(crate) fn epoch(&self) -> SessionEpoch {
        self.epoch.get()
    }

    /// Whether somebody has signed out of the target since this epoch.
    pub(crate) fn was_signed_out(&self, target: &Target, since: SessionEpoch) -> bool {
        let of_target = self.of_target.borrow();
        self.was_signed_out_of_all(since) || of_target.iter().any(|(other, epoch)| other == target && *epoch > since)
    }

    /// Whether somebody has signed out of every organization since this epoch.
    pub(crate) fn was_signed_out_of_all(&self, since: SessionEpoch) -> bool {
        self.of_all.get() > since
    }

    /// The session that tokens of this target belong to from now on.
    pub(crate) fn session(&self, target: &Target) -> Session {
        let mut open = self.open.borrow_mut();
        if let Some((_, session)) = open.iter().find(|(other, _)| other == target) {
            return session.clone();
        }
        let session = Session::default();
        open.push((target.clone(), session.clone()));
        session
    }

    /// Signs out of the target.
    pub(crate) fn sign_out(&self, target: &Target) {
        let epoch = self.next();
        let mut of_target = self.of_target.borrow_mut();
        of_target.retain(|(other, _)| other != target);
        of_target.push((target.clone(), epoch));
        self.end(|other| other == target);
    }

    /// Signs out of every organization.
    pub(crate) fn sign_out_of_all(&self) {
        self.of_all.set(self.next());
        self.of_target.take();
        self.end(|_| true);
    }

    fn next(&self) -> SessionEpoch {
        let SessionEpoch(epoch) = self.epoch.get();
        let next = SessionEpoch(epoch.saturating_add(1));
        self.epoch.set(next);
        next
    }

    fn end(&self, is_over: impl Fn(&Target) -> bool) {
        self.open.borrow_mut().retain(|(target, session)| {
            let is_over = is_over(target);
            if is_over {
                session.end();
            }
            !is_over
        });
    }
}

//! What is known of the last send of a request, also when the caller has gone.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::cloud::refusal::may_have_been_processed;
use crate::cloud::response::Response;
use crate::cloud::signal::Waiters;
use crate::model::error::Error;
use crate::model::time::Moment;
use crate::token::org_token::OrgToken;

/// The last send of a request.
pub(crate) struct SentRequest {
    /// The token.
    pub(crate) token: Rc<OrgToken>,
    /// When it was sent.
    pub(crate) at: Moment,
}

/// The last send of a request. Kept outside the call, because the caller may be gone before the response comes.
#[derive(Default)]
pub(crate) struct SentLog {
    last: RefCell<Option<Rc<SentRequest>>>,
    /// Whether the cloud may have processed the last send: nothing has confirmed that it did not.
    may_have_been_processed: Cell<bool>,
    /// Whether somebody has found out otherwise what the last send led to.
    is_known: Cell<bool>,
    /// The last response, if the app takes the platform's own.
    pub(super) response: RefCell<Option<Box<Response>>>,
    /// Whether the caller has read something with the token that it gives.
    pub(super) has_read: Cell<bool>,
    /// The refusal whose cause has been fixed, if the caller must read again before it sends the request again.
    pub(super) repaired: RefCell<Option<Error>>,
    changed: Waiters,
}

impl SentLog {
    /// The last send of the request.
    pub(crate) fn last(&self) -> Option<Rc<SentRequest>> {
        self.last.borrow().clone()
    }

    /// The last send, if the cloud may have processed it.
    pub(crate) fn unresolved(&self) -> Option<Rc<SentRequest>> {
        self.last().filter(|_| self.may_have_been_processed.get())
    }

    /// Notes that somebody has found out what the last send led to. The request may be sent again nevertheless.
    pub(crate) fn note_known(&self) {
        self.is_known.set(true);
    }

    /// Whether somebody has found out what the last send led to.
    pub(crate) fn is_known(&self) -> bool {
        self.is_known.get()
    }

    /// Notes whether the caller has read something with the token that it gives. If that is another organization's, the caller must
    /// read and send again.
    pub(crate) fn note_read(&self, has_read: bool) {
        self.has_read.set(has_read);
    }

    /// Whether the caller must read and send again.
    pub(crate) fn is_repaired(&self) -> bool {
        self.repaired.borrow().is_some()
    }

    /// The error of a request that cannot be sent again.
    pub(crate) fn not_sent_again(&self, error: Error) -> Error {
        preceded(error, self.repaired.take())
    }

    /// Forgets the last send: its outcome is known, and nobody needs its response.
    pub(crate) fn forget_last(&self) {
        self.last.take();
        self.changed.wake();
    }

    /// The last response, if the app takes the platform's own.
    pub(crate) fn take_response(&self) -> Option<Box<Response>> {
        self.response.take()
    }

    /// Tasks that wait for a change.
    pub(crate) fn changed(&self) -> &Waiters {
        &self.changed
    }

    pub(super) fn note(&self, sent: SentRequest) {
        self.last.replace(Some(sent.into()));
        self.may_have_been_processed.set(true);
        self.is_known.set(false);
    }

    /// Marks the request as not processed, if that is what the result says.
    pub(super) fn note_result(&self, result: &Result<Box<Response>, Error>) {
        let may_have_been_processed = match result {
            Ok(response) => may_have_been_processed(response.status),
            Err(lost) => lost.evidence.may_have_been_processed,
        };
        if !may_have_been_processed {
            self.may_have_been_processed.set(false);
            self.changed.wake();
        }
    }
}

/// The error, and the refusal that came before it.
pub(super) fn preceded(error: Error, refused: Option<Error>) -> Error {
    match refused {
        Some(refused) => error.preceded_by(refused),
        None => error,
    }
}

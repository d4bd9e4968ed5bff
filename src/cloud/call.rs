//! One call of the app: its organization, deadline and session.

use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::task::Poll;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::cloud::deadline::Deadline;
use crate::cloud::race::race;
use crate::cloud::signal::Signal;
use crate::model::environment::Target;
use crate::model::error::{Code, Error};
use crate::token::session::SessionEpoch;

/// A call's options: `timeoutMs` and `signal`.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// The longest time, in milliseconds, instead of the recorder's.
    pub timeout: Option<u32>,
    /// The app's `AbortSignal`.
    pub signal: Signal,
}

/// A call in progress that concerns one organization.
#[derive(Clone)]
pub struct Call {
    /// The organization and its environment.
    pub target: Target,
    /// What ends the call.
    pub limits: Limits,
    /// Whether the call has waited for the token that decided its organization.
    pub has_waited: bool,
}

/// What ends a call in progress.
#[derive(Clone)]
pub struct Limits {
    /// When the call's time is over.
    pub deadline: Deadline,
    /// The app's abort.
    pub signal: Signal,
    /// The recorder's close.
    pub closing: Signal,
    /// The session in which the call began.
    pub session: SessionEpoch,
}

impl Deref for Call {
    type Target = Limits;

    fn deref(&self) -> &Limits {
        &self.limits
    }
}

/// Why a call failed.
#[derive(Clone, Debug)]
pub enum CallError {
    /// An error.
    Error(Error),
    /// The app aborted it.
    Aborted,
}

impl From<Error> for CallError {
    fn from(error: Error) -> CallError {
        CallError::Error(error)
    }
}

/// What interrupts a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// The recorder was closed.
    Closed,
    /// The app aborted the call.
    Aborted,
    /// The deadline has passed.
    TimedOut,
}

impl Limits {
    /// The same limits with this much time from now, in milliseconds, even while a person signs in.
    pub(crate) fn with_limit(&self, limit: u32) -> Limits {
        let deadline = self.deadline.restarted(limit);
        Limits { deadline, signal: self.signal.clone(), closing: self.closing.clone(), session: self.session }
    }

    /// The work's result, unless the call is interrupted first.
    pub async fn run<R, E>(&self, work: LocalBoxFuture<'_, Result<R, E>>) -> Result<R, CallError>
    where
        CallError: From<E>,
    {
        match self.race(work).await {
            Ok(result) => Ok(result?),
            Err(interruption) => Err(self.interrupted_by(interruption)),
        }
    }

    /// The work's result, or the interruption that came first.
    pub(crate) fn race<'a, R>(&'a self, work: LocalBoxFuture<'a, R>) -> impl Future<Output = Result<R, Interruption>> {
        race(work, Box::pin(self.interruption()))
    }

    fn interruption(&self) -> impl Future<Output = Interruption> {
        let (mut ended, mut expired) = (self.closed_or_aborted(), Box::pin(self.deadline.expired()));
        poll_fn(move |context| match ended.poll_unpin(context) {
            Poll::Pending => expired.as_mut().poll(context).map(|()| Interruption::TimedOut),
            ended => ended,
        })
    }

    /// Ready when the recorder is closed or the app aborts the call, whatever the deadline.
    pub(crate) fn closed_or_aborted(&self) -> impl Future<Output = Interruption> + Unpin {
        let (mut closed, mut aborted) = (self.closing.aborted(), self.signal.aborted());
        poll_fn(move |context| match closed.poll_unpin(context) {
            Poll::Ready(()) => Poll::Ready(Interruption::Closed),
            Poll::Pending => aborted.poll_unpin(context).map(|()| Interruption::Aborted),
        })
    }

    /// The error of a call that was interrupted.
    pub(crate) fn interrupted_by(&self, interruption: Interruption) -> CallError {
        match interruption {
            Interruption::Closed => closed().into(),
            Interruption::Aborted => CallError::Aborted,
            Interruption::TimedOut => self.timed_out().into(),
        }
    }

    /// The error of a call whose time is over.
    pub fn timed_out(&self) -> Error {
        let behind_lock = match self.deadline.was_behind_lock() {
            true => " It waited for a token that another tab or script of this origin is obtaining (it has the Web Lock).",
            false => "",
        };
        Error::new(Code::Timeout, format!("The call took longer than {} ms.{behind_lock}", self.deadline.limit()))
    }
}

/// The error of a call on a closed recorder.
pub fn closed() -> Error {
    Error::new(Code::Closed, "The recorder is closed.")
}

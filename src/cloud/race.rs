//! Work that something else may end.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use futures_util::future::LocalBoxFuture;

/// The work's result, or the interruption that came first. Boxed, to avoid one copy for each kind of work (wasm size).
pub(crate) fn race<'a, R, I>(
    mut work: LocalBoxFuture<'a, R>,
    mut interruption: LocalBoxFuture<'a, I>,
) -> impl Future<Output = Result<R, I>> {
    poll_fn(move |context| {
        if let Poll::Ready(interruption) = interruption.as_mut().poll(context) {
            return Poll::Ready(Err(interruption));
        }
        match work.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Ok(result)),
            // Polling the work may have run the app's code, which may have aborted the call, closed the recorder or signed out.
            Poll::Pending => interruption.as_mut().poll(context).map(Err),
        }
    })
}

/// The work's result, or `None` if `over` is ready first. Takes any work, to avoid one copy for each kind of work (wasm size).
pub fn before<'a, R>(
    mut work: Pin<&'a mut (dyn Future<Output = R> + 'a)>,
    mut over: LocalBoxFuture<'a, ()>,
) -> impl Future<Output = Option<R>> + 'a {
    poll_fn(move |context| match work.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => over.as_mut().poll(context).map(|()| None),
    })
}

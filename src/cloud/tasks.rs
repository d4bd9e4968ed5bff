//! Runs futures concurrently within one task.

use std::future::poll_fn;
use std::task::{Context, Poll};

use futures_util::future::LocalBoxFuture;

/// Futures with keys.
///
/// Every piece is polled at each turn. There are at most a hundred, and `FuturesUnordered` would weigh more.
pub(crate) struct Tasks<'a, K, T>(Vec<(K, LocalBoxFuture<'a, T>)>);

impl<'a, K, T> Tasks<'a, K, T> {
    /// No work.
    pub(crate) fn new() -> Tasks<'a, K, T> {
        Tasks(Vec::new())
    }

    /// Adds work, which begins at the next poll.
    pub(crate) fn push(&mut self, key: K, work: LocalBoxFuture<'a, T>) {
        self.0.push((key, work));
    }

    /// How many pieces are under way.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys of the unfinished work.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Polls each piece once, and takes out the pieces that are done.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Vec<(K, T)> {
        let mut done = Vec::new();
        let mut pending = Vec::new();
        for (key, mut work) in self.0.drain(..) {
            match work.as_mut().poll(context) {
                Poll::Ready(result) => done.push((key, result)),
                Poll::Pending => pending.push((key, work)),
            }
        }
        self.0 = pending;
        done
    }

    /// The results of all the work, in the order in which it is done.
    pub(crate) async fn join(mut self) -> Vec<T> {
        let mut results = Vec::new();
        poll_fn(|context| {
            results.extend(self.poll(context).into_iter().map(|(_, result)| result));
            if self.0.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        results
    }
}

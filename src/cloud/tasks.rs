//! Runs futures concurrently within one task.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::LocalBoxFuture;

/// Futures with keys. Each is polled only when it was woken. `FuturesUnordered` would weigh more.
pub(crate) struct Tasks<'a, K, T> {
    pieces: Vec<Option<Piece<'a, K, T>>>,
    /// Places of pieces that are done.
    free: Vec<usize>,
    woken: Arc<Woken>,
}

struct Piece<'a, K, T> {
    key: K,
    work: LocalBoxFuture<'a, T>,
    waker: Waker,
}

/// The places of the pieces to poll, and what wakes the task.
#[derive(Default)]
struct Woken(Mutex<(Vec<usize>, Option<Waker>)>);

impl Woken {
    fn push(&self, at: usize) -> Option<Waker> {
        let mut woken = self.0.lock().ok()?;
        woken.0.push(at);
        woken.1.take()
    }

    fn take(&self, waker: &Waker) -> Vec<usize> {
        let Ok(mut woken) = self.0.lock() else { return Vec::new() };
        woken.1 = Some(waker.clone());
        std::mem::take(&mut woken.0)
    }
}

/// Wakes one piece.
struct PieceWaker {
    at: usize,
    woken: Arc<Woken>,
}

impl Wake for PieceWaker {
    fn wake(self: Arc<Self>) {
        if let Some(waker) = self.woken.push(self.at) {
            waker.wake();
        }
    }
}

impl<'a, K, T> Tasks<'a, K, T> {
    /// No work.
    pub(crate) fn new() -> Tasks<'a, K, T> {
        Tasks { pieces: Vec::new(), free: Vec::new(), woken: Arc::default() }
    }

    /// Adds work, which begins at the next poll.
    pub(crate) fn push(&mut self, key: K, work: LocalBoxFuture<'a, T>) {
        let at = self.free.pop().unwrap_or(self.pieces.len());
        let waker = Waker::from(Arc::new(PieceWaker { at, woken: self.woken.clone() }));
        let piece = Some(Piece { key, work, waker });
        match self.pieces.get_mut(at) {
            Some(place) => *place = piece,
            None => self.pieces.push(piece),
        }
        // Whoever adds work polls it next, so nothing is woken.
        self.woken.push(at);
    }

    /// How many pieces are under way.
    pub(crate) fn len(&self) -> usize {
        self.pieces.len().saturating_sub(self.free.len())
    }

    /// Polls each piece that was woken once, and takes out the pieces that are done.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Vec<(K, T)> {
        let mut done = Vec::new();
        for at in self.woken.take(context.waker()) {
            let Some(place) = self.pieces.get_mut(at) else { continue };
            let Some(piece) = place else { continue };
            if let Poll::Ready(result) = piece.work.as_mut().poll(&mut Context::from_waker(&piece.waker)) {
                done.extend(place.take().map(|piece| (piece.key, result)));
                self.free.push(at);
            }
        }
        done
    }

    /// The results of all the work, in the order in which it is done.
    pub(crate) async fn join(mut self) -> Vec<T> {
        let mut results = Vec::new();
        poll_fn(|context| {
            results.extend(self.poll(context).into_iter().map(|(_, result)| result));
            if self.len() == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        results
    }
}

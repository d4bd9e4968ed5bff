//! Runs futures concurrently within one task.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::LocalBoxFuture;

/// Pieces of work. Each is polled only when it was woken. `FuturesUnordered` would weigh more.
pub(crate) struct Tasks<'a> {
    pieces: Vec<Option<Piece<'a>>>,
    /// Places of pieces that are done.
    free: Vec<usize>,
    woken: Arc<Woken>,
}

struct Piece<'a> {
    work: LocalBoxFuture<'a, ()>,
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

impl<'a> Tasks<'a> {
    /// No work.
    pub(crate) fn new() -> Tasks<'a> {
        Tasks { pieces: Vec::new(), free: Vec::new(), woken: Arc::default() }
    }

    /// Adds work, which begins at the next poll.
    pub(crate) fn push(&mut self, work: LocalBoxFuture<'a, ()>) {
        let at = self.free.pop().unwrap_or(self.pieces.len());
        let waker = Waker::from(Arc::new(PieceWaker { at, woken: self.woken.clone() }));
        let piece = Some(Piece { work, waker });
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

    /// Polls each piece that was woken once, and drops the pieces that are done.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) {
        for at in self.woken.take(context.waker()) {
            let Some(place) = self.pieces.get_mut(at) else { continue };
            let Some(piece) = place else { continue };
            if piece.work.as_mut().poll(&mut Context::from_waker(&piece.waker)).is_ready() {
                *place = None;
                self.free.push(at);
            }
        }
    }

    /// Ready when all the work is done.
    pub(crate) fn join(mut self) -> impl Future<Output = ()> {
        poll_fn(move |context| {
            self.poll(context);
            if self.len() == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
    }
}

//! What the recorders of a page share.

use crate::auth::returned::Returned;
use crate::model::time::{Instant, Timestamp};
use crate::recording::page_starts::PageStarts;

/// What the recorders of a page share, for as long as the page is loaded.
#[derive(Clone, Default)]
pub struct PageState {
    /// The starts that may still run.
    pub starts: PageStarts,
    /// Whether the page has come back from a sign-in.
    pub returned: Returned,
}

impl PageState {
    /// An earlier instance of the module has panicked in this page.
    pub fn note_panic(&self, now: Instant, wall_clock: Timestamp) {
        self.starts.note_panic(now, wall_clock);
        // What is in flight in the page is worth more than a sign-in at connect().
        self.returned.note();
    }
}

//! Everything that changes while the cloud runs, behind one lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{clock::Clock, cloud::Origins, fault::Faults, ledger::Ledger, recording::Recordings, settings::Settings, token::Tokens};

#[derive(Default)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) tokens: Tokens,
    pub(crate) recordings: Recordings,
    pub(crate) ledger: Ledger,
    pub(crate) faults: Faults,
}

impl World {
    pub(crate) fn reset(&mut self) {
        let mut ledger = std::mem::take(&mut self.ledger);
        ledger.clear();
        *self = Self { ledger, ..Self::default() };
    }
}

#[derive(Clone)]
pub(crate) struct Shared {
    world: Arc<Mutex<World>>,
    pub(crate) origins: Arc<Origins>,
}

impl Shared {
    pub(crate) fn new(origins: Origins) -> Self {
        Self { world: Arc::default(), origins: Arc::new(origins) }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Everything that changes while the cloud runs, behind one lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    client::Clients, clock::Clock, cloud::Origins, code::Codes, conversation::Conversations, directory::Directory, fault::Faults,
    gateway::Captures, interaction::Interactions, ledger::Ledger, monitoring::Monitorings, recording::Recordings, refresh::RefreshTokens,
    secret, session::Sessions, settings::Settings, token::Tokens,
};

pub(crate) struct World {
    pub(crate) directory: Directory,
    pub(crate) clients: Clients,
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) sessions: Sessions,
    pub(crate) interactions: Interactions,
    pub(crate) codes: Codes,
    pub(crate) tokens: Tokens,
    pub(crate) refresh_tokens: RefreshTokens,
    pub(crate) recordings: Recordings,
    pub(crate) monitorings: Monitorings,
    pub(crate) captures: Captures,
    pub(crate) conversations: Conversations,
    pub(crate) ledger: Ledger,
    pub(crate) faults: Faults,
}

impl World {
    fn new(clients: Clients, ledger: Ledger) -> Self {
        let (directory, clock) = (Directory::default(), Clock::default());
        Self {
            clients,
            ledger,
            conversations: Conversations::of(directory.organizations(), clock.now()),
            directory,
            clock,
            settings: Settings::default(),
            sessions: Sessions::default(),
            interactions: Interactions::default(),
            codes: Codes::default(),
            tokens: Tokens::default(),
            refresh_tokens: RefreshTokens::default(),
            recordings: Recordings::default(),
            monitorings: Monitorings::default(),
            captures: Captures::default(),
            faults: Faults::default(),
        }
    }

    pub(crate) fn reset(&mut self) {
        let mut ledger = std::mem::take(&mut self.ledger);
        ledger.clear();
        *self = Self::new(self.clients.reset(), ledger);
    }

    pub(crate) fn revoke(&mut self, family: Uuid) {
        self.tokens.revoke_family(family);
        self.refresh_tokens.revoke(family);
    }

    /// Strikes out every secret that was issued here.
    pub(crate) fn redact(&self, text: &str) -> String {
        let of_logins = self.codes.texts().chain(self.sessions.texts()).chain(self.interactions.texts());
        let secrets = self.tokens.texts().chain(self.refresh_tokens.texts()).chain(of_logins).chain(self.clients.secrets());
        secret::strike_out(text, secrets)
    }
}

#[derive(Clone)]
pub(crate) struct Shared {
    world: Arc<Mutex<World>>,
    pub(crate) origins: Arc<Origins>,
    /// The setting of this name, for connections that wait for it to change.
    keep_alive: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(origins: Origins, clients: Clients) -> Self {
        let world = World::new(clients, Ledger::default());
        let keep_alive = watch::Sender::new(world.settings.keep_alive);
        Self { world: Arc::new(Mutex::new(world)), origins: Arc::new(origins), keep_alive }
    }

    /// Whether connections to the api origin are kept, and every change of that.
    pub(crate) fn keep_alive(&self) -> watch::Receiver<bool> {
        self.keep_alive.subscribe()
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world();
        let changed = change(&mut world);
        self.keep_alive.send_replace(world.settings.keep_alive);
        changed
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The recorder that apps call: it chooses the organization of each call, and hands the call down.

pub mod doctor;
pub mod fetch;
pub mod page_state;
pub mod settings;
pub mod trustor;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use crate::auth::keyring::{Keyring, orgs_of};
use crate::auth::ports::{Platform, SharingRole};
use crate::auth::returned::AuthorizationResponse;
use crate::auth::sources::Sources;
use crate::client::Client;
use crate::cloud::call::{Call, CallError, CallOptions, Interruption, Limits, closed};
use crate::cloud::event::Event;
use crate::cloud::exchange::Exchange;
use crate::cloud::response::Response;
use crate::cloud::tasks::Tasks;
use crate::model::environment::Target;
use crate::model::error::{Code, Error};
use crate::model::ids::{AgentId, OrgId, RecordingId};
use crate::model::time::Moment;
use crate::recorder::doctor::{DiagnosisLine, Doctor, unfinished};
use crate::recorder::fetch::AppRequest;
use crate::recorder::page_state::PageState;
use crate::recorder::settings::Settings;
use crate::recorder::trustor::Trustor;
use crate::recording::Recording;
use crate::recording::api::Recordings;
use crate::recording::batch::{Batch, BatchProgress, BatchResults};
use crate::recording::queue::StartsByOrg;
use crate::recording::start::Start;
use crate::recording::starts::{StartResult, Starts};
use crate::token::access_token::AccessToken;
use crate::token::org_token::{OrgToken, UnidentifiedToken};

/// Starts recordings in one environment, for one organization at a time.
pub struct Recorder<P: Platform> {
    settings: Settings,
    exchange: Rc<Exchange<P>>,
    keyring: Rc<Keyring<P>>,
    starts: Rc<Starts<P>>,
    switches: Cell<u32>,
    last_switch: Cell<u32>,
}

/// The token of a sign-in by redirect, and whether the sign-in was for a named organization.
type SignedIn = (bool, Box<OrgToken>);

/// So many of a batch's starts are read before the page can do something else.
const READ_IN_A_ROW: usize = 250;

impl<P: Platform> Recorder<P> {
    /// A recorder that holds these tokens, each stored under its own organization, and the token of the sign-in from which
    /// the page has come back. With `login.on: "connect"`, signs in. `page`: what the recorders of the page share.
    pub async fn connect(page: PageState, ports: P, mut settings: Settings, options: CallOptions) -> Result<Recorder<P>, CallError> {
        let tokens = std::mem::take(&mut settings.tokens);
        let exchange = Rc::new(Exchange::new(Rc::new(ports)));
        let sources = Sources::new(exchange.clone(), settings.sources.clone(), page.returned.clone());
        let keyring = Keyring::new(exchange.clone(), sources);
        let client = Client::new(exchange.clone(), keyring.clone());
        let recordings = Recordings::new(client, settings.contract.clone());
        let recorder = Recorder {
            starts: Starts::new(page.starts, exchange.clone(), keyring.clone(), recordings),
            keyring,
            settings,
            exchange,
            switches: Cell::default(),
            last_switch: Cell::default(),
        };
        if let Some(org) = &recorder.settings.org {
            recorder.keyring.name_org(org.clone());
        }
        // Each token is read before any is sent.
        let mut unidentified = Vec::new();
        for (at, token) in tokens.into_iter().enumerate() {
            unidentified.push(recorder.unidentified(token).map_err(in_tokens(at))?);
        }
        let login = recorder.keyring.sources().login();
        let response = login.and_then(|login| page.returned.claim(login, &recorder.settings.environment));
        let limits = recorder.keyring.limits_for_any(options.clone());
        let (is_response, redeemed) = (response.is_some(), Cell::new(None));
        if let Err(error) = limits.run(Box::pin(recorder.take_in(unidentified, response, &redeemed, &limits))).await {
            match (redeemed.take(), &error) {
                (Some(Some((_, token))), _) if !recorder.keyring.was_signed_out(token.target(), limits.session) => {
                    recorder.keyring.sources().keep_unused(token.into());
                }
                (None, CallError::Error(error)) if is_response => page.returned.note_failure(error),
                _ => {}
            }
            return Err(error);
        }
        if let Some(org) = &recorder.settings.org {
            let target = recorder.target(org.clone());
            // An extra: without it, the first call obtains a token.
            let _ = limits.race(Box::pin(recorder.keyring.take_from_other_page(&target))).await;
        }
        // A page that has come back does not leave again by itself: it would not stay. Tokens of several organizations are enough.
        let signs_in =
            recorder.keyring.sources().login().is_some_and(|login| login.signs_in_at_connect) && recorder.target_org(None).is_ok();
        if signs_in && !page.returned.outcome()? {
            recorder.sign_in(None, options).await?;
        }
        Ok(recorder)
    }

    /// Stores the tokens, and the token of the sign-in from which the page has come back. `redeemed`: what the response's code was
    /// exchanged for, until that is stored.
    #[expect(clippy::vec_box, reason = "a token moves through several futures, whose size a box saves")]
    async fn take_in(
        &self,
        tokens: Vec<Box<UnidentifiedToken>>,
        response: Option<AuthorizationResponse>,
        redeemed: &Cell<Option<Option<SignedIn>>>,
        limits: &Limits,
    ) -> Result<(), Error> {
        // The code is redeemed first, since it does not live long; its token is stored last, since it may replace another.
        // Another page may sign out meanwhile.
        let org = response.as_ref().and_then(AuthorizationResponse::org);
        let _hearing = org.and_then(|org| self.keyring.take_part(&self.target(org), SharingRole::Listens));
        if let Some(response) = response {
            redeemed.set(Some(self.signed_in(response, limits).await?));
        }
        for (at, token) in tokens.into_iter().enumerate() {
            self.keyring.add(token).await.map_err(in_tokens(at))?;
        }
        // Taken last, since it hears of no sign-out from now on, and is lost if connect() fails.
        let unused = || {
            let org = self.settings.org.as_ref();
            Some((org.is_some(), self.keyring.sources().take_unused(&self.settings.environment, org)?))
        };
        if let Some((is_named, token)) = redeemed.take().flatten().or_else(unused)
            && !self.keyring.was_signed_out(token.target(), limits.session)
        {
            let token = if is_named { self.keyring.store_and_share(token) } else { self.keyring.store_own(token) };
            self.keyring.note_unused(token);
        }
        Ok(())
    }

    /// What the recorder was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Every token in memory.
    pub fn tokens(&self) -> Vec<Rc<OrgToken>> {
        self.keyring.tokens()
    }

    /// This moment.
    pub fn now(&self) -> Moment {
        self.exchange.now()
    }

    /// The organization of a call without `orgId`, if it is unambiguous.
    pub fn org(&self) -> Option<OrgId> {
        self.target_org(None).ok().flatten()
    }

    /// Stores a token under its own organization.
    pub async fn add_token(&self, token: AccessToken, options: CallOptions) -> Result<Rc<OrgToken>, CallError> {
        let work = async { self.keyring.add(self.unidentified(token)?).await };
        self.keyring.limits_for_any(options).run(Box::pin(work)).await
    }

    /// Acquires a token for this organization, and makes the organization the target of later calls.
    pub fn switch_org(&self, org: OrgId, options: CallOptions) -> impl Future<Output = Result<Rc<OrgToken>, CallError>> {
        self.sign_in(Some(org), options)
    }

    /// Signs in to this organization, or else to the one that calls are for. If nobody has named one, the person decides. The
    /// organization becomes the target of later calls. A valid token in memory is enough. Of concurrent calls for different
    /// organizations, the latest one that succeeds wins.
    pub async fn sign_in(&self, org: Option<OrgId>, options: CallOptions) -> Result<Rc<OrgToken>, CallError> {
        let turn = self.switches.get().saturating_add(1);
        self.switches.set(turn);
        let call = self.begin(org.as_ref(), options).await?;
        let token = call.run(Box::pin(self.keyring.token(&call))).await?;
        if let Some(org) = org.filter(|_| turn > self.last_switch.get()) {
            self.last_switch.set(turn);
            let previous = self.org().filter(|previous| *previous != org);
            self.keyring.name_org(org.clone());
            self.exchange.ports().emit(&Event::OrgChanged { org: &org, previous: previous.as_ref() });
        }
        Ok(token)
    }

    /// Starts a recording of this agent, with a token of the target organization and of no other. Concurrent calls
    /// with the same parameters share one start, unless `start.shares` is false.
    pub async fn start_recording(&self, start: Start, options: CallOptions) -> Result<Recording, CallError> {
        let call = self.begin(start.org.as_ref(), options).await?;
        self.starts.start(&call, start).await
    }

    /// Starts many recordings: at most `concurrency` at a time, taking turns between organizations, within each token's rate
    /// limit. `on_settled` gets each start's index and result, and the progress, when the start settles. An abort ends the
    /// starts that have not been sent.
    pub async fn start_many(
        &self,
        starts: impl ExactSizeIterator<Item = Result<Start, Error>>,
        batch: Batch,
        on_settled: impl Fn(usize, StartResult, BatchProgress),
        options: CallOptions,
    ) -> Result<(), CallError> {
        self.ensure_open()?;
        let results = BatchResults::new(starts.len(), &on_settled);
        let mut waiting = StartsByOrg::default();
        // The starts are for the organization and the session of this moment, whatever happens while the list is read.
        let limits = self.keyring.limits_for_any(options.clone());
        let (mut own, mut default) = (self.begin(None, options), None);
        for (at, start) in starts.enumerate() {
            if at > 0 && at.is_multiple_of(READ_IN_A_ROW) {
                self.exchange.ports().next_task().await;
            }
            let of_org = match start {
                Ok(start) => match (&start.org, &default) {
                    (Some(org), _) => Ok(org.clone()),
                    (None, Some(default)) => Result::clone(default),
                    (None, None) => default.insert((&mut own).await.map(|call| call.target.org.clone())).clone(),
                }
                .map(|org| (org, start)),
                Err(error) => Err(error.into()),
            };
            match of_org {
                Ok((org, start)) => waiting.push(self.target(org), at, start),
                Err(error) => results.settle(vec![at], &Err(error)),
            }
        }
        self.starts.start_many(&limits, batch, waiting, &results).await;
        Ok(())
    }

    /// Sends the app's own request, with the target organization's own token.
    pub async fn send(&self, request: AppRequest, org: Option<&OrgId>, options: CallOptions) -> Result<Box<Response>, CallError> {
        let request = request.validated(&self.settings.environment)?;
        let call = self.begin(org, options).await?;
        fetch::send(self.client(), &call, &request).await
    }

    /// The organizations that have authorized the home organization of the target organization's user.
    pub async fn trustors(&self, options: CallOptions) -> Result<Vec<Trustor>, CallError> {
        let call = self.begin(None, options).await?;
        call.run(Box::pin(Trustor::fetch_all(self.client(), &call))).await
    }

    /// Runs the doctor's checks, which only read. When the call's time is over, returns the lines so far.
    pub async fn diagnose(
        &self,
        agent: Option<&AgentId>,
        org: Option<&OrgId>,
        options: CallOptions,
    ) -> Result<Vec<DiagnosisLine>, CallError> {
        self.ensure_open()?;
        let lines = RefCell::default();
        let doctor = Doctor {
            exchange: &self.exchange,
            keyring: &self.keyring,
            client: self.client(),
            settings: &self.settings,
            target: self.target_org(org).map(|org| org.map(|org| self.target(org))),
            agent,
            lines: &lines,
        };
        let limits = self.keyring.limits_for_any(options);
        match limits.race(Box::pin(doctor.examine())).await {
            Ok(()) => {}
            Err(Interruption::TimedOut) => lines.borrow_mut().push(unfinished(limits.deadline.limit())),
            Err(interruption) => return Err(limits.interrupted_by(interruption)),
        }
        Ok(lines.into_inner())
    }

    /// The recordings of an organization that the cloud lists, of this agent or of all.
    pub async fn recordings(
        &self,
        agent: Option<&AgentId>,
        org: Option<&OrgId>,
        options: CallOptions,
    ) -> Result<Vec<Recording>, CallError> {
        let call = self.begin(org, options).await?;
        call.run(Box::pin(self.starts.recordings.list(&call, agent))).await
    }

    /// The recording with this id, as it is now. `agent`: whose it is, if that is known.
    pub async fn recording(
        &self,
        id: &RecordingId,
        org: Option<&OrgId>,
        agent: Option<&AgentId>,
        options: CallOptions,
    ) -> Result<Recording, CallError> {
        let call = self.begin(org, options).await?;
        let found = call.run(Box::pin(self.starts.recordings.find(&call, id, agent))).await?;
        self.starts.note_if_stopped(&call.target, &found);
        Ok(found)
    }

    /// Stops the recording with this id. May be called again.
    pub async fn stop(&self, id: &RecordingId, org: &OrgId, agent: Option<&AgentId>, options: CallOptions) -> Result<Recording, CallError> {
        let call = self.begin(Some(org), options).await?;
        let stopped = call.run(Box::pin(self.starts.recordings.stop(&call, id, agent))).await?;
        self.starts.note_if_stopped(&call.target, &stopped);
        Ok(stopped)
    }

    /// Revokes the token of this organization, or every token, and forgets it.
    pub async fn sign_out(&self, org: Option<OrgId>, options: CallOptions) -> Result<(), CallError> {
        self.ensure_open()?;
        let target = org.map(|org| self.target(org));
        let tokens = match &target {
            Some(target) => self.keyring.token_for(target).map(|token| vec![token]).unwrap_or_default(),
            None => self.keyring.tokens(),
        };
        let limits = self.keyring.limits_for_any(options);
        // Revoke in parallel, so that one slow request does not delay the others.
        let failure = RefCell::new(None);
        let mut revocations = Tasks::new();
        for token in &tokens {
            if let Some(revocation) = self.client().revocation(token) {
                let (limits, failure) = (&limits, &failure);
                revocations.push(Box::pin(async move {
                    if let Err(error) = self.client().revoke(limits, token, revocation).await {
                        failure.borrow_mut().get_or_insert(error);
                    }
                }));
            }
        }
        match &target {
            Some(target) => self.keyring.forget_everywhere(target),
            None => {
                for token in &tokens {
                    self.keyring.forget_everywhere(token.target());
                }
                self.keyring.forget_all();
            }
        }
        let work = async {
            revocations.join().await;
            failure.take().map_or(Ok(()), Err)
        };
        let ended = limits.run(Box::pin(work)).await;
        tokens.iter().for_each(|token| self.exchange.forget(token));
        ended
    }

    /// Forgets every token; what is in flight is rejected.
    pub fn close(&self) {
        self.keyring.close();
        self.exchange.close();
    }

    fn client(&self) -> &Client<P> {
        &self.starts.recordings.client
    }

    fn ensure_open(&self) -> Result<(), CallError> {
        if self.exchange.closing().is_aborted() { Err(closed().into()) } else { Ok(()) }
    }

    /// Begins a call for this organization, or for the default target. If nobody has named an organization and no token is held, a
    /// source is asked for a token, and the token's organization becomes the target. Boxed to avoid one copy for each kind of call
    /// (wasm size).
    fn begin<'a>(&'a self, org: Option<&OrgId>, options: CallOptions) -> LocalBoxFuture<'a, Result<Box<Call>, CallError>> {
        // A sign-out may come before the future is polled.
        let begun = self.ensure_open().and_then(|()| {
            Ok(match self.target_org(org)? {
                Some(org) => Ok(Box::new(self.keyring.call(self.target(org), options))),
                None => Err(self.keyring.limits_for_own_org(options)),
            })
        });
        Box::pin(async move {
            let limits = match begun? {
                Ok(call) => return Ok(call),
                Err(limits) => limits,
            };
            let token = limits.run(Box::pin(self.keyring.own_token(&self.settings.environment, limits.session))).await?;
            Ok(Box::new(self.keyring.call_continued(limits, token.target().clone())))
        })
    }

    fn unidentified(&self, token: AccessToken) -> Result<Box<UnidentifiedToken>, Error> {
        self.exchange.unidentified(&self.settings.environment, token, None)
    }

    /// Exchanges the response's code. `None` if its token was stored under another organization than the one that was asked for.
    async fn signed_in(&self, response: AuthorizationResponse, limits: &Limits) -> Result<Option<SignedIn>, Error> {
        let Some(login) = self.keyring.sources().login() else { return Ok(None) };
        let environment = &self.settings.environment;
        let org = response.org();
        let redemption = response.redemption(login, &**self.exchange.ports(), environment)?;
        let token = self.keyring.sources().redeem(environment, redemption).await?;
        let Some(org) = org else {
            return self.keyring.ensure_allowed(token).map(|token| Some((false, token)));
        };
        match self.keyring.ensure_org(&self.target(org), token, limits.session) {
            Ok(token) => Ok(Some((true, token))),
            // With `wrongOrg: "file"` the token is stored under its own organization, and connect() goes on: if it failed,
            // there would be no recorder to use that token.
            Err(error) if !login.keeps_wrong_org => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn target(&self, org: OrgId) -> Target {
        Target { environment: self.settings.environment.clone(), org }
    }

    /// In this order: the call's organization, the last switch, the settings, the organization that a source has decided on, the
    /// only stored token's organization. `None` if a source may still decide.
    fn target_org(&self, of_call: Option<&OrgId>) -> Result<Option<OrgId>, Error> {
        let org = of_call.cloned().or_else(|| self.keyring.default_org());
        if org.is_some() {
            return Ok(org);
        }
        match self.keyring.tokens().as_slice() {
            [token] => Ok(Some(token.target().org.clone())),
            [] if self.keyring.sources().is_empty() => {
                Err(Error::new(Code::NoToken, "There is no token, and nothing names the organization."))
            }
            [] => Ok(None),
            several => Err(Error::new(Code::OrgAmbiguous, format!("Several organizations have tokens: {}.", orgs_of(several)))),
        }
    }
}

fn in_tokens(at: usize) -> impl Fn(Error) -> Error {
    move |error| error.in_argument(&format!("tokens[{at}]"))
}

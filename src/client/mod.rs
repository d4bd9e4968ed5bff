//! Sends a call with the target's own token. What the cloud refuses is repaired once where that is safe, and explained
//! otherwise.

use std::cell::RefCell;
use std::rc::Rc;

use crate::auth::keyring::Keyring;
use crate::cloud::event::Event;
use crate::cloud::exchange::Exchange;
use crate::cloud::ports::{Platform, TransportError};
use crate::cloud::refusal::{refusal, retry_after};
use crate::cloud::response::Response;
use crate::model::environment::Target;
use crate::model::error::{Code, Error};
use crate::model::ids::AgentId;
use crate::model::scope::near_miss;
use crate::model::time::Timestamp;
use crate::token::org_token::OrgToken;
use crate::token::request::ApiRequest;

/// Sends calls, each at most twice.
pub struct Client<P: Platform> {
    cloud: Rc<Exchange<P>>,
    keyring: Rc<Keyring<P>>,
    scope: String,
}

/// A call to send.
pub struct OutgoingRequest<'a> {
    /// The organization and environment that it is for.
    pub target: &'a Target,
    /// What is sent.
    pub call: ApiRequest,
    /// The agent that it is about, if it is about one.
    pub agent: Option<&'a AgentId>,
    /// How often somebody had signed out when the call began.
    pub since: u64,
    /// Where it is kept how it was sent last.
    pub sent: &'a RefCell<Option<SentRequest>>,
    /// How much of the call's time is left, in milliseconds.
    pub time_left: &'a dyn Fn() -> i64,
}

/// How a call was sent.
#[derive(Clone)]
pub struct SentRequest {
    /// With which grant.
    pub grant: Rc<OrgToken>,
    /// When, by our clock.
    pub at: Timestamp,
    /// Whether it may have been carried out: nothing says that it was not.
    pub may_have_been_processed: bool,
}

/// Why there is no answer that says yes.
pub enum SendError {
    /// No token could be obtained: nothing was sent.
    NotSent(Rc<Error>),
    /// The cloud said no.
    Refused(Error),
    /// The answer was lost.
    NoResponse(TransportError),
}

impl<P: Platform> Client<P> {
    /// A sender of calls that need this scope.
    pub fn new(cloud: Rc<Exchange<P>>, keyring: Rc<Keyring<P>>, scope: &str) -> Client<P> {
        Client { cloud, keyring, scope: scope.to_owned() }
    }

    /// Sends the call; a second time where the cloud said that it did not carry it out, and what stood in the way is gone.
    pub async fn send(&self, outgoing: &OutgoingRequest<'_>) -> Result<(Rc<OrgToken>, Response), SendError> {
        let mut repaired = None;
        let since = outgoing.since;
        loop {
            let grant = self.keyring.grant(outgoing.target, since).await.map_err(|error| {
                SendError::NotSent(match repaired.take() {
                    Some(refused) => Rc::new(Error::clone(&error).preceded_by(refused)),
                    None => error,
                })
            })?;
            if let Some(refused) = &repaired {
                let Error { code, .. } = *refused;
                self.cloud.ports().tell(&Event::Retry { org: &outgoing.target.org, code });
            }
            self.warn(&grant);
            let mut sent = SentRequest { grant: grant.clone(), at: self.cloud.now().here(), may_have_been_processed: true };
            outgoing.sent.replace(Some(sent.clone()));
            let answer = self.cloud.send(grant.request(outgoing.call.clone())).await.map_err(|lost| {
                sent.may_have_been_processed = lost.may_have_been_processed;
                outgoing.sent.replace(Some(sent.clone()));
                SendError::NoResponse(lost)
            })?;
            if (200..300).contains(&answer.status) {
                grant.mark_used();
                return Ok((grant, answer));
            }
            let refused = self.explained(refusal(&answer), &grant, &outgoing.call);
            if refused.is_token_rejection() {
                grant.reject();
            } else {
                grant.mark_used();
            }
            if refused.code != Code::CloudUnavailable {
                sent.may_have_been_processed = false;
                outgoing.sent.replace(Some(sent));
            }
            if repaired.is_some() || self.keyring.was_signed_out(outgoing.target, since) {
                return Err(SendError::Refused(refused));
            }
            let refused = self.repaired(refused, &answer, &grant, outgoing).await.map_err(SendError::Refused)?;
            // Somebody may have signed out while it was being repaired.
            if self.keyring.was_signed_out(outgoing.target, since) {
                return Err(SendError::Refused(refused));
            }
            self.cloud.ports().tell(&Event::Repair { org: &outgoing.target.org, code: refused.code });
            repaired = Some(refused);
        }
    }

    /// The refusal, once what led to it is gone; as an error where that can not be.
    async fn repaired(
        &self,
        refused: Error,
        answer: &Response,
        grant: &Rc<OrgToken>,
        outgoing: &OutgoingRequest<'_>,
    ) -> Result<Error, Error> {
        match refused.code {
            Code::Unauthenticated | Code::TokenExpired if self.has_another(outgoing.target) => Ok(refused),
            Code::WrongOrg => self.of_right_org(refused, grant, outgoing).await,
            Code::RateLimited => self.after_a_while(refused, answer, outgoing).await,
            _ => Err(refused),
        }
    }

    /// Scopes are looked at before sending, but an organization may not enforce them: it is for the cloud to refuse.
    fn warn(&self, grant: &OrgToken) {
        if let Some(scopes) = grant.scopes().filter(|scopes| !scopes.contains(&self.scope)) {
            let (org, missing) = (&grant.target().org, self.scope.as_str());
            self.cloud.ports().tell(&Event::ScopeWarning { org, missing, near_miss: near_miss(missing, scopes) });
        }
    }

    fn has_another(&self, target: &Target) -> bool {
        self.keyring.has_fresh(target) || !self.keyring.sources().is_empty()
    }

    /// Interaction the cloud whose the token is. Of another organization, it is filed there, and the target's own is next.
    async fn of_right_org(&self, mut refused: Error, grant: &Rc<OrgToken>, outgoing: &OutgoingRequest<'_>) -> Result<Error, Error> {
        let Ok(asked) = self.cloud.refetch_token_info(grant).await else { return Err(refused) };
        if asked.target() != outgoing.target {
            let (claimed, owner) = (&outgoing.target.org, asked.target().org.clone());
            refused.message =
                format!("The token was taken for one of {claimed}; the cloud says that it is of {owner}. {}", refused.message);
            refused.evidence.home_org_id = asked.home_org().cloned();
            refused.evidence.token_org_id = Some(owner);
            self.keyring.correct_owner(grant, asked);
            return if self.has_another(outgoing.target) { Ok(refused) } else { Err(refused) };
        }
        let asked = Rc::new(asked);
        self.keyring.replace(grant, asked.clone());
        Err(self.narrowed_down(refused, &asked, outgoing).await)
    }

    /// The token is of the right organization: what else can the cloud mean?
    async fn narrowed_down(&self, mut refused: Error, grant: &OrgToken, outgoing: &OutgoingRequest<'_>) -> Error {
        let org = &outgoing.target.org;
        let said = std::mem::take(&mut refused.message);
        refused.evidence.granted_scopes = grant.scopes().map(<[String]>::to_vec);
        refused.evidence.home_org_id = grant.home_org().cloned();
        if grant.scopes().is_some_and(|scopes| !scopes.contains(&self.scope)) {
            refused.code = Code::ScopeMissing;
            refused.evidence.missing_scopes = Some(vec![self.scope.clone()]);
            refused.message =
                format!("The token is of organization {org}, as it should be, and lacks the scope \"{}\". {said}", self.scope);
            return self.with_near_miss(refused);
        }
        let looked_up = match outgoing.agent.and_then(ApiRequest::get_user) {
            Some(call) => self.cloud.send(grant.request(call)).await.ok(),
            None => None,
        };
        let found = match looked_up.map(|answer| answer.status) {
            Some(404) => "the agent is not in that organization",
            Some(200) => {
                refused.code = Code::PermissionMissing;
                "has the scope, and the agent is there: what remains is a permission, or that the feature is switched off"
            }
            _ => "whether the agent is there could not be found out",
        };
        refused.message = format!("The token is of organization {org}, as it should be; {found}. {said}");
        refused
    }

    /// Waits as long as the cloud says, or a moment where it says nothing, if the call's time allows.
    async fn after_a_while(&self, mut refused: Error, answer: &Response, outgoing: &OutgoingRequest<'_>) -> Result<Error, Error> {
        let ports = self.cloud.ports();
        let told = retry_after(answer, self.cloud.now().in_cloud(), |text| ports.parse_date(text));
        refused.evidence.retry_after = told;
        // From one to three seconds: those who were refused at the same time should not come back at the same time.
        let jitter = || 1_000 + ports.random().map_or(0, |[byte, ..]| u32::from(byte) * 2_000 / 255);
        let millis = told.unwrap_or_else(jitter);
        if i64::from(millis) >= (outgoing.time_left)() {
            return Err(refused);
        }
        ports.wait(millis).await;
        Ok(refused)
    }

    /// The refusal, with what the grant tells of it.
    pub fn explained(&self, mut error: Error, grant: &OrgToken, call: &ApiRequest) -> Error {
        if error.code == Code::ScopeMissing && error.evidence.missing_scopes.is_none() {
            error.evidence.missing_scopes = Some(vec![self.scope.clone()]);
        }
        error.evidence.token_org_id = Some(grant.target().org.clone());
        error.evidence.home_org_id = grant.home_org().cloned();
        error.evidence.granted_scopes = grant.scopes().map(<[String]>::to_vec);
        if !call.org_headers().is_empty() {
            error.evidence.org_headers = Some(call.org_headers().to_vec());
        }
        self.with_near_miss(error).for_org(&grant.target().org)
    }

    fn with_near_miss(&self, mut error: Error) -> Error {
        let evidence = &mut error.evidence;
        if error.code == Code::ScopeMissing
            && let (Some([missing, ..]), Some(granted)) = (evidence.missing_scopes.as_deref(), &evidence.granted_scopes)
        {
            evidence.near_miss = near_miss(missing, granted).map(str::to_owned);
        }
        error
    }
}

/// A call that is no start got no answer.
pub(crate) fn no_response_error(message: &str, lost: TransportError) -> Error {
    let mut error = Error::new(Code::Network, message).caused_by(lost.cause);
    error.evidence.status = lost.status;
    error
}

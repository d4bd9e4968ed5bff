//! Fixes the cause of a refusal: gets another token, corrects the token's owner, or waits. Otherwise explains the refusal.

use std::rc::Rc;

use crate::auth::ports::Platform;
use crate::client::Client;
use crate::cloud::call::Call;
use crate::model::environment::Target;
use crate::model::error::{Code, Error};
use crate::model::join::joined;
use crate::model::scope::{is_enough, near_miss};
use crate::token::org_token::OrgToken;
use crate::token::request::ApiRequest;

impl<P: Platform> Client<P> {
    /// Fixes the cause. Returns whether the request may be sent again.
    pub(super) async fn repair(&self, refused: &mut Error, token: &Rc<OrgToken>, call: &Call, request: &ApiRequest) -> bool {
        let may_repair = match refused.code {
            Code::Unauthenticated | Code::TokenExpired => self.has_another_token(&call.target),
            code => matches!(code, Code::WrongOrg | Code::RateLimited),
        };
        if !may_repair {
            return false;
        }
        if let Some(millis) = self.millis_to_wait(refused) {
            if i64::from(millis) >= call.deadline.remaining() {
                return false;
            }
            self.exchange.ports().sleep(millis).await;
        }
        refused.code != Code::WrongOrg || self.correct_owner(refused, token, call, request).await
    }

    fn has_another_token(&self, target: &Target) -> bool {
        self.keyring.has_fresh(target) || !self.keyring.sources().is_empty()
    }

    /// How long the cloud says to wait. If the cloud gives no time, 1 to 3 s for a rate limit.
    fn millis_to_wait(&self, refused: &Error) -> Option<u32> {
        // Random, so that requests that were refused together are not repeated together.
        let random = || 1_000 + self.exchange.ports().random().map_or(0, |[byte, ..]| u32::from(byte) * 2_000 / 255);
        refused.evidence.retry_after.or_else(|| (refused.code == Code::RateLimited).then(random))
    }

    /// Asks the cloud for the token's organization. Stores a wrongly attributed token there, so that the retry uses the target's
    /// own token.
    async fn correct_owner(&self, refused: &mut Error, token: &Rc<OrgToken>, call: &Call, request: &ApiRequest) -> bool {
        let target = &call.target;
        let verified = match self.exchange.refetch_token_info(token).await {
            Ok(verified) => verified,
            Err(error) => {
                refused.evidence.retry_after = refused.evidence.retry_after.max(error.evidence.retry_after);
                return false;
            }
        };
        if verified.target() != target {
            let (claimed, owner) = (&target.org, &verified.target().org);
            refused.message = format!("The token was stored for {claimed}, but the API says that it is of {owner}. {}", refused.message);
            refused.note_owner_of(&verified);
            self.keyring.correct_owner(token, verified, call.session);
            return self.has_another_token(target);
        }
        let verified: Rc<OrgToken> = verified.into();
        self.keyring.replace(token, verified.clone());
        self.explain_forbidden(refused, &verified, request).await;
        false
    }

    /// The token's organization is right: looks for another reason.
    async fn explain_forbidden(&self, refused: &mut Error, token: &OrgToken, request: &ApiRequest) {
        let lacks_scope = token.scopes().is_some_and(|scopes| !is_enough(scopes, &request.scopes));
        let has_agent = match &request.agent {
            Some(agent) if !lacks_scope => self.has_agent(token, agent).await.ok(),
            _ => None,
        };
        let found = match has_agent {
            _ if lacks_scope => {
                refused.code = Code::ScopeMissing;
                format!(", but lacks the scope \"{}\"", joined(&request.scopes, "\" or \""))
            }
            Some(false) => "; the agent is not in that organization".to_owned(),
            Some(true) => {
                refused.code = Code::PermissionMissing;
                "; it has the scope, and the agent is there: a permission is missing, or the feature is disabled".to_owned()
            }
            None if request.agent.is_none() => String::new(),
            None => "; whether the agent is there is unknown".to_owned(),
        };
        refused.message = format!("The token is of organization {}, as expected{found}. {}", token.target().org, refused.message);
        self.note_token(refused, token, request);
    }

    /// Adds what is known about the token.
    pub(super) fn note_token(&self, error: &mut Error, token: &OrgToken, request: &ApiRequest) {
        error.note_owner_of(token);
        let lacks_scope = error.code == Code::ScopeMissing;
        let evidence = &mut error.evidence;
        evidence.org_id = Some(token.target().org.clone());
        evidence.granted_scopes = token.scopes().map(<[String]>::to_vec);
        if !request.org_headers().is_empty() {
            evidence.org_headers = Some(request.org_headers().to_vec());
        }
        if lacks_scope {
            if evidence.missing_scopes.is_none() {
                evidence.missing_scopes = Some(request.scopes.to_vec()).filter(|scopes| !scopes.is_empty());
            }
            if let (Some([missing, ..]), Some(granted)) = (evidence.missing_scopes.as_deref(), token.scopes()) {
                evidence.near_miss = near_miss(missing, granted).map(str::to_owned);
            }
        }
    }
}

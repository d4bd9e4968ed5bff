//! The cloud as the flow sees it: it answers requests, tells the time by the way, and knows whose a token is.

use std::rc::Rc;

use crate::clock::{Clock, Moment};
use crate::environment::Environment;
use crate::error::{Code, Error};
use crate::grant::{Grant, Request, UnfiledToken};
use crate::ports::{Answer, Lost, Ports};
use crate::refusal::refusal;
use crate::timestamp::Timestamp;
use crate::token::{AccessToken, TokenInfo};

/// One environment's cloud.
pub struct Cloud<P> {
    ports: Rc<P>,
    clock: Clock,
}

impl<P: Ports> Cloud<P> {
    /// The cloud that is reached by these ports.
    pub fn new(ports: Rc<P>) -> Cloud<P> {
        Cloud { ports, clock: Clock::default() }
    }

    /// What reaches it.
    pub fn ports(&self) -> &P {
        &self.ports
    }

    /// This moment, here and there.
    pub fn now(&self) -> Moment {
        self.clock.at(self.ports.now())
    }

    /// Sends a request once.
    pub async fn send(&self, request: Request) -> Result<Answer, Lost> {
        let sent = self.ports.now();
        let answer = request.send(&*self.ports).await?;
        if let Some(date) = answer.date {
            self.clock.learn(sent, self.ports.now(), date);
        }
        Ok(answer)
    }

    /// Reads what a token says of itself. `expires_at`: what its source said of its life, by our clock.
    pub fn unfiled(&self, environment: &Rc<Environment>, token: AccessToken, expires_at: Option<Timestamp>) -> Result<UnfiledToken, Error> {
        let claims = token.claims(|text| self.ports.parse_json(text))?;
        Ok(UnfiledToken::new(environment, token, claims, expires_at))
    }

    /// Files a token by its claim, or else asks its own environment whose it is.
    pub async fn identify(&self, token: UnfiledToken) -> Result<Grant, Error> {
        match token.filed_by_claim(self.now()) {
            Ok(grant) => Ok(grant),
            Err(token) => self.ask_whose(token).await,
        }
    }

    /// Asks a token's own environment whose it is.
    pub async fn ask_whose(&self, token: UnfiledToken) -> Result<Grant, Error> {
        let answer = self.send(token.whose()).await.map_err(|lost| {
            let mut error = Error::new(Code::Network, "The cloud could not be asked whose token it is.").caused_by(lost.cause);
            error.evidence.status = lost.status;
            error
        })?;
        if answer.status != 200 {
            return Err(not_of_a_start(refusal(&answer)));
        }
        match TokenInfo::from_json(&answer.json, |text| self.ports.parse_date(text)) {
            Some(info) => Ok(token.filed_by_cloud(info, self.now())),
            None => Err(Error::new(Code::UnexpectedAnswer, "The cloud's answer does not say whose token it is.").answered_by(answer)),
        }
    }
}

/// A refusal of another call than a start, in which an agent's id or state has no part.
pub(crate) fn not_of_a_start(mut error: Error) -> Error {
    if matches!(error.code, Code::AgentNotFound | Code::Conflict) {
        error.code = Code::UnexpectedAnswer;
    }
    error
}

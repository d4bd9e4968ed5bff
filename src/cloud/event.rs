//! Events for telemetry. No event contains any part of a token.

use crate::model::error::Code;
use crate::model::ids::OrgId;
use crate::token::org_token::OrgToken;
use crate::token::request::Method;

/// Where the library requests a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The login origin, with a refresh token.
    RefreshToken,
    /// The app's `getToken`.
    GetToken,
    /// A person who signs in.
    Login,
}

impl Source {
    /// The source as JavaScript sees it.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::RefreshToken => "refresh-token",
            Source::GetToken => "getToken",
            Source::Login => "login",
        }
    }
}

/// An event.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The library requests a token.
    TokenRequested {
        /// The organization that the token must belong to; `None` if the source decides.
        org: Option<&'a OrgId>,
        /// Where the library requests it.
        source: Source,
        /// Why the token is needed.
        reason: NeedReason,
    },
    /// A token was stored.
    TokenFiled {
        /// The token.
        token: &'a OrgToken,
    },
    /// The library sends a request.
    Request {
        /// Counts from 1. The request's `Response` has the same number.
        number: u32,
        /// The HTTP method.
        method: Method,
        /// The full URL.
        url: &'a str,
        /// The organization of the request's token, if that is known.
        org: Option<&'a OrgId>,
    },
    /// A response came, or the request failed.
    Response {
        /// The request's number.
        number: u32,
        /// The HTTP status; `None` if the request failed before a status came.
        status: Option<u16>,
        /// Milliseconds since the request was sent.
        millis: i64,
        /// `ININ-Correlation-Id`.
        correlation_id: Option<&'a str>,
    },
    /// The cloud refused a call, and the library has fixed the cause.
    Repair {
        /// The organization that the call is for.
        org: &'a OrgId,
        /// The refusal.
        code: Code,
    },
    /// The library sends a call again.
    Retry {
        /// The organization that the call is for.
        org: &'a OrgId,
        /// The refusal of the first attempt.
        code: Code,
    },
    /// The contract says that the cloud speaks HTTP/2, but this browser cannot stream a start's body: it may send the start again
    /// by itself.
    StartNotStreamed {
        /// The organization that the start is for.
        org: &'a OrgId,
    },
    /// Another recording of the agent began with the one that was started.
    DuplicateRecording {
        /// The agent's organization.
        org: &'a OrgId,
        /// The agent.
        agent: &'a str,
        /// The other recordings' ids.
        recordings: &'a [String],
    },
    /// From now on, calls that name no organization are for another organization.
    OrgChanged {
        /// The new organization.
        org: &'a OrgId,
        /// The previous organization.
        previous: Option<&'a OrgId>,
    },
    /// A stored token is of client credentials: every visitor of the page has the rights of the client's role.
    ClientCredentials {
        /// The token's organization.
        org: &'a OrgId,
    },
    /// The library sends a call although its token lacks a scope. The organization refuses the call if it enforces scopes.
    ScopeWarning {
        /// The organization that the call is for.
        org: &'a OrgId,
        /// The missing scope.
        missing: &'a str,
        /// A scope of the token that was probably meant to be the missing scope.
        near_miss: Option<&'a str>,
    },
}

/// Why a token is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedReason {
    /// No token is stored for the organization.
    Missing,
    /// The stored token has expired.
    Expired,
    /// The cloud has rejected the stored token.
    Rejected,
    /// The stored token turned out to be another organization's.
    WrongOrg,
}

impl NeedReason {
    /// The reason as JavaScript sees it.
    pub fn as_str(self) -> &'static str {
        match self {
            NeedReason::Missing => "missing",
            NeedReason::Expired => "expired",
            NeedReason::Rejected => "rejected",
            NeedReason::WrongOrg => "wrong-org",
        }
    }
}

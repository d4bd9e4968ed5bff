//! What happens, for telemetry: never any text of a token.

use crate::model::error::Code;
use crate::model::ids::OrgId;
use crate::token::org_token::OrgToken;
use crate::token::request::Method;

/// Where a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The login origin, with a refresh token.
    RefreshToken,
    /// The app's `getToken`.
    GetToken,
    /// Somebody who signs in.
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

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A token is asked for.
    TokenRequested {
        /// The organization that it must be of.
        org: &'a OrgId,
        /// Where.
        source: Source,
        /// Why.
        reason: NeedReason,
    },
    /// A token is held now.
    TokenFiled {
        /// With what is known of it.
        token: &'a OrgToken,
    },
    /// A request is sent.
    Request {
        /// Counts from 1 on; the answer has the same.
        number: u32,
        /// The HTTP method.
        method: Method,
        /// The whole URL.
        url: &'a str,
        /// The organization whose token it carries, where that is known.
        org: Option<&'a OrgId>,
    },
    /// A request is answered.
    Response {
        /// The request's.
        number: u32,
        /// The HTTP status; `None` where no answer came, or not whole.
        status: Option<u16>,
        /// Milliseconds since it was sent.
        millis: i64,
        /// `ININ-Correlation-Id`.
        correlation_id: Option<&'a str>,
    },
    /// The cloud has refused a call, and what led to that is mended.
    Repair {
        /// The organization that the call is for.
        org: &'a OrgId,
        /// The refusal.
        code: Code,
    },
    /// A call is sent once more.
    Retry {
        /// The organization that the call is for.
        org: &'a OrgId,
        /// The refusal that came before.
        code: Code,
    },
    /// Calls that name no organization are for this one from now on.
    OrgChanged {
        /// The new target.
        org: &'a OrgId,
        /// The one before.
        previous: Option<&'a OrgId>,
    },
    /// A call is sent that the organization may refuse: its token lacks a scope, which matters where scopes are enforced.
    ScopeWarning {
        /// The organization that the call is for.
        org: &'a OrgId,
        /// The scope.
        missing: &'a str,
        /// A scope that the token has and that was probably meant.
        near_miss: Option<&'a str>,
    },
}

/// Why a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedReason {
    /// None is held for the organization.
    Missing,
    /// The one that is held has expired.
    Expired,
    /// The cloud has refused the one that is held.
    Rejected,
    /// The one that was held turned out to be of another organization.
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

//! Organizations that have authorized the user's own organization: a partner's user may sign in to them.

use crate::auth::ports::Platform;
use crate::client::Client;
use crate::client::sent_log::SentLog;
use crate::cloud::call::Call;
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::model::json::Json;
use crate::model::scope::OWN_DATA;
use crate::token::request::{ApiRequest, Method, Repeat};

/// A trustor, as `GET /api/v2/users/me?expand=trustors` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trustor {
    /// `organization.id`, or else the trust's own `id`, which is the organization's.
    pub org: OrgId,
    /// `organization.name`.
    pub name: Option<String>,
    /// Whether the authorization is switched on.
    pub enabled: bool,
}

impl Trustor {
    /// The trustors of the user of the call's organization.
    pub(crate) async fn fetch_all<P: Platform>(client: &Client<P>, call: &Call) -> Result<Vec<Trustor>, Error> {
        let org = &call.target.org;
        let mut request = ApiRequest::new(Method::Get, "/api/v2/users/me?expand=trustors").needing(OWN_DATA);
        request.repeat = Repeat::Idempotent;
        let response = client.send(call, &request, &SentLog::default()).await?;
        Trustor::list(&response.json).ok_or_else(|| {
            let message = "The response does not say who the user is.";
            Error::new(Code::UnexpectedAnswer, message).answered_by(&response).for_org(org)
        })
    }

    /// Reads the response; `None` unless it is about a user. Trustors without an id are left out.
    fn list(user: &Json) -> Option<Vec<Trustor>> {
        user.str("id")?;
        let mut trustors = Vec::new();
        for trustor in user.array("trustors") {
            let organization = trustor.get("organization");
            let id = organization.and_then(|organization| organization.str("id")).or_else(|| trustor.str("id"));
            if let Some(org) = id.and_then(OrgId::parse) {
                let name = organization.and_then(|organization| organization.str("name")).map(str::to_owned);
                trustors.push(Trustor { org, name, enabled: trustor.get("enabled") == Some(&Json::Bool(true)) });
            }
        }
        Some(trustors)
    }
}

//! An organization that has authorized the user's own one: a partner's user may sign in to it.

use crate::model::ids::OrgId;
use crate::model::json::Json;

/// A trustor, as `GET /api/v2/users/me?expand=trustors` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trustor {
    /// `organization.id`.
    pub org: OrgId,
    /// `organization.name`.
    pub name: Option<String>,
    /// Whether the authorization is switched on.
    pub enabled: bool,
}

impl Trustor {
    /// Reads the answer; `None` unless it is of a user. What names no organization is left out.
    pub fn list(user: &Json) -> Option<Vec<Trustor>> {
        user.str("id")?;
        let trustor = |trustor: &Json| {
            let organization = trustor.get("organization")?;
            Some(Trustor {
                org: organization.str("id").and_then(OrgId::parse)?,
                name: organization.str("name").map(str::to_owned),
                enabled: trustor.get("enabled") == Some(&Json::Bool(true)),
            })
        };
        Some(user.array("trustors").iter().filter_map(trustor).collect())
    }
}

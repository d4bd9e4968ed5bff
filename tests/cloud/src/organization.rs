//! Who exists: organizations and their agents, with ids that never change.

use serde::Serialize;

/// An agent, who is a user of exactly one organization.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// A lower-case UUID.
    pub id: &'static str,
    /// The display name.
    pub name: &'static str,
    /// What a `login_hint` may name.
    pub email: &'static str,
    /// Whether a recording of this agent can start at all.
    pub logged_in: bool,
}

/// An organization with its agents.
#[derive(Debug, Serialize)]
pub struct Organization {
    /// A lower-case UUID.
    pub id: &'static str,
    /// The display name.
    pub name: &'static str,
    /// The last agent of each organization is logged out.
    pub agents: [Agent; 3],
}

const fn agent(id: &'static str, name: &'static str, email: &'static str, logged_in: bool) -> Agent {
    Agent { id, name, email, logged_in }
}

/// Every organization of this cloud.
pub static ORGANIZATIONS: [Organization; 4] = [
    Organization {
        id: "ac3e0000-0000-4000-8000-000000000000",
        name: "Acme",
        agents: [
            agent("ac3e0000-0000-4000-8000-000000000001", "Ada Alvarez", "ada.alvarez@acme.example", true),
            agent("ac3e0000-0000-4000-8000-000000000002", "Adil Anand", "adil.anand@acme.example", true),
            agent("ac3e0000-0000-4000-8000-000000000003", "Anna Aalto", "anna.aalto@acme.example", false),
        ],
    },
    Organization {
        id: "610be000-0000-4000-8000-000000000000",
        name: "Globex",
        agents: [
            agent("610be000-0000-4000-8000-000000000001", "Gia Greco", "gia.greco@globex.example", true),
            agent("610be000-0000-4000-8000-000000000002", "Günther Grau", "guenther.grau@globex.example", true),
            agent("610be000-0000-4000-8000-000000000003", "Gus Grant", "gus.grant@globex.example", false),
        ],
    },
    Organization {
        id: "1217ec00-0000-4000-8000-000000000000",
        name: "Initech",
        agents: [
            agent("1217ec00-0000-4000-8000-000000000001", "Ivy Ito", "ivy.ito@initech.example", true),
            agent("1217ec00-0000-4000-8000-000000000002", "Ian Ives", "ian.ives@initech.example", true),
            agent("1217ec00-0000-4000-8000-000000000003", "Ines Iversen", "ines.iversen@initech.example", false),
        ],
    },
    Organization {
        id: "90127400-0000-4000-8000-000000000000",
        name: "Northwind Apps",
        agents: [
            agent("90127400-0000-4000-8000-000000000001", "Nia Novak", "nia.novak@northwind-apps.example", true),
            agent("90127400-0000-4000-8000-000000000002", "Noah Nash", "noah.nash@northwind-apps.example", true),
            agent("90127400-0000-4000-8000-000000000003", "Nell Norton", "nell.norton@northwind-apps.example", false),
        ],
    },
];

/// The vendor of the Premium App. The OAuth client lives here and not with the customer, so `OAuthClient.organization`
/// is a false answer to "whose token is it".
pub(crate) static PARTNER: &Organization = {
    let [_, _, _, partner] = &ORGANIZATIONS;
    partner
};

impl Organization {
    pub(crate) fn find(id: &str) -> Option<&'static Self> {
        ORGANIZATIONS.iter().find(|organization| organization.id == id)
    }

    /// The display name, or the short one.
    pub(crate) fn by_name(name: &str) -> Option<&'static Self> {
        ORGANIZATIONS
            .iter()
            .find(|organization| [organization.name, &organization.short_name()].iter().any(|own| own.eq_ignore_ascii_case(name)))
    }

    pub(crate) fn short_name(&self) -> String {
        self.name.to_ascii_lowercase().replace(' ', "-")
    }

    pub(crate) fn agent(&self, id: &str) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.id == id)
    }

    /// The user for whom tokens are issued.
    pub(crate) fn first_agent(&self) -> &Agent {
        let [first, ..] = &self.agents;
        first
    }

    pub(crate) fn of_agent(id: &str) -> Option<(&'static Self, &'static Agent)> {
        ORGANIZATIONS.iter().find_map(|organization| Some((organization, organization.agent(id)?)))
    }
}

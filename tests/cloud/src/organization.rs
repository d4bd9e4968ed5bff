//! Who may exist: organizations and their agents, with ids that never change.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

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
    /// Three in each of [`ORGANIZATIONS`], of whom the last is logged out.
    pub agents: &'static [Agent],
}

const fn agent(id: &'static str, name: &'static str, email: &'static str, logged_in: bool) -> Agent {
    Agent { id, name, email, logged_in }
}

/// The organizations of every cloud. A control makes further ones.
pub static ORGANIZATIONS: [Organization; 4] = [
    Organization {
        id: "ac3e0000-0000-4000-8000-000000000000",
        name: "Acme",
        agents: &[
            agent("ac3e0000-0000-4000-8000-000000000001", "Ada Alvarez", "ada.alvarez@acme.example", true),
            agent("ac3e0000-0000-4000-8000-000000000002", "Adil Anand", "adil.anand@acme.example", true),
            agent("ac3e0000-0000-4000-8000-000000000003", "Anna Aalto", "anna.aalto@acme.example", false),
        ],
    },
    Organization {
        id: "610be000-0000-4000-8000-000000000000",
        name: "Globex",
        agents: &[
            agent("610be000-0000-4000-8000-000000000001", "Gia Greco", "gia.greco@globex.example", true),
            agent("610be000-0000-4000-8000-000000000002", "Günther Grau", "guenther.grau@globex.example", true),
            agent("610be000-0000-4000-8000-000000000003", "Gus Grant", "gus.grant@globex.example", false),
        ],
    },
    Organization {
        id: "1217ec00-0000-4000-8000-000000000000",
        name: "Initech",
        agents: &[
            agent("1217ec00-0000-4000-8000-000000000001", "Ivy Ito", "ivy.ito@initech.example", true),
            agent("1217ec00-0000-4000-8000-000000000002", "Ian Ives", "ian.ives@initech.example", true),
            agent("1217ec00-0000-4000-8000-000000000003", "Ines Iversen", "ines.iversen@initech.example", false),
        ],
    },
    Organization {
        id: "90127400-0000-4000-8000-000000000000",
        name: "Northwind Apps",
        agents: &[
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

/// By number, and by how many agents there are. Whatever is once made is never dropped, and is there again after a reset.
static FURTHER: Mutex<BTreeMap<(usize, usize), &'static Organization>> = Mutex::new(BTreeMap::new());

impl Organization {
    /// The same for the same numbers, whichever cloud asks.
    pub(crate) fn further(number: usize, agents: usize) -> &'static Self {
        let mut further = FURTHER.lock().unwrap_or_else(PoisonError::into_inner);
        further.entry((number, agents)).or_insert_with(|| Box::leak(Box::new(Self::numbered(number, agents))))
    }

    /// Every digit of an id is a decimal one, so that it can be read.
    fn numbered(number: usize, agents: usize) -> Self {
        let id = |agent: usize| format!("{number:08}-0000-4000-8000-{agent:012}").leak();
        let agents: Vec<_> = (1..=agents)
            .map(|agent| Agent {
                id: id(agent),
                name: format!("Agent {agent}").leak(),
                email: format!("agent-{agent}@organization-{number}.example").leak(),
                logged_in: true,
            })
            .collect();
        Self { id: id(0), name: format!("Organization {number}").leak(), agents: agents.leak() }
    }

    /// The id of the client that the organization has for its own backend.
    pub(crate) fn client_id(&self) -> String {
        format!("{}c11e", self.id.strip_suffix("0000").unwrap_or(self.id))
    }

    pub(crate) fn short_name(&self) -> String {
        self.name.to_ascii_lowercase().replace(' ', "-")
    }
}

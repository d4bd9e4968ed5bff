//! Who signs in: an agent, at home in one organization, and perhaps trusted by others.

use crate::{
    organization::{Agent, ORGANIZATIONS, Organization},
    trust::Trust,
};

#[derive(Clone, Copy)]
pub(crate) struct User {
    pub(crate) agent: &'static Agent,
    pub(crate) home: &'static Organization,
}

impl User {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        ORGANIZATIONS.iter().flat_map(|home| home.agents.iter().map(move |agent| Self { agent, home }))
    }

    pub(crate) fn find(id: &str) -> Option<Self> {
        Self::all().find(|user| user.agent.id == id)
    }

    /// The one for whom a token is issued where nobody signs in.
    pub(crate) fn first_of(home: &'static Organization) -> Self {
        Self { agent: home.first_agent(), home }
    }

    pub(crate) fn by_email(email: &str) -> Option<Self> {
        Self::all().find(|user| user.agent.email.eq_ignore_ascii_case(email))
    }

    pub(crate) fn trusts(self) -> impl Iterator<Item = &'static Trust> {
        Trust::in_users_of(self.home)
    }

    /// The own one first.
    pub(crate) fn organizations(self) -> impl Iterator<Item = &'static Organization> {
        std::iter::once(self.home).chain(self.trusts().filter(|trust| trust.enabled).map(|trust| trust.trustor))
    }

    pub(crate) fn may_work_in(self, organization: &Organization) -> bool {
        self.organizations().any(|own| own.id == organization.id)
    }

    pub(crate) fn label(self) -> String {
        format!("{} ({})", self.agent.name, self.home.name)
    }
}

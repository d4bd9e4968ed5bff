//! Who signs in: an agent, at home in one organization, and perhaps trusted by others.

use crate::{
    organization::{Agent, Organization},
    trust::Trust,
};

#[derive(Clone, Copy)]
pub(crate) struct User {
    pub(crate) agent: &'static Agent,
    pub(crate) home: &'static Organization,
}

impl User {
    pub(crate) fn all_of(home: &'static Organization) -> impl Iterator<Item = Self> {
        home.agents.iter().map(move |agent| Self { agent, home })
    }

    /// The one for whom a token is issued where nobody signs in.
    pub(crate) fn first_of(home: &'static Organization) -> Option<Self> {
        Self::all_of(home).next()
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

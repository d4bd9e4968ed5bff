//! Who exists in this cloud: the organizations of every cloud, and what further ones a test has made.

use std::collections::HashMap;

use serde::Deserialize;

use crate::{
    organization::{ORGANIZATIONS, Organization},
    refusal::Refusal,
    user::User,
};

const MOST_ORGANIZATIONS: usize = 50;
const MOST_AGENTS: usize = 2000;

pub(crate) struct Directory {
    organizations: Vec<&'static Organization>,
    by_id: HashMap<&'static str, User>,
    /// In lower case.
    by_email: HashMap<&'static str, User>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    count: usize,
    agents: usize,
}

impl Order {
    fn judge(&self) -> Result<(), Refusal> {
        for (name, number, most) in [("count", self.count, MOST_ORGANIZATIONS), ("agents", self.agents, MOST_AGENTS)] {
            if !(1..=most).contains(&number) {
                return Err(Refusal::bad_request(format!("{name} must be between 1 and {most}.")));
            }
        }
        Ok(())
    }
}

impl Default for Directory {
    fn default() -> Self {
        let mut directory = Self { organizations: Vec::new(), by_id: HashMap::new(), by_email: HashMap::new() };
        ORGANIZATIONS.iter().for_each(|organization| directory.enter(organization));
        directory
    }
}

impl Directory {
    fn enter(&mut self, organization: &'static Organization) {
        self.organizations.push(organization);
        for user in User::all_of(organization) {
            self.by_id.insert(user.agent.id, user);
            self.by_email.insert(user.agent.email, user);
        }
    }

    /// Further organizations, numbered on from those that there are.
    pub(crate) fn add(&mut self, order: &Order) -> Result<Vec<&'static Organization>, Refusal> {
        order.judge()?;
        let last = self.organizations.len() - ORGANIZATIONS.len();
        let added: Vec<_> = (1..=order.count).map(|place| Organization::further(last + place, order.agents)).collect();
        added.iter().for_each(|organization| self.enter(organization));
        Ok(added)
    }

    pub(crate) fn organizations(&self) -> Vec<&'static Organization> {
        self.organizations.clone()
    }

    pub(crate) fn organization(&self, id: &str) -> Option<&'static Organization> {
        self.organizations.iter().find(|organization| organization.id == id).copied()
    }

    /// The display name, or the short one.
    pub(crate) fn organization_by_name(&self, name: &str) -> Option<&'static Organization> {
        let is_named =
            |organization: &Organization| [organization.name, &organization.short_name()].iter().any(|own| own.eq_ignore_ascii_case(name));
        self.organizations.iter().find(|organization| is_named(organization)).copied()
    }

    pub(crate) fn user(&self, id: &str) -> Option<User> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn user_by_email(&self, email: &str) -> Option<User> {
        self.by_email.get(email.to_ascii_lowercase().as_str()).copied()
    }

    /// Everybody of the organizations of every cloud; of the further ones, who may be thousands, only those of `named`.
    pub(crate) fn users_around(&self, named: &[Option<&'static Organization>]) -> Vec<User> {
        let (known, further) = self.organizations.split_at(ORGANIZATIONS.len());
        let is_named = |organization: &Organization| named.iter().flatten().any(|named| named.id == organization.id);
        let around = known.iter().chain(further.iter().filter(|organization| is_named(organization)));
        around.flat_map(|organization| User::all_of(organization)).collect()
    }
}

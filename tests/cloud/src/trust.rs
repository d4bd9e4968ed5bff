//! Which organization lets the users of which other one work in it.

use crate::organization::{ORGANIZATIONS, Organization, PARTNER};

pub(crate) struct Trust {
    pub(crate) trustor: &'static Organization,
    trustee: &'static Organization,
    /// Off, it cuts off every user of the trustee.
    pub(crate) enabled: bool,
}

static TRUSTS: [Trust; 3] = {
    let [acme, globex, initech, _] = &ORGANIZATIONS;
    [
        Trust { trustor: acme, trustee: PARTNER, enabled: true },
        Trust { trustor: globex, trustee: PARTNER, enabled: true },
        Trust { trustor: initech, trustee: PARTNER, enabled: false },
    ]
};

impl Trust {
    pub(crate) fn in_users_of(trustee: &'static Organization) -> impl Iterator<Item = &'static Self> {
        TRUSTS.iter().filter(move |trust| trust.trustee.id == trustee.id)
    }
}

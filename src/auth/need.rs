//! The token that an acquisition needs.

use std::fmt;
use std::rc::Rc;

use crate::cloud::event::NeedReason;
use crate::model::environment::{Environment, Target};
use crate::model::ids::OrgId;

/// The token that an acquisition needs.
#[derive(Clone, Debug)]
pub struct Need {
    /// The environment that the token must be of.
    pub environment: Rc<Environment>,
    /// The organization that the token must be of. `None` if nobody named one: the token that a source gives decides.
    pub org: Option<OrgId>,
    /// Why the token is needed.
    pub reason: NeedReason,
}

impl Need {
    /// A token of this target.
    pub(crate) fn of(target: &Target) -> Need {
        Need { environment: target.environment.clone(), org: Some(target.org.clone()), reason: NeedReason::Missing }
    }

    /// A token of whichever organization a source gives.
    pub(crate) fn of_any_org(environment: Rc<Environment>) -> Need {
        Need { environment, org: None, reason: NeedReason::Missing }
    }

    /// The organization and environment, if somebody named the organization.
    pub(super) fn target(&self) -> Option<Target> {
        Some(Target { environment: self.environment.clone(), org: self.org.clone()? })
    }
}

/// The end of a message about it: names the organization, if there is one.
impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.org {
            Some(org) => write!(f, " for organization {org}"),
            None => Ok(()),
        }
    }
}

//! The launch URL's parameters. All of them are hints: `orgId` names the target, and never decides a token's owner.

use std::rc::Rc;

use crate::model::argument::org_id;
use crate::model::environment::{Environment, Environments};
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;

/// The parameters that Genesys Cloud fills in when it loads a Premium App, with their names in [`LaunchContext`].
/// Genesys Cloud has no placeholder for `orgId`: the vendor writes `orgId` into the URL of each installed instance.
const PARAMETERS: [(&str, &str); 12] = [
    ("gcHostOrigin", "hostOrigin"),
    ("gcTargetEnv", "targetEnv"),
    ("pcEnvironment", "pcEnvironment"),
    ("orgId", "orgId"),
    ("gcLangTag", "langTag"),
    ("pcLangTag", "langTag"),
    ("gcConversationId", "conversationId"),
    ("pcConversationId", "conversationId"),
    ("gcInteractionId", "interactionId"),
    ("gcInteractionType", "interactionType"),
    ("gcWorkitemId", "workitemId"),
    ("pcUsePopupAuth", "usePopupAuth"),
];

/// The values of the launch URL's parameters.
#[derive(Clone, Debug, Default)]
pub struct LaunchContext {
    values: Vec<(&'static str, String)>,
}

impl LaunchContext {
    /// Reads the query's decoded pairs. A placeholder that the host did not replace counts as absent.
    pub fn from_query(pairs: &[(String, String)]) -> Result<LaunchContext, Error> {
        let mut launch = LaunchContext::default();
        for (parameter, name) in PARAMETERS {
            let mut values = pairs.iter().filter(|(key, _)| key == parameter).map(|(_, value)| value);
            let Some(value) = values.next() else { continue };
            if values.any(|other| other != value) {
                return Err(Error::new(Code::BadArgument, format!("The launch URL gives {parameter} twice, differently.")));
            }
            let is_placeholder = value.starts_with("{{") && value.ends_with("}}");
            if !value.is_empty() && !is_placeholder && launch.get(name).is_none() {
                launch.values.push((name, value.clone()));
            }
        }
        Ok(launch)
    }

    /// The value with this name, for example `conversationId`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
    }

    /// Every value in the launch URL, with its name.
    pub fn values(&self) -> &[(&'static str, String)] {
        &self.values
    }

    /// The organization that the launch URL names. `orgId` is checked only here: an app may use the name for something else.
    pub fn org(&self) -> Result<Option<OrgId>, Error> {
        self.get("orgId").map(|text| org_id("The launch URL's orgId", text)).transpose()
    }

    /// The environment that the launch URL names. There is no default: a token must not be sent to an environment by accident.
    pub fn environment(&self, environments: &Environments) -> Result<Rc<Environment>, Error> {
        let by_host = match (self.get("hostOrigin"), self.get("targetEnv")) {
            (Some(host_origin), Some(target)) => Some(environments.of_host(host_origin, target)?),
            (None, None) => None,
            _ => return Err(unknown("The launch URL has only one of gcHostOrigin and gcTargetEnv.")),
        };
        let by_domain = self.get("pcEnvironment").map(|domain| environments.of_domain(domain)).transpose()?;
        match (by_host, by_domain) {
            (Some(host), Some(domain)) if host != domain => {
                Err(unknown("The launch URL's pcEnvironment is another environment than its gcTargetEnv."))
            }
            (Some(environment), _) | (None, Some(environment)) => Ok(environment),
            (None, None) => Err(unknown("The launch URL names no environment.")),
        }
    }
}

fn unknown(message: &str) -> Error {
    Error::new(Code::UnknownEnvironment, message)
}

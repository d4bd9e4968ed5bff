//! The launch URL's parameters. All of them are hints: `orgId` names the target, and never decides a token's owner.

use std::rc::Rc;

use crate::model::argument::{bad, org_id};
use crate::model::environment::{Environment, Environments, is_region_domain};
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::model::search::contains;

/// A launch parameter.
struct Parameter {
    /// Its name in [`LaunchContext`].
    name: &'static str,
    /// The names of Genesys' documentation.
    official: &'static [&'static str],
    /// The names in Genesys' own samples.
    aliases: &'static [&'static str],
}

const fn parameter(name: &'static str, official: &'static [&'static str], aliases: &'static [&'static str]) -> Parameter {
    Parameter { name, official, aliases }
}

/// The parameters that Genesys Cloud fills in when it loads a Premium App. Aliases are from Genesys' `purecloud-premium-app` and the
/// examples of its Client App SDK. Genesys Cloud has no placeholder for `orgId`: the vendor writes `orgId` into the URL of each
/// installed instance.
const PARAMETERS: [Parameter; 10] = [
    parameter("hostOrigin", &["gcHostOrigin"], &["hostOrigin"]),
    parameter("targetEnv", &["gcTargetEnv"], &["targetEnv"]),
    parameter("pcEnvironment", &["pcEnvironment"], &["environment"]),
    parameter("orgId", &["orgId"], &[]),
    parameter("langTag", &["gcLangTag", "pcLangTag"], &["langTag"]),
    parameter("conversationId", &["gcConversationId", "pcConversationId"], &["conversationId", "conversationid"]),
    parameter("interactionId", &["gcInteractionId"], &[]),
    parameter("interactionType", &["gcInteractionType"], &[]),
    parameter("workitemId", &["gcWorkitemId"], &[]),
    parameter("usePopupAuth", &["pcUsePopupAuth", "gcUsePopupAuth"], &["usePopupAuth"]),
];

/// What the option `launchParams` calls the parameter that has this name in [`LaunchContext`].
fn option_name(name: &str) -> &str {
    if name == "pcEnvironment" { "environment" } else { name }
}

/// The parameters of an app whose launch URL has names of its own, from the option `launchParams`.
#[derive(Clone, Debug, Default)]
pub struct LaunchParams(Vec<(String, String)>);

impl LaunchParams {
    /// The keys of `launchParams`.
    pub const KEYS: [&str; 6] = ["hostOrigin", "targetEnv", "environment", "orgId", "langTag", "conversationId"];

    /// Checks the pairs of key and parameter: a parameter has one meaning.
    pub fn new(pairs: Vec<(String, String)>) -> Result<LaunchParams, Error> {
        if pairs.is_empty() { Ok(LaunchParams::default()) } else { LaunchParams::checked(pairs) }
    }

    /// Apart, so that a browser compiles it only for apps with parameters of their own.
    #[inline(never)]
    fn checked(pairs: Vec<(String, String)>) -> Result<LaunchParams, Error> {
        for (at, (key, own)) in pairs.iter().enumerate() {
            let is_official = |parameter: &Parameter| option_name(parameter.name) != key && parameter.official.contains(&own.as_str());
            let is_taken = pairs.iter().take(at).any(|(_, other)| other == own) || PARAMETERS.iter().any(is_official);
            if own.is_empty() || is_taken {
                return Err(bad(format!("launchParams.{key}: the parameter \"{own}\" is empty or has another meaning.")));
            }
        }
        Ok(LaunchParams(pairs))
    }

    fn own(&self, parameter: &Parameter) -> Option<&str> {
        let key = option_name(parameter.name);
        self.0.iter().find(|(other, _)| other == key).map(|(_, own)| own.as_str())
    }

    /// Whether the app has given this parameter to something else.
    fn has_taken(&self, alias: &str) -> bool {
        self.0.iter().any(|(_, own)| own == alias)
    }
}

/// The values of the launch URL's parameters.
#[derive(Clone, Debug, Default)]
pub struct LaunchContext {
    values: Vec<(&'static str, String)>,
    /// `{{gcTargetEnv}}` or `{{pcEnvironment}}`, if the host did not replace it.
    placeholder: Option<String>,
}

/// The hint if the host did not replace a placeholder.
const NOT_REPLACED: &str = "Open the app in Genesys Cloud, which replaces placeholders. To test in a tab, write the values into the URL, or set `environment` in connect().";

impl LaunchContext {
    /// Reads the query's decoded pairs. A placeholder that the host did not replace counts as absent. Fails if two parameters give
    /// one thing differently.
    pub fn from_query(pairs: &[(String, String)], params: &LaunchParams) -> Result<LaunchContext, Error> {
        let mut launch = LaunchContext::default();
        for parameter in &PARAMETERS {
            for name in parameter.official {
                launch.read(parameter, name, pairs)?;
            }
            if let Some(own) = params.own(parameter) {
                launch.read(parameter, own, pairs)?;
                continue;
            }
            for alias in parameter.aliases {
                // An app may use this name for something else.
                let is_other = *alias == "environment" && !value_of(pairs, alias)?.is_some_and(is_region_domain);
                if !is_other && !params.has_taken(alias) {
                    launch.read(parameter, alias, pairs)?;
                }
            }
        }
        // The others may stay in a page that Genesys Cloud did open.
        let names_environment = |value: &str| is_placeholder(value) && contains(value.as_bytes(), b"Env");
        launch.placeholder = pairs.iter().find(|(_, value)| names_environment(value)).map(|(_, value)| value.clone());
        Ok(launch)
    }

    /// Takes the parameter's value from `name` in the query.
    fn read(&mut self, parameter: &Parameter, name: &str, pairs: &[(String, String)]) -> Result<(), Error> {
        let Some(value) = value_of(pairs, name)? else { return Ok(()) };
        match self.get(parameter.name) {
            Some(other) if !other.eq_ignore_ascii_case(value) => {
                let parameter = parameter.name;
                return Err(bad(format!("The launch URL has different values for {parameter}; one of them is in {name}.")));
            }
            Some(_) => {}
            None => self.values.push((parameter.name, value.to_owned())),
        }
        Ok(())
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
            _ => return Err(self.unknown("The launch URL has only one of gcHostOrigin and gcTargetEnv.")),
        };
        let by_domain = self.get("pcEnvironment").map(|domain| environments.of_domain(domain)).transpose()?;
        match (by_host, by_domain) {
            (Some(host), Some(domain)) if host != domain => {
                Err(self.unknown("The launch URL's pcEnvironment and gcTargetEnv contradict each other."))
            }
            (Some(environment), _) | (None, Some(environment)) => Ok(environment),
            (None, None) => Err(self.unknown("The launch URL has no environment.")),
        }
    }

    fn unknown(&self, message: &str) -> Error {
        match &self.placeholder {
            Some(placeholder) => {
                Error::new(Code::UnknownEnvironment, format!("The launch URL still has {placeholder}.")).with_hint(NOT_REPLACED)
            }
            None => Error::new(Code::UnknownEnvironment, message),
        }
    }
}

/// The parameter's value in the query. A placeholder that the host did not replace counts as absent.
fn value_of<'a>(pairs: &'a [(String, String)], parameter: &str) -> Result<Option<&'a str>, Error> {
    let mut found = None;
    for (key, value) in pairs {
        if key != parameter {
            continue;
        }
        if found.is_some_and(|other| other != value) {
            return Err(bad(format!("The launch URL has two values for {parameter}.")));
        }
        found = Some(value);
    }
    Ok(found.map(String::as_str).filter(|value| !value.is_empty() && !is_placeholder(value)))
}

fn is_placeholder(value: &str) -> bool {
    value.starts_with("{{") && value.ends_with("}}")
}

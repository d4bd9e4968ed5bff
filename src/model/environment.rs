//! Genesys Cloud environments: their names, and the only origins that their tokens may be sent to.

use std::fmt;
use std::rc::Rc;

use crate::model::digits::number;
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;

/// An origin as the URL standard serializes it: in lower case, without a default port, without a path.
///
/// Only a string that a URL parser leaves unchanged can become an `Origin`, so comparing strings compares origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    fn parse(text: &str) -> Result<Origin, Error> {
        let origin = Origin(text.to_owned());
        let is_https = text.starts_with("https://");
        if !is_authority(origin.authority(), if is_https { b"443" } else { b"80" }) {
            let message =
                format!("\"{text}\" is not an origin: write it as https://host or https://host:port, in lower case, with nothing after.");
            return Err(Error::new(Code::BadArgument, message));
        }
        if !is_https && !origin.is_loopback() {
            return Err(Error::new(Code::InsecureOrigin, format!("\"{text}\" is not https.")));
        }
        Ok(origin)
    }

    /// Host and port.
    fn authority(&self) -> &str {
        self.0.strip_prefix("https://").or_else(|| self.0.strip_prefix("http://")).unwrap_or_default()
    }

    /// Whether the host is this machine.
    fn is_loopback(&self) -> bool {
        let (host, _) = split_authority(self.authority());
        host == b"localhost" || host == b"127.0.0.1"
    }

    /// The origin as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Host and port, as bytes: the standard library's functions for text would add much code.
fn split_authority(authority: &str) -> (&[u8], Option<&[u8]>) {
    let bytes = authority.as_bytes();
    let colon = bytes.iter().position(|byte| *byte == b':').unwrap_or(bytes.len());
    (bytes.get(..colon).unwrap_or_default(), bytes.get(colon + 1..))
}

fn is_authority(authority: &str, default_port: &[u8]) -> bool {
    let (host, port) = split_authority(authority);
    is_host(host) && port.is_none_or(|port| is_number(port, u16::MAX) && port != b"0" && port != default_port)
}

/// Whether these are the digits of a number up to `max`, without zeros before it.
fn is_number(digits: &[u8], max: u16) -> bool {
    (digits == b"0" || !digits.starts_with(b"0")) && number(digits).is_some_and(|number| number <= max.into())
}

/// Whether a URL parser leaves this host unchanged: lowercase labels, or a plain IPv4 address.
fn is_host(host: &[u8]) -> bool {
    let (mut labels, mut bytes, mut reads_as_number) = (0, 0, false);
    for label in host.split(|byte| *byte == b'.') {
        if !is_label(label) {
            return false;
        }
        labels += 1;
        bytes += i32::from(is_number(label, u8::MAX.into()));
        // If the last label begins with a digit, a parser may read the host as an IPv4 address.
        reads_as_number = label.first().is_some_and(u8::is_ascii_digit);
    }
    host.len() <= 253 && (!reads_as_number || (labels == 4 && bytes == 4))
}

/// `xn--` labels are refused: without a Punycode decoder we cannot tell whether a parser accepts them.
fn is_label(label: &[u8]) -> bool {
    label.len() <= 63
        && !matches!(label, [] | [b'-', ..] | [.., b'-'] | [b'x', b'n', b'-', b'-', ..])
        && label.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// An environment that the app lists in `environments`: a private cloud, or a server on this machine.
#[derive(Clone, Debug, Default)]
pub struct EnvironmentEntry {
    /// The name that `gcTargetEnv` and the `environment` option may use.
    pub name: String,
    /// Origin of the Platform API.
    pub api: String,
    /// Origin of the OAuth endpoints.
    pub login: String,
    /// Origin of the page that embeds the app (`gcHostOrigin`).
    pub apps: String,
    /// The login origin's issuer identifier (RFC 9207), if it does not have one of these origins.
    pub issuer: Option<String>,
}

/// A Genesys Cloud region, or an environment that the app lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    name: String,
    api: Origin,
    login: Origin,
    apps: Origin,
    issuer: Option<String>,
}

impl Environment {
    /// The environment's name, as in `gcTargetEnv`. If Genesys publishes no name for the region, the region's domain.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Origin of the Platform API.
    pub fn api(&self) -> &Origin {
        &self.api
    }

    /// Origin of the OAuth endpoints.
    pub fn login(&self) -> &Origin {
        &self.login
    }

    /// Origin of the page that embeds the app.
    pub fn apps(&self) -> &Origin {
        &self.apps
    }

    /// Whether the login origin may name this issuer (RFC 9207): the listed one, or else one with an origin of the environment.
    pub fn has_issuer(&self, issuer: &str) -> bool {
        let is_on = |origin: &&Origin| issuer.strip_prefix(origin.as_str()).is_some_and(|path| path.is_empty() || path.starts_with('/'));
        match &self.issuer {
            Some(listed) => listed == issuer,
            None => [&self.login, &self.api, &self.apps].iter().any(is_on),
        }
    }

    /// Whether every origin is this machine.
    fn is_loopback(&self) -> bool {
        [&self.api, &self.login, &self.apps].iter().all(|origin| origin.is_loopback())
    }

    fn from_region(region: &Region) -> Rc<Environment> {
        let origin = |service: &str| Origin("https://".to_owned() + service + "." + region.domain);
        Rc::new(Environment {
            name: region.environment.unwrap_or(region.domain).to_owned(),
            api: origin("api"),
            login: origin("login"),
            apps: origin("apps"),
            issuer: None,
        })
    }
}

struct Region {
    aws_region: &'static str,
    domain: &'static str,
    environment: Option<&'static str>,
}

const fn region(aws_region: &'static str, domain: &'static str, environment: &'static str) -> Region {
    Region { aws_region, domain, environment: Some(environment) }
}

/// Domains are from `PureCloudRegionHosts` in Genesys' platform client 262.0.0, names from Genesys' service discovery 3.0.500.
const REGIONS: [Region; 18] = [
    region("us-east-1", "mypurecloud.com", "prod"),
    region("us-west-2", "usw2.pure.cloud", "prod-usw2"),
    region("us-east-2", "use2.us-gov-pure.cloud", "fedramp-use2-core"),
    region("ca-central-1", "cac1.pure.cloud", "prod-cac1"),
    region("sa-east-1", "sae1.pure.cloud", "prod-sae1"),
    region("mx-central-1", "mxc1.pure.cloud", "prod-mxc1"),
    region("eu-west-1", "mypurecloud.ie", "prod-euw1"),
    region("eu-west-2", "euw2.pure.cloud", "prod-euw2"),
    region("eu-central-1", "mypurecloud.de", "prod-euc1"),
    region("eu-central-2", "euc2.pure.cloud", "prod-euc2"),
    region("me-central-1", "mec1.pure.cloud", "prod-mec1"),
    region("ap-south-1", "aps1.pure.cloud", "prod-aps1"),
    region("ap-southeast-1", "apse1.pure.cloud", "prod-apse1"),
    region("ap-southeast-2", "mypurecloud.com.au", "prod-apse2"),
    region("ap-northeast-1", "mypurecloud.jp", "prod-apne1"),
    region("ap-northeast-2", "apne2.pure.cloud", "prod-apne2"),
    region("ap-northeast-3", "apne3.pure.cloud", "prod-apne3"),
    // The EU Sovereign region's environment name is not published.
    Region { aws_region: "eusc-de-east-1", domain: "edee1.eusc-pure.cloud", environment: None },
];

impl Region {
    fn is_called(&self, name: &str) -> bool {
        self.domain == name || self.aws_region == name || self.environment == Some(name)
    }
}

/// Whether this is a region's domain.
pub(crate) fn is_region_domain(domain: &str) -> bool {
    REGIONS.iter().any(|region| region.domain == domain)
}

/// The environments that the app may use: Genesys' regions, and the entries of `environments`.
#[derive(Clone, Debug, Default)]
pub struct Environments {
    listed: Vec<Rc<Environment>>,
}

impl Environments {
    /// Genesys' regions and these entries. Fails if a name is empty or taken, or if an origin is not allowed.
    pub fn with(entries: Vec<EnvironmentEntry>) -> Result<Environments, Error> {
        let mut environments = Environments::default();
        for entry in &entries {
            let environment = Environment {
                name: entry.name.clone(),
                api: Origin::parse(&entry.api)?,
                login: Origin::parse(&entry.login)?,
                apps: Origin::parse(&entry.apps)?,
                issuer: entry.issuer.clone(),
            };
            let name = environment.name();
            let is_listed = environments.listed.iter().any(|other| other.name() == name);
            // In development, the Client App SDK and this library need the same `gcTargetEnv`. A token stays on the machine.
            let is_taken = is_listed || (!environment.is_loopback() && REGIONS.iter().any(|region| region.is_called(name)));
            if name.is_empty() || is_taken {
                return Err(Error::new(Code::BadArgument, format!("environments: the name \"{name}\" is empty or taken.")));
            }
            environments.listed.push(Rc::new(environment));
        }
        Ok(environments)
    }

    /// The environment with this name: an entry's name, or a region's domain, environment name or AWS name.
    pub fn named(&self, name: &str) -> Result<Rc<Environment>, Error> {
        self.find(name).ok_or_else(|| Error::new(Code::UnknownEnvironment, format!("There is no environment \"{name}\".")))
    }

    /// The environment `target`, if `host_origin` is its apps origin.
    pub(crate) fn of_host(&self, host_origin: &str, target: &str) -> Result<Rc<Environment>, Error> {
        let environment = match self.find(target) {
            Some(environment) => environment,
            // Nobody can know the name of this region, so its apps origin decides.
            None => {
                let unnamed = REGIONS.iter().find(|region| region.environment.is_none()).map(Environment::from_region);
                let region = unnamed.filter(|region| region.apps.as_str() == host_origin);
                region.map_or_else(|| self.named(target), Ok)?
            }
        };
        if host_origin == environment.apps.as_str() {
            return Ok(environment);
        }
        if host_origin.starts_with("http://") && environment.apps.as_str().starts_with("https://") {
            return Err(Error::new(Code::InsecureOrigin, format!("gcHostOrigin \"{host_origin}\" is not https.")));
        }
        Err(Error::new(
            Code::UnknownEnvironment,
            format!("gcHostOrigin \"{host_origin}\" is not \"{}\", the apps origin of gcTargetEnv \"{target}\".", environment.apps),
        ))
    }

    /// The region with this domain. An entry of `environments` has no domain.
    pub(crate) fn of_domain(&self, domain: &str) -> Result<Rc<Environment>, Error> {
        let region = REGIONS.iter().find(|region| region.domain == domain);
        region
            .map(Environment::from_region)
            .ok_or_else(|| Error::new(Code::UnknownEnvironment, format!("There is no region \"{domain}\".")))
    }

    /// The environment with this name, if there is one.
    pub(crate) fn find(&self, name: &str) -> Option<Rc<Environment>> {
        let listed = self.listed.iter().find(|environment| environment.name == name).cloned();
        listed.or_else(|| REGIONS.iter().find(|region| region.is_called(name)).map(Environment::from_region))
    }
}

/// An organization in its environment. A token belongs to one target, and a call is for one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The organization. First, so that it is compared first.
    pub org: OrgId,
    /// The environment.
    pub environment: Rc<Environment>,
}

//! An organization's id, as `organization.id` of `GET /api/v2/tokens/me` gives it.

use std::fmt;
use std::rc::Rc;

use crate::error::{Code, Error};

/// The id of a Genesys Cloud organization: a UUID, kept in lower case.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrgId(Rc<str>);

impl OrgId {
    /// Reads a UUID (8-4-4-4-12 hexadecimal digits, either case).
    pub fn parse(text: &str) -> Option<OrgId> {
        let well_formed = text.len() == 36
            && text.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        well_formed.then(|| OrgId(text.to_ascii_lowercase().into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The organization id that was given as `name`.
pub fn org_id(name: &str, text: &str) -> Result<OrgId, Error> {
    OrgId::parse(text).ok_or_else(|| Error::new(Code::BadArgument, format!("{name} is not an organization id (a UUID).")))
}

//! What a test may change about the cloud as a whole.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    pub(crate) org_header_allowed_by_cors: bool,
    /// For each token; 0 switches the limit and its headers off.
    pub(crate) rate_limit_per_minute: u32,
    /// Off in a real organization until an administrator turns it on; on here, because a missing scope should show.
    pub(crate) enforce_scopes: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { org_header_allowed_by_cors: true, rate_limit_per_minute: 300, enforce_scopes: true }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Change {
    org_header_allowed_by_cors: Option<bool>,
    rate_limit_per_minute: Option<u32>,
    enforce_scopes: Option<bool>,
}

impl Settings {
    pub(crate) fn merge(&mut self, change: &Change) {
        if let Some(allowed) = change.org_header_allowed_by_cors {
            self.org_header_allowed_by_cors = allowed;
        }
        if let Some(limit) = change.rate_limit_per_minute {
            self.rate_limit_per_minute = limit;
        }
        if let Some(enforce) = change.enforce_scopes {
            self.enforce_scopes = enforce;
        }
    }
}

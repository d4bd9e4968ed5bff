//! Names of request headers that the app chooses.

/// Headers that the library sets itself, and headers that browsers silently drop: the Fetch standard's forbidden request-headers,
/// and `User-Agent`, which Chromium drops as well. A `*` stands for any ending.
const RESERVED: &str = "authorization user-agent accept-charset accept-encoding access-control-* connection content-length cookie* \
     date dnt expect host keep-alive origin proxy-* referer sec-* set-cookie* te trailer transfer-encoding upgrade via \
     x-http-method* x-method-override";

/// Whether this is a header name (RFC 9110 token) that the app may set.
pub(crate) fn may_be_set(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_reserved = RESERVED.split(' ').any(|reserved| match reserved.strip_suffix('*') {
        Some(beginning) => lower.starts_with(beginning),
        None => lower == reserved,
    });
    !is_reserved && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

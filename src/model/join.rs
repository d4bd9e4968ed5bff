//! Joins texts.

/// The texts with `between` between them. In the module, it is a fraction of the standard library's `join`.
pub(crate) fn joined(texts: &[impl AsRef<str>], between: &str) -> String {
    let mut length = 0;
    for text in texts {
        length += text.as_ref().len() + between.len();
    }
    // Never moved, because the texts may be secrets.
    let mut joined = String::with_capacity(length);
    for (at, text) in texts.iter().enumerate() {
        if at > 0 {
            joined.push_str(between);
        }
        joined.push_str(text.as_ref());
    }
    joined
}

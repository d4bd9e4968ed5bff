//! The page that uses the library.

/// The page at load.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Its origin.
    pub origin: String,
    /// Its address without query and fragment.
    pub address: String,
    /// The decoded pairs of its query.
    pub query: Vec<(String, String)>,
    /// Its fragment.
    pub fragment: String,
}

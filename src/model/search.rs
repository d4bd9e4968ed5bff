//! Searches a text for a needle, in linear time.

/// Whether the text contains the needle. An empty needle is in no text.
pub(crate) fn contains(text: &[u8], needle: &[u8]) -> bool {
    if text.len() < needle.len() {
        return false;
    }
    let search = Search::new(needle);
    let mut matched = 0;
    !needle.is_empty()
        && text.iter().any(|byte| {
            matched = search.step(matched, *byte);
            matched == needle.len()
        })
}

/// Knuth–Morris–Pratt: looks at each byte of the text once, whatever the needle. The standard library's string search compiles
/// to more code than the whole search for secrets.
pub(super) struct Search<'a> {
    pub(super) needle: &'a [u8],
    /// For each beginning of the needle: the length of the longest shorter beginning that it ends with.
    borders: Vec<usize>,
}

impl<'a> Search<'a> {
    pub(super) fn new(needle: &'a [u8]) -> Search<'a> {
        let mut search = Search { needle, borders: vec![0] };
        let mut border = 0;
        for byte in needle.iter().skip(1) {
            border = search.step(border, *byte);
            search.borders.push(border);
        }
        search
    }

    /// How much of the needle's beginning the text ends with, after one more byte.
    pub(super) fn step(&self, mut matched: usize, byte: u8) -> usize {
        while self.needle.get(matched) != Some(&byte) {
            match matched.checked_sub(1) {
                Some(last) => matched = self.borders.get(last).copied().unwrap_or_default(),
                None => return 0,
            }
        }
        matched + 1
    }
}

//! Errors, and their clones.

use premium_recorder::model::error::{Code, Error};

#[test]
fn a_change_to_a_clone_leaves_the_other_clones_as_they_are() {
    let error = Error::new(Code::Network, "No response.");
    let mut changed = error.clone();
    changed.code = Code::OutcomeUnknown;
    changed.message.push_str(" The request was sent.");
    changed.evidence.status = Some(504);
    assert_eq!((error.code, error.message.as_str(), error.evidence.status), (Code::Network, "No response.", None));
    assert_eq!((changed.code, changed.message.as_str()), (Code::OutcomeUnknown, "No response. The request was sent."));
    assert_eq!(changed.evidence.status, Some(504));
}

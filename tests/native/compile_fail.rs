//! Code that must not compile: a request that carries another organization's token.

#[test]
fn a_request_with_another_organizations_token_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

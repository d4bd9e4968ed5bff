//! What the documents say is what the source says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;

use premium_recorder::error::{Code, glossary};
use premium_recorder::settings::{Options, Settings};

fn read(path: &str) -> String {
    fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start:?}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end:?}")).0
}

/// `UPDATE_README=1 cargo test --test documents` writes the table anew.
#[test]
fn the_readme_has_the_table_of_codes() {
    let (start, end) = ("<!-- codes: generated from src/error.rs -->\n", "<!-- codes: end -->");
    let readme = read("README.md");
    let table = between(&readme, start, end);
    if std::env::var_os("UPDATE_README").is_some() {
        let updated = readme.replace(&format!("{start}{table}{end}"), &format!("{start}\n{}\n{end}", glossary()));
        fs::write(format!("{}/README.md", env!("CARGO_MANIFEST_DIR")), updated).unwrap();
        return;
    }
    assert_eq!(table.trim(), glossary().trim());
}

#[test]
fn the_types_list_every_code_and_no_other() {
    let types = read("src/js/index.d.ts");
    let union = between(&types, "export type ErrorCode =", ";");
    let listed: Vec<&str> = union.split('|').map(|code| code.trim().trim_matches('"')).filter(|code| !code.is_empty()).collect();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed, codes);
}

#[test]
fn a_code_is_screaming_and_says_what_to_do_in_one_sentence() {
    for code in Code::ALL {
        assert!(code.as_str().bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{code:?}");
        for text in [code.when(), code.hint()] {
            assert!(text.ends_with('.') && !text.contains('|') && !text.contains('\n'), "{code:?}: {text}");
        }
    }
}

#[test]
fn the_codes_that_arise_without_the_module_have_the_same_words() {
    let door = read("src/js/errors.js");
    for code in [Code::WasmBlocked, Code::WasmLoadFailed, Code::InitConflict, Code::Panicked, Code::BadArgument, Code::Timeout] {
        let made = between(&door, &format!("code: \"{}\"", code.as_str()), "});");
        assert!(made.contains(&format!("hint: {:?}", code.hint())), "{code:?}");
        assert!(made.contains(&format!("retryable: {}", code.retryable())), "{code:?}");
    }
}

#[test]
fn the_default_timeout_is_one() {
    let options = Options { environment: Some("prod".into()), ..Options::default() };
    let millis = Settings::decide(options, None, None).unwrap().timeout;
    assert!(read("src/js/time.js").replace('_', "").contains(&format!("DEFAULTTIMEOUT = {millis};")));
    assert!(read("src/js/index.d.ts").contains(&format!("at most 2147483647. Default: {millis}.")));
}

#[test]
fn the_version_is_one() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(read("package.json").contains(&format!("\"version\": \"{version}\"")));
    assert!(read("src/js/index.js").contains(&format!("export const version = \"{version}\";")));
}

//! The documents agree with the source.

use std::collections::BTreeSet;
use std::fs;

use crate::support::{ACME, AGENT, GLOBEX, NOW, World, json, jwt, no_options, pairs, response, run};
use premium_recorder::model::environment::Environments;
use premium_recorder::model::error::Code;
use premium_recorder::model::ids::AgentId;
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::doctor::Verdict;
use premium_recorder::recorder::page_state::PageState;
use premium_recorder::recorder::settings::{Options, Settings};

fn read(path: &str) -> String {
    fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start:?}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end:?}")).0
}

/// The generated tables: the document, the name that marks the table's place, and the table.
fn generated() -> [(&'static str, &'static str, String); 4] {
    [
        ("README.md", "bench: generated from benches/results/browser.md", benchmark()),
        ("docs/error-codes.md", "codes: generated from src/model/error.rs", glossary()),
        ("docs/regions.md", "regions: generated from src/model/environment.rs", regions()),
        ("docs/troubleshooting.md", "doctor: generated from tests/native/documents.rs", the_threads_report()),
    ]
}

/// `UPDATE_README=1 cargo test --test native documents` writes the tables into the documents.
#[test]
fn the_documents_contain_the_generated_tables() {
    let is_update = std::env::var_os("UPDATE_README").is_some();
    for (path, name, fresh) in generated() {
        let text = read(path);
        let kind = name.split(':').next().unwrap();
        let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- {kind}: end -->"));
        let table = between(&text, &start, &end);
        if is_update {
            let updated = text.replace(&format!("{start}{table}{end}"), &format!("{start}\n{fresh}\n{end}"));
            fs::write(format!("{}/{path}", env!("CARGO_MANIFEST_DIR")), updated).unwrap();
        } else {
            assert_eq!(table.trim(), fresh.trim(), "{path}: run this test with UPDATE_README=1");
        }
    }
}

/// The benchmark's main figures, without the quartiles.
fn benchmark() -> String {
    let report = read("benches/results/browser.md");
    let figure = |section: &str, candidate: &str, column: usize| {
        let section = report.split("\n## ").find(|text| text.starts_with(section)).unwrap();
        let row = section.lines().find(|line| line.starts_with(&format!("| {candidate} |"))).unwrap();
        row.split('|').nth(column + 1).unwrap().split('(').next().unwrap().trim().to_owned()
    };
    let mut table = String::from("| | Bytes (brotli) | Import to ready, ms | One POST, × bare `fetch` |\n| --- | ---: | ---: | ---: |\n");
    for (candidate, name) in [
        ("**premium-recorder**", "**premium-recorder**"),
        ("platform-client-v2 + client-app-sdk", "Genesys' platform client and Client App SDK"),
        ("auth0-spa-js", "auth0-spa-js"),
        ("msal-browser", "msal-browser"),
        ("bare `fetch`, Map of tokens", "bare `fetch`"),
    ] {
        table.push_str(&format!(
            "| {name} | {} | {} | {} |\n",
            figure("Bytes", candidate, 3),
            figure("Time from import to ready", candidate, 1),
            figure("An authenticated POST", candidate, 2)
        ));
    }
    table
}

/// The table of all codes.
fn glossary() -> String {
    let mut table = String::from("| Code | When | What to do | Fixed by | Retry |\n| --- | --- | --- | --- | --- |\n");
    for code in Code::ALL {
        table.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            code.as_str(),
            code.when(),
            code.hint(),
            code.fixed_by(),
            if code.retryable() { "yes" } else { "no" }
        ));
    }
    table
}

/// The table of all regions, and a policy that allows all of them. Every name in the source has to lead to the region.
fn regions() -> String {
    let source = read("src/model/environment.rs");
    let (count, rest) = between(&source, "const REGIONS: [Region; ", "];\n").split_once("] = [").unwrap();
    let known = Environments::default();
    let mut table =
        String::from("| AWS region | Domain | Environment name | API | Login | Apps |\n| --- | --- | --- | --- | --- | --- |\n");
    let (mut connect, mut frame) = (String::new(), String::new());
    let lines: Vec<&str> = rest.lines().filter(|line| line.contains('"')).collect();
    assert_eq!(lines.len(), count.parse::<usize>().unwrap());
    for line in lines {
        let names: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        let environment = known.named(names[0]).unwrap();
        assert!(names.iter().all(|name| known.named(name).unwrap() == environment), "{line}");
        let (api, login, apps) = (environment.api(), environment.login(), environment.apps());
        let name = names.get(2).map_or("not published".to_owned(), |name| format!("`{name}`"));
        table.push_str(&format!("| `{}` | `{}` | {name} | `{api}` | `{login}` | `{apps}` |\n", names[0], names[1]));
        connect.push_str(&format!(" {api} {login}"));
        frame.push_str(&format!(" {apps}"));
    }
    format!("{table}\nFor all regions:\n\n```\nconnect-src 'self'{connect};\nframe-ancestors{frame};\n```\n")
}

#[test]
fn the_readme_has_at_most_150_lines() {
    assert!(read("README.md").lines().count() <= 150);
}

#[test]
fn every_test_that_the_security_page_names_exists() {
    let page = read("docs/security.md");
    let pairs = page.split('`').skip(1).step_by(2).filter_map(|code| code.split_once(": "));
    let tests: Vec<(&str, &str)> = pairs.filter(|(_, name)| name.contains('_')).collect();
    assert!(tests.len() > 20, "{tests:?}");
    for (file, test) in tests {
        assert!(read(&format!("tests/native/{file}.rs")).contains(&format!("fn {test}(")), "{file}: {test}");
    }
    for file in page.split("`e2e/").skip(1).map(|rest| between(rest, "", "`")) {
        assert!(fs::exists(format!("{}/tests/e2e/{file}.test.mjs", env!("CARGO_MANIFEST_DIR"))).unwrap(), "{file}");
    }
}

/// The doctor's report for the forum thread that this project began with: Acme's token with the scope in the singular, an
/// agent of Globex, and the old header.
fn the_threads_report() -> String {
    let world = World::new();
    let of_acme = jwt(&format!(r#"{{"org_id":"{ACME}","exp":{},"scope":"screenrecording:write"}}"#, NOW / 1000 + 3600));
    world.respond(|request| {
        let info = format!(
            r#"{{"organization":{{"id":"{ACME}"}},"homeOrganization":{{"id":"{ACME}"}},"authorizedScope":["screenrecording:write"],"OAuthClient":{{"authorizedGrantType":"CODE"}}}}"#
        );
        if request.url.contains("/users/") { response(404, r#"{"code":"not.found"}"#) } else { response(200, &info) }
    });
    let launch = pairs(&[("gcHostOrigin", "https://apps.mypurecloud.ie"), ("gcTargetEnv", "prod-euw1"), ("orgId", GLOBEX)]);
    let options =
        Options { tokens: vec![of_acme.into()], contract: json(r#"{"orgHeaders":["x-gc-organization"]}"#).unwrap(), ..Options::default() };
    let settings = Settings::from_options(options, Some(&launch), None).unwrap();
    let report = run(async {
        let recorder = Recorder::connect(PageState::default(), world, settings, no_options()).await.unwrap();
        recorder.diagnose(Some(&AgentId::parse(AGENT).unwrap()), None, no_options()).await.unwrap()
    });
    let mut table = String::from("| check | verdict | found | expected | hint |\n| --- | --- | --- | --- | --- |\n");
    for line in report {
        let verdict = if line.verdict == Verdict::Fail { "**fail**" } else { line.verdict.as_str() };
        table.push_str(&format!("| {} | {verdict} | {} | {} | {} |\n", line.check, line.found, line.expected, line.hint));
    }
    let shortened = [(ACME, "⟨Acme⟩"), (GLOBEX, "⟨Globex⟩")];
    shortened.into_iter().fold(table, |table, (id, name)| table.replace(id, name))
}

#[test]
fn a_hint_names_what_looks_the_same_to_a_page() {
    for (code, causes) in [
        (Code::UnknownEnvironment, &["before any #"][..]),
        (Code::Network, &["connection", "redirect", "without CORS headers", "monitoring script"]),
        (Code::OutcomeUnknown, &["organization's header", "without CORS headers", "monitoring script"]),
        (Code::LoginBlocked, &["click", "sandbox", "Outside of an iframe"]),
        (Code::LoginCancelled, &["login page's", "this page's", "host's", "Outside of an iframe", "redirect URI"]),
        (Code::LoginTimeout, &["client id and redirect URI"]),
    ] {
        for cause in causes {
            assert!(code.hint().contains(cause), "{code:?}: {cause}");
        }
    }
}

#[test]
fn the_types_list_every_code_and_no_other() {
    let types = read("src/js/index.d.ts");
    let union = between(&types, "export type ErrorCode =", ";");
    let listed: Vec<&str> = union.split('|').map(|code| code.trim().trim_matches('"')).filter(|code| !code.is_empty()).collect();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed, codes);
}

/// The declarations are packed as dist/index.d.ts.
#[test]
fn the_types_link_to_pages_that_exist() {
    let types = read("src/js/index.d.ts");
    let links: Vec<&str> = types.split("](../").skip(1).map(|rest| between(rest, "", ")")).collect();
    assert!(links.len() > 5, "{links:?}");
    for link in links {
        read(link);
    }
}

#[test]
fn codes_are_upper_case_and_their_texts_are_one_line() {
    for code in Code::ALL {
        assert!(code.as_str().bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{code:?}");
        for text in [code.when(), code.hint()] {
            assert!(text.ends_with('.') && !text.contains('|') && !text.contains('\n'), "{code:?}: {text}");
        }
    }
}

#[test]
fn javascript_and_rust_have_the_same_hints() {
    let door = read("src/js/errors.js");
    for code in
        [Code::WasmBlocked, Code::WasmLoadFailed, Code::InitConflict, Code::Panicked, Code::BadArgument, Code::Timeout, Code::Closed]
    {
        let made = between(&door, &format!("code: \"{}\"", code.as_str()), "});");
        assert!(made.contains(&format!("hint: {:?}", code.hint())), "{code:?}");
        // Without it, an error is not retryable.
        assert_eq!(made.contains("retryable: true"), code.retryable(), "{code:?}");
    }
}

#[test]
fn javascript_and_rust_have_the_same_default_timeout() {
    let options = Options { environment: Some("prod".into()), ..Options::default() };
    let millis = Settings::from_options(options, None, None).unwrap().sources.timeout;
    assert!(read("src/js/limits.js").replace('_', "").contains(&format!("DEFAULTTIMEOUT = {millis};")));
    assert!(read("src/js/index.d.ts").contains(&format!("at most 2147483647. Default: {millis}.")));
}

#[test]
fn every_file_has_the_same_version() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(read("package.json").contains(&format!("\"version\": \"{version}\"")));
    assert!(read("src/js/index.js").contains(&format!("export const version = \"{version}\";")));
}

/// Appends the text of every test file except this one.
fn test_sources(folder: &std::path::Path, found: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_source = path.extension().is_some_and(|kind| kind == "rs" || kind == "mjs");
        if path.ends_with("node_modules") {
            continue;
        }
        if path.is_dir() {
            test_sources(&path, found);
        } else if is_source && !path.ends_with("documents.rs") {
            found.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn the_simulations_page_lists_every_invariant_and_no_other() {
    let mut sources = String::new();
    test_sources(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulation/src")), &mut sources);
    let named = |call: &str| Some(call.trim_start().strip_prefix('"')?.split_once('"')?.0.to_owned());
    let checked: BTreeSet<String> = sources.split("broken(").skip(1).filter_map(named).collect();
    let page = read("tests/simulation/README.md");
    let listed: BTreeSet<String> = page.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect();
    assert_eq!(checked, listed);
}

#[test]
fn every_code_is_expected_by_a_test() {
    let mut sources = String::new();
    test_sources(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests")), &mut sources);
    for code in Code::ALL {
        let is_expected = sources.contains(&format!("\"{}\"", code.as_str())) || sources.contains(&format!("Code::{code:?}"));
        assert!(is_expected, "{code:?}");
    }
}

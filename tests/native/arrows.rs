//! The direction of imports: which folder may use which, and no circles between files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of `src`. Each folder may use itself and the folders before it.
const FOLDERS: [&str; 8] = ["model", "token", "cloud", "auth", "client", "recording", "recorder", "web"];

/// A path to an item of this crate in the source: where it is written, and which item it names.
#[derive(Debug)]
struct Use {
    file: String,
    line: usize,
    text: String,
    folder: String,
    names: String,
}

/// The module of a file in `src`, for example `cloud::exchange`.
fn module(path: &Path) -> String {
    let path = path.strip_prefix("src").unwrap().with_extension("");
    let parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).filter(|part| *part != "mod").collect();
    parts.join("::")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every `crate::a::b` and `super::b` in the text of a file, including groups in braces, but not in comments.
fn uses(file: &str, text: &str) -> Vec<Use> {
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap()).collect();
    let code = code.join("\n");
    let parent = file.split_once("::").map_or(file, |(folder, _)| folder);
    let mut uses = Vec::new();
    for (prefix, inner) in [("crate::", String::new()), ("super::", format!("{parent}::"))] {
        for (at, _) in code.match_indices(prefix) {
            let line = code[..at].matches('\n').count();
            let rest = &code[at + prefix.len()..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
            let path = format!("{inner}{}", &rest[..end]);
            let group = rest[end..].strip_prefix('{').and_then(|group| group.split('}').next()).unwrap_or_default();
            for name in group.split(',').map(str::trim) {
                let names = format!("{path}{name}");
                let folder = names.split("::").next().unwrap().to_owned();
                let text = text.lines().nth(line).unwrap().trim().to_owned();
                uses.push(Use { file: file.to_owned(), line: line + 1, text, folder, names });
            }
        }
    }
    uses
}

fn all_uses() -> (BTreeSet<String>, Vec<Use>) {
    let paths = files(Path::new("src"));
    let modules: BTreeSet<String> = paths.iter().map(|path| module(path)).filter(|module| module != "lib").collect();
    let read = |path: &PathBuf| uses(&module(path), &fs::read_to_string(path).unwrap());
    (modules, paths.iter().filter(|path| module(path) != "lib").flat_map(read).collect())
}

fn floor(folder: &str) -> Option<usize> {
    FOLDERS.iter().position(|other| *other == folder)
}

#[test]
fn every_file_is_in_a_known_folder() {
    let (modules, _) = all_uses();
    for module in &modules {
        let folder = module.split("::").next().unwrap();
        assert!(floor(folder).is_some(), "src/{module}.rs is in no folder of FOLDERS");
    }
    assert!(modules.len() > 30, "the files of src were not found");
}

#[test]
fn a_folder_uses_only_the_folders_below_it() {
    let (_, uses) = all_uses();
    let up = |one: &&Use| match (floor(one.file.split("::").next().unwrap()), floor(&one.folder)) {
        (Some(from), Some(to)) => to > from,
        _ => true,
    };
    let wrong: Vec<String> = uses.iter().filter(up).map(|one| format!("{}:{}: {}", one.file, one.line, one.text)).collect();
    assert!(wrong.is_empty(), "these imports go up:\n{}", wrong.join("\n"));
}

#[test]
fn no_imports_are_circular() {
    let (modules, uses) = all_uses();
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in &uses {
        // The longest module name that the path begins with.
        let to = modules
            .iter()
            .filter(|module| one.names == **module || one.names.starts_with(&format!("{module}::")))
            .max_by_key(|module| module.len());
        if let Some(to) = to.filter(|to| **to != one.file) {
            arrows.entry(&one.file).or_default().insert(to);
        }
    }
    // Remove every file that uses none of the remaining files, until nothing changes. The files that remain form a circle, or
    // use one.
    let mut left: BTreeSet<&str> = modules.iter().map(String::as_str).collect();
    loop {
        let free: Vec<&str> = left.iter().copied().filter(|file| arrows.get(file).is_none_or(|to| to.is_disjoint(&left))).collect();
        if free.is_empty() {
            break;
        }
        free.iter().for_each(|file| {
            left.remove(file);
        });
    }
    let circle: Vec<String> =
        left.iter().map(|file| format!("{file} -> {}", arrows[file].intersection(&left).copied().collect::<Vec<_>>().join(", "))).collect();
    assert!(circle.is_empty(), "these files import each other in a circle, or import such a file:\n{}", circle.join("\n"));
}

#[test]
fn an_upward_import_is_detected() {
    let found = uses("cloud::exchange", "use crate::auth::{keyring, login::Login};\n// use crate::web::x;\nlet x = super::ports::Timer;");
    let names: Vec<(usize, &str)> = found.iter().map(|one| (one.line, one.names.as_str())).collect();
    assert_eq!(names, [(1, "auth::keyring"), (1, "auth::login::Login"), (3, "cloud::ports::Timer")]);
    assert!(floor("auth") > floor("cloud"));
}

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    process::{Command, Stdio},
};

use serde_json::Value;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_standin-cloud"))
}

#[test]
fn it_prints_its_origins_serves_a_folder_and_ends_when_told() {
    let folder = std::env::temp_dir().join(format!("standin-cloud-{}", uuid::Uuid::new_v4()));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("index.html"), "<!doctype html>app").unwrap();
    fs::write(folder.join("module.wasm"), b"\0asm").unwrap();
    for signal in ["-INT", "-TERM"] {
        let mut child = program().arg("--apps-dir").arg(&folder).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let origins: Value = serde_json::from_str(line.strip_prefix("cloud  ").unwrap()).unwrap();
        assert!(line.starts_with(r#"cloud  {"name":"local","api":"http://127.0.0.1:"#));
        let get = |origin: &str, path: &str| ureq::get(format!("{}{path}", origins[origin].as_str().unwrap())).call().unwrap();
        assert_eq!(get("api", "/standin/orgs").status(), 200);
        let mut index = get("apps", "/");
        assert_eq!(index.body_mut().read_to_string().unwrap(), "<!doctype html>app");
        assert_eq!(index.headers()["cache-control"], "no-cache");
        assert_eq!(get("apps", "/module.wasm").headers()["content-type"], "application/wasm");

        let id = child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert!(child.wait().unwrap().success());
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn it_tells_its_secure_origins_before_it_is_ready() {
    let mut child = program().arg("--tls").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = |start: &str| -> Value { serde_json::from_str(lines.next().unwrap().unwrap().strip_prefix(start).unwrap()).unwrap() };
    let (secure, origins) = (next("secure "), next("cloud  "));
    assert!(secure["api"].as_str().unwrap().starts_with("https://127.0.0.1:"));
    for same in ["name", "login", "apps"] {
        assert_eq!(secure[same], origins[same]);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn it_says_why_it_cannot_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (arguments, reason) in [
        (["--login-port", &port], "the login origin cannot listen on"),
        (["--apps-dir", "no such folder"], "no such folder is no folder"),
        (["--redirect-uri", "https://app.example/#fragment"], "is no redirect URI"),
    ] {
        let output = program().args(arguments).output().unwrap();
        assert!(!output.status.success());
        assert_eq!(output.stdout, b"");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(reason), "{stderr}");
    }
}

#[test]
fn redirect_uris_of_the_command_line_outlive_a_reset() {
    let uris = ["http://127.0.0.1:8080/callback.html", "https://app.example/?langTag=en-us"];
    let mut child = program().args(["--redirect-uri", uris[0], "--redirect-uri", uris[1]]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let origins: Value = serde_json::from_str(line.strip_prefix("cloud  ").unwrap()).unwrap();
    let control = |name: &str| format!("{}/standin/{name}", origins["api"].as_str().unwrap());
    let registered = || {
        let text = ureq::get(control("clients")).call().unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str::<Value>(&text).unwrap()[0]["redirectUris"].clone()
    };
    assert_eq!(registered(), serde_json::json!(uris));
    ureq::post(control("clients")).send(r#"{"redirectUris": ["https://other.example/"]}"#).unwrap();
    assert_eq!(registered().as_array().unwrap().len(), 3);
    ureq::post(control("reset")).send("").unwrap();
    assert_eq!(registered(), serde_json::json!(uris));
    child.kill().unwrap();
    child.wait().unwrap();
}

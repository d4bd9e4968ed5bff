//! One cloud for one test, and a plain client for it.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use serde_json::{Value, json};
use standin_cloud::{Agent, Cloud, ORGANIZATIONS, Options, Organization};
use tokio::runtime::Runtime;
use ureq::{
    Agent as Client, Body,
    http::{Method, Request, Response},
};

pub(crate) const RECORDINGS: &str = "/api/v2/screenrecordings";
pub(crate) const TOKEN_INFO: &str = "/api/v2/tokens/me";
pub(crate) const FOREIGN: &str = "Permission denied: insufficient scope for resource owner";

pub(crate) fn acme() -> &'static Organization {
    &ORGANIZATIONS[0]
}

pub(crate) fn globex() -> &'static Organization {
    &ORGANIZATIONS[1]
}

pub(crate) fn agent(organization: &'static Organization) -> &'static Agent {
    &organization.agents[0]
}

pub(crate) fn start_of(agent: &Agent) -> Value {
    start_of_id(agent.id)
}

pub(crate) fn start_of_id(agent_id: &str) -> Value {
    json!({"agentId": agent_id, "recordingType": "screen"})
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }

    /// Every refusal has the whole shape, whatever it is about.
    pub(crate) fn refused(&self, status: u16, code: &str) -> &str {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.body["code"], code);
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["messageParams"], json!({}));
        assert_eq!(self.body["errors"], json!([]));
        assert!(self.body["details"].is_array());
        assert_eq!(self.body["contextId"].as_str().unwrap().len(), 36);
        self.body["message"].as_str().unwrap()
    }
}

pub(crate) struct Fixture {
    pub(crate) cloud: Cloud,
    client: Client,
    _runtime: Runtime,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let runtime = Runtime::new().unwrap();
        let cloud = runtime.block_on(Cloud::start(options)).unwrap();
        let client = Client::config_builder().http_status_as_error(false).max_redirects(0).build().into();
        Self { cloud, client, _runtime: runtime }
    }

    fn send(&self, url: &str, method: &str, headers: &[(&str, &str)], body: Option<&str>) -> Result<Response<Body>, ureq::Error> {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match body {
            Some(body) => self.client.run(request.body(body.to_owned()).unwrap()),
            None => self.client.run(request.body(()).unwrap()),
        }
    }

    pub(crate) fn try_call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Result<Answer, ureq::Error> {
        let url = format!("{}{path}", self.cloud.origins().api);
        read(self.send(&url, method, headers, body)?)
    }

    pub(crate) fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        self.try_call(method, path, headers, body).unwrap()
    }

    pub(crate) fn try_login(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Result<Answer, ureq::Error> {
        let url = format!("{}{path}", self.cloud.origins().login);
        read(self.send(&url, method, headers, body)?)
    }

    pub(crate) fn call_origin(&self, origin: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        read(self.send(&format!("{origin}{path}"), "GET", headers, None).unwrap()).unwrap()
    }

    pub(crate) fn control(&self, name: &str, body: &Value) -> Answer {
        self.call("POST", &format!("/standin/{name}"), &[], Some(&body.to_string()))
    }

    pub(crate) fn set(&self, settings: &Value) -> Value {
        let answer = self.control("settings", settings);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    pub(crate) fn token(&self, order: &Value) -> String {
        let answer = self.control("tokens", order);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn token_of(&self, organization: &Organization) -> String {
        self.token(&json!({"orgId": organization.id}))
    }

    pub(crate) fn fault(&self, method: &str, path: &str, fault: &Value) {
        let order = json!({"method": method, "path": path, "times": 1, "fault": fault});
        let answer = self.control("faults", &order);
        assert_eq!(answer.status, 204, "{}", answer.body);
    }

    pub(crate) fn with_token(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Answer {
        self.try_with_token(method, path, token, body).unwrap()
    }

    pub(crate) fn try_with_token(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Result<Answer, ureq::Error> {
        let authorization = format!("Bearer {token}");
        let mut headers = vec![("authorization", authorization.as_str())];
        let body = body.map(Value::to_string);
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        self.try_call(method, path, &headers, body.as_deref())
    }

    pub(crate) fn start(&self, token: &str, agent: &Agent, more: &[(&str, &str)]) -> Answer {
        self.start_id(token, agent.id, more)
    }

    pub(crate) fn start_id(&self, token: &str, agent_id: &str, more: &[(&str, &str)]) -> Answer {
        let authorization = format!("Bearer {token}");
        let mut headers = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
        headers.extend_from_slice(more);
        self.call("POST", RECORDINGS, &headers, Some(&start_of_id(agent_id).to_string()))
    }

    pub(crate) fn ledger(&self) -> Value {
        self.call("GET", "/standin/ledger", &[], None).body
    }

    /// What comes back over the wire, to the last byte or to the end of the connection.
    pub(crate) fn raw(&self, request: &str) -> (Vec<u8>, io::Result<()>) {
        let address = self.cloud.origins().api.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let end = stream.read_to_end(&mut bytes).map(|_| ());
        (bytes, end)
    }
}

/// Checks every answer of the test against the published description.
impl Drop for Fixture {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let Ok(answer) = self.try_call("GET", "/standin/ledger", &[], None) else { return };
        for request in answer.body["requests"].as_array().unwrap() {
            if let Some(findings) = request["published"]["answer"].as_array() {
                assert!(findings.is_empty(), "{request}");
            }
        }
    }
}

fn read(response: Response<Body>) -> Result<Answer, ureq::Error> {
    let (parts, mut body) = response.into_parts();
    // Thousands of agents are more than the client reads by itself.
    let text = body.with_config().limit(u64::MAX).read_to_string()?;
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
}

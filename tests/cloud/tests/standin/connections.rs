//! Whether a connection to api is kept for further requests.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::common::{Fixture, RECORDINGS, TOKEN_INFO, acme, agent, start_of};
use serde_json::json;

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(cloud: &Fixture) -> Self {
        let address = cloud.cloud.origins().api.strip_prefix("http://").unwrap();
        Self(BufReader::new(TcpStream::connect(address).unwrap()))
    }

    /// The status of the answer; an error is the end of the connection.
    fn ask(&mut self, method: &str, path: &str, token: &str, body: &str) -> io::Result<u16> {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: local\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let head = head.to_ascii_lowercase();
        let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        self.0.read_exact(&mut vec![0; length])?;
        Ok(head.split(' ').nth(1).unwrap().parse().unwrap())
    }

    fn ask_whose(&mut self, token: &str) -> io::Result<u16> {
        self.ask("GET", TOKEN_INFO, token, "")
    }
}

#[test]
fn a_connection_carries_one_request_where_a_setting_says_so() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    assert_eq!(cloud.set(&json!({"keepAlive": false}))["keepAlive"], false);
    let mut connection = Connection::open(&cloud);
    assert_eq!(connection.ask_whose(&token).unwrap(), 200);
    assert!(connection.ask_whose(&token).is_err());
    assert_eq!(cloud.ledger()["requests"].as_array().unwrap().len(), 1);
}

#[test]
fn a_kept_connection_is_cut_after_it_has_been_used() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    for (reset, recordings) in [("before", 0), ("after", 1)] {
        let mut connection = Connection::open(&cloud);
        for _ in 0..3 {
            assert_eq!(connection.ask_whose(&token).unwrap(), 200);
        }
        cloud.fault("POST", RECORDINGS, &json!({"reset": reset}));
        let cut = connection.ask("POST", RECORDINGS, &token, &start_of(agent(acme())).to_string());
        assert_eq!(cut.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(cloud.ledger()["recordings"].as_array().unwrap().len(), recordings);
        assert!(connection.ask_whose(&token).is_err());
    }
}

#[test]
fn a_connection_that_is_kept_no_more_ends_when_it_is_idle() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let [mut idle, mut busy] = [(); 2].map(|()| Connection::open(&cloud));
    for connection in [&mut idle, &mut busy] {
        assert_eq!(connection.ask_whose(&token).unwrap(), 200);
    }
    cloud.fault("GET", TOKEN_INFO, &json!({"delayMs": 300}));
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| (busy.ask_whose(&token), busy.ask_whose(&token)));
        let within = Instant::now() + Duration::from_secs(20);
        while cloud.ledger()["requests"].as_array().unwrap().len() < 3 {
            assert!(Instant::now() < within);
        }
        cloud.set(&json!({"keepAlive": false}));
        // The end is an orderly one.
        assert_eq!(idle.0.read(&mut [0]).unwrap(), 0);
        // What is under way is answered first.
        let (under_way, next) = answer.join().unwrap();
        assert_eq!(under_way.unwrap(), 200);
        assert!(next.is_err());
    });
    assert_eq!(cloud.ledger()["requests"].as_array().unwrap().len(), 3);
}

#[test]
fn a_reset_keeps_connections_again() {
    let cloud = Fixture::new();
    let mut kept = Connection::open(&cloud);
    assert_eq!(kept.ask_whose("nobody's").unwrap(), 401);
    assert_eq!(cloud.call("POST", "/standin/reset", &[], Some("")).status, 204);
    assert_eq!(kept.ask_whose("nobody's").unwrap(), 401);
    cloud.set(&json!({"keepAlive": false}));
    assert_eq!(cloud.call("POST", "/standin/reset", &[], Some("")).status, 204);
    let mut other = Connection::open(&cloud);
    for _ in 0..2 {
        assert_eq!(other.ask_whose("nobody's").unwrap(), 401);
    }
}

#[test]
fn the_connection_of_a_control_is_never_kept() {
    let cloud = Fixture::new();
    for path in ["/standin/orgs", "/standin/nothing"] {
        let mut connection = Connection::open(&cloud);
        connection.ask("GET", path, "nobody's", "").unwrap();
        assert!(connection.ask_whose("nobody's").is_err());
    }
}

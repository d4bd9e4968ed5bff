//! The api over TLS, in HTTP/2 (RFC 9113) and HTTP/1.1, and how a stream of HTTP/2 can end.

use std::sync::Arc;

use crate::common::{Answer, Fixture, RECORDINGS, TOKEN_INFO, acme, agent, start_of};
use axum::{body::Bytes, http::Request};
use h2::{Reason, client::SendRequest};
use serde_json::{Value, json};
use standin_cloud::Options;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{CryptoProvider, ring, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime},
    },
};

/// As a browser under test: every certificate will do, but its key must be the server's.
#[derive(Debug)]
struct Anyone(CryptoProvider);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer,
        _: &[CertificateDer],
        _: &ServerName,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(&self, _: &[u8], _: &CertificateDer, _: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn cloud() -> Fixture {
    Fixture::with(Options { tls: true, ..Options::default() })
}

fn secure(cloud: &Fixture) -> &str {
    &cloud.cloud.secure_origins().unwrap().api
}

async fn connect(cloud: &Fixture, protocols: &[&str]) -> TlsStream<TcpStream> {
    let provider = ring::default_provider();
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(secure(cloud).strip_prefix("https://").unwrap()).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect("127.0.0.1".try_into().unwrap(), stream).await.unwrap()
}

async fn open(cloud: &Fixture) -> SendRequest<Bytes> {
    let stream = connect(cloud, &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (requests, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    requests
}

async fn ask(
    requests: &SendRequest<Bytes>,
    cloud: &Fixture,
    method: &str,
    path: &str,
    token: &str,
    body: Option<Value>,
) -> Result<u16, h2::Error> {
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", secure(cloud)))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(())
        .unwrap();
    let (response, mut sent) = requests.clone().ready().await?.send_request(request, body.is_none())?;
    if let Some(body) = body {
        sent.send_data(body.to_string().into(), true)?;
    }
    Ok(response.await?.status().as_u16())
}

fn starts(cloud: &Fixture) -> Vec<Value> {
    let requests = cloud.ledger()["requests"].as_array().unwrap().clone();
    requests.iter().filter(|entry| entry["method"] == "POST").map(|entry| entry["status"].clone()).collect()
}

fn recordings(cloud: &Fixture) -> usize {
    cloud.ledger()["recordings"].as_array().unwrap().len()
}

#[test]
fn the_api_is_there_over_tls_in_the_protocol_that_a_client_prefers() {
    let cloud = cloud();
    let token = cloud.token_of(acme());
    let origins = cloud.cloud.origins();
    let secure = cloud.cloud.secure_origins().unwrap();
    assert_eq!((&secure.login, &secure.apps, secure.name), (&origins.login, &origins.apps, "local"));
    assert!(Fixture::new().cloud.secure_origins().is_none());
    Runtime::new().unwrap().block_on(async {
        let requests = open(&cloud).await;
        let agents = acme().agents;
        for (method, path, body, status) in [
            ("GET", TOKEN_INFO, None, 200),
            ("POST", RECORDINGS, Some(start_of(&agents[0])), 201),
            ("POST", RECORDINGS, Some(start_of(&agents[0])), 409),
            ("GET", "/standin/ledger", None, 200),
            ("GET", "/nowhere", None, 404),
        ] {
            assert_eq!(ask(&requests, &cloud, method, path, &token, body).await.unwrap(), status, "{method} {path}");
        }
        for protocols in [["http/1.1"].as_slice(), &[]] {
            let mut stream = connect(&cloud, protocols).await;
            let request = format!("GET {TOKEN_INFO} HTTP/1.1\r\nHost: local\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
    });
    assert_eq!(starts(&cloud), [201, 409]);
}

/// The stream ends with an error code of RFC 9113, section 7, after the work; the connection goes on.
#[test]
fn a_stream_ends_with_an_error_after_the_work() {
    let cloud = cloud();
    let token = cloud.token_of(acme());
    cloud.set(&json!({"guardsAgents": false}));
    Runtime::new().unwrap().block_on(async {
        let requests = open(&cloud).await;
        for (place, (name, reason)) in [
            ("refused-stream", Reason::REFUSED_STREAM),
            ("internal-error", Reason::INTERNAL_ERROR),
            ("http-1-1-required", Reason::HTTP_1_1_REQUIRED),
        ]
        .into_iter()
        .enumerate()
        {
            cloud.fault("POST", RECORDINGS, &json!({"h2": name}));
            let error = ask(&requests, &cloud, "POST", RECORDINGS, &token, Some(start_of(agent(acme())))).await.unwrap_err();
            assert_eq!((error.reason(), error.is_reset(), error.is_remote()), (Some(reason), true, true));
            assert_eq!(recordings(&cloud), place + 1);
            assert_eq!(ask(&requests, &cloud, "GET", TOKEN_INFO, &token, None).await.unwrap(), 200);
        }
    });
    assert_eq!(starts(&cloud), [Value::Null, Value::Null, Value::Null]);
}

#[test]
fn a_fault_of_http2_meets_no_request_over_http1() {
    let cloud = cloud();
    let token = cloud.token_of(acme());
    cloud.fault("GET", TOKEN_INFO, &json!({"h2": "refused-stream"}));
    let get = || -> Answer { cloud.with_token("GET", TOKEN_INFO, &token, None) };
    assert_eq!(get().status, 200);
    Runtime::new().unwrap().block_on(async {
        let requests = open(&cloud).await;
        let refused = ask(&requests, &cloud, "GET", TOKEN_INFO, &token, None).await.unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::REFUSED_STREAM));
        assert_eq!(ask(&requests, &cloud, "GET", TOKEN_INFO, &token, None).await.unwrap(), 200);
    });
}

#[test]
fn the_other_faults_meet_http2_as_well() {
    let cloud = cloud();
    let token = cloud.token_of(acme());
    Runtime::new().unwrap().block_on(async {
        let requests = open(&cloud).await;
        cloud.fault("GET", TOKEN_INFO, &json!({"status": 421}));
        assert_eq!(ask(&requests, &cloud, "GET", TOKEN_INFO, &token, None).await.unwrap(), 421);
        // The connection ends, with all of its streams.
        cloud.fault("POST", RECORDINGS, &json!({"reset": "after"}));
        let lost = ask(&requests, &cloud, "POST", RECORDINGS, &token, Some(start_of(agent(acme())))).await.unwrap_err();
        assert!(lost.is_io() || lost.is_go_away(), "{lost}");
        assert!(ask(&requests, &cloud, "GET", TOKEN_INFO, &token, None).await.is_err());
    });
    assert_eq!(recordings(&cloud), 1);
    assert_eq!(starts(&cloud), [Value::Null]);
}

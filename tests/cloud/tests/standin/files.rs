use crate::common::{Fixture, acme};
use serde_json::json;
use sha2::{Digest, Sha256};

#[test]
fn bytes_are_downloaded_with_the_type_that_is_asked_for() {
    let cloud = Fixture::new();
    let token = cloud.token_of(acme());
    let get = |path: &str| cloud.with_token("GET", path, &token, None);
    // Bytes below 128 can be read as a text.
    let file = get("/standin/files?length=128");
    assert_eq!((file.status, file.header("content-type")), (200, Some("application/octet-stream")));
    assert_eq!(file.body.as_str().unwrap().bytes().collect::<Vec<_>>(), (0..128).collect::<Vec<u8>>());
    assert_eq!(get("/standin/files?length=0&type=video/webm").header("content-type"), Some("video/webm"));
    let authorization = format!("Authorization: Bearer {token}");
    let (bytes, _) =
        cloud.raw(&format!("GET /standin/files?length=1000 HTTP/1.1\r\nHost: x\r\n{authorization}\r\nConnection: close\r\n\r\n"));
    let start = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(bytes[start..], (0..1000).map(|place| u8::try_from(place % 251).unwrap()).collect::<Vec<_>>());
    for path in ["/standin/files?length=10000001", "/standin/files?length=many", "/standin/files?length=1&type=%0a", "/standin/files"] {
        get(path).refused(400, "bad.request");
    }
    cloud.call("GET", "/standin/files?length=1", &[], None).refused(401, "authentication.required");
    // It is no control: the ledger tells it, and faults meet it.
    cloud.fault("GET", "/standin/files", &json!({"status": 503}));
    assert_eq!(get("/standin/files?length=1").status, 503);
    let requests = cloud.ledger()["requests"].as_array().unwrap().clone();
    assert_eq!(
        (&requests[0]["path"], &requests[0]["tokenOrgId"], &requests[0]["status"]),
        (&json!("/standin/files"), &json!(acme().id), &json!(200))
    );
}

#[test]
fn what_is_uploaded_is_told_by_its_hash() {
    let cloud = Fixture::new();
    let authorization = format!("Bearer {}", cloud.token_of(acme()));
    let body = "\u{0}Grüße".repeat(1000);
    for method in ["POST", "PUT"] {
        let headers = [("authorization", authorization.as_str()), ("content-type", "video/webm;codecs=vp9")];
        let told = cloud.call(method, "/standin/files", &headers, Some(&body));
        let sha256 = format!("{:x}", Sha256::digest(&body));
        assert_eq!(
            (told.status, told.body),
            (200, json!({"length": body.len(), "contentType": "video/webm;codecs=vp9", "sha256": sha256}))
        );
    }
    let large = "x".repeat(512_001);
    cloud.call("POST", "/standin/files", &[("authorization", &authorization)], Some(&large)).refused(413, "request.entity.too.large");
    cloud.call("POST", "/standin/files", &[], Some("")).refused(401, "authentication.required");
    assert_eq!(cloud.ledger()["requests"][0]["contentType"], "video/webm;codecs=vp9");
}

use crate::common::{Fixture, acme, globex};
use serde_json::{Value, json};

fn ids(page: &Value) -> Vec<String> {
    page["entities"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_client_follows_the_pages_of_its_own_organization() {
    let cloud = Fixture::new();
    let organization = cloud.control("orgs", &json!({"count": 1, "agents": 60})).body[0].clone();
    let token = cloud.token(&json!({"orgId": organization["id"]}));
    let mut next = Some(json!("/api/v2/users?pageSize=25"));
    let (mut seen, mut sizes, mut previous) = (Vec::new(), Vec::new(), None);
    while let Some(path) = next {
        let page = cloud.with_token("GET", path.as_str().unwrap(), &token, None).body;
        assert_eq!((&page["total"], &page["pageSize"], &page["pageCount"]), (&json!(60), &json!(25), &json!(3)));
        assert_eq!(page["pageNumber"], sizes.len() + 1);
        assert_eq!(page.get("previousUri").cloned(), previous);
        previous = page.get("selfUri").cloned();
        sizes.push(ids(&page).len());
        seen.extend(ids(&page));
        next = page.get("nextUri").cloned();
    }
    assert_eq!(sizes, [25, 25, 10]);
    let all: Vec<_> = organization["agents"].as_array().unwrap().iter().map(|agent| agent["id"].as_str().unwrap()).collect();
    assert_eq!(seen, all);
}

#[test]
fn a_page_has_25_users_unless_another_size_is_asked_for() {
    let cloud = Fixture::new();
    let organization = cloud.control("orgs", &json!({"count": 1, "agents": 60})).body[0].clone();
    let token = cloud.token(&json!({"orgId": organization["id"]}));
    let page = |query: &str| cloud.with_token("GET", &format!("/api/v2/users{query}"), &token, None);
    assert_eq!(ids(&page("").body).len(), 25);
    assert_eq!(ids(&page("?pageSize=500").body).len(), 60);
    assert_eq!(page("?pageSize=60").body.get("nextUri"), None);
    let beyond = page("?pageNumber=4").body;
    assert_eq!(
        (ids(&beyond).len(), beyond.get("nextUri"), &beyond["previousUri"]),
        (0, None, &json!("/api/v2/users?pageSize=25&pageNumber=3"))
    );
    for query in ["?pageSize=0", "?pageSize=501", "?pageNumber=0"] {
        page(query).refused(400, "constraint.validation");
    }
    cloud.call("GET", "/api/v2/users", &[], None).refused(401, "authentication.required");
    let acme_page = cloud.with_token("GET", "/api/v2/users", &cloud.token_of(acme()), None).body;
    assert_eq!(ids(&acme_page), acme().agents.iter().map(|agent| agent.id.to_owned()).collect::<Vec<_>>());
    assert!(!ids(&acme_page).contains(&globex().agents[0].id.to_owned()));
}

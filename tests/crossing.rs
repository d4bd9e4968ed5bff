//! Values that cross between JavaScript and the module: types, absent and null, foreign objects, listeners.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use js_sys::{Array, Function, JSON, Object, Promise, Reflect};
use premium_recorder::web::exports::{self, Handle, connect};
use wasm_bindgen::convert::TryFromJsValue;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen(inline_js = r#"
// What src/js/instance.js gives the module.
globalThis.waitFor = async (value, number) => {
    try {
        value = await value;
    } catch (cause) {
        return tell(number, cause, true);
    }
    tell(number, value, false);
};
globalThis.startTimer = (millis, number) => setTimeout(() => tell(number, undefined, false), millis);
globalThis.outside = async (target, method, count, ...args) => ({ result: target[method](...args.slice(0, count)) });
globalThis.abortController = () => new AbortController();
globalThis.forgetController = () => {};
globalThis.openChannel = (name) => new BroadcastChannel(name);
globalThis.listenForMessages = (listener) => window.addEventListener("message", listener);
globalThis.end = (left) => left.close ? left.close() : window.removeEventListener("message", left);
globalThis.recordingFields = (id, agentId, orgId, state, startedAt, alreadyRunning, raw) =>
    ({ id, agentId, orgId, state, startedAt, alreadyRunning, raw });
export function evaluate(source) { return (0, eval)(`(${source})`); }
"#)]
extern "C" {
    /// Evaluates an expression, as a page would write it.
    #[wasm_bindgen(catch)]
    fn evaluate(source: &str) -> Result<JsValue, JsValue>;
}

/// Modules of src/js, each before those that import it. They are part of the test, because the web server of wasm-bindgen's runner
/// may never answer one of five requests at the same time (tiny-http 0.12).
const MODULES: [(&str, &str); 5] = [
    ("foreign.js", include_str!("../src/js/foreign.js")),
    ("task.js", include_str!("../src/js/task.js")),
    ("exchange.js", include_str!("../src/js/exchange.js")),
    ("web-lock.js", include_str!("../src/js/web-lock.js")),
    ("locks.js", include_str!("../src/js/locks.js")),
];

const ACME: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
/// `{"alg":"HS256"}.{"org_id":ACME}.signature`
const OF_ACME: &str = "eyJhbGciOiJIUzI1NiJ9.eyJvcmdfaWQiOiJhYWFhYWFhYS0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMGEifQ.c2lnbmF0dXJl";

fn js(source: &str) -> JsValue {
    evaluate(source).unwrap()
}

fn get(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &name.into()).unwrap()
}

fn text(value: &JsValue, name: &str) -> String {
    get(value, name).as_string().unwrap_or_else(|| panic!("{name} is no string"))
}

/// Calls the module, and returns a promise of what it settles.
fn settled(begin: impl FnOnce(Function)) -> Promise {
    let mut begin = Some(begin);
    Promise::new(&mut |settle, _| begin.take().unwrap()(settle))
}

thread_local! {
    static TELL: Closure<dyn Fn(u32, JsValue, bool)> = Closure::new(exports::settled);
}

fn connecting(options: JsValue) -> Promise {
    TELL.with(|tell| Reflect::set(&js_sys::global(), &"tell".into(), tell.as_ref()).unwrap());
    settled(|settle| connect(settle, options, true))
}

fn call(handle: &Handle, method: &str, options: JsValue, arguments: &[(&str, &JsValue)]) -> Promise {
    let named = Object::new();
    for (name, value) in arguments {
        Reflect::set(&named, &(*name).into(), value).unwrap();
    }
    settled(|settle| handle.call(settle, method.to_owned(), options, named.into()))
}

fn start(handle: &Handle, agent: impl Into<JsValue>, options: JsValue) -> Promise {
    call(handle, "startRecording", options, &[("agentId", &agent.into())])
}

async fn outcome(promise: Promise) -> JsValue {
    JsFuture::from(promise).await.unwrap()
}

async fn error_of(promise: Promise) -> JsValue {
    get(&outcome(promise).await, "error")
}

/// Gives the module what src/js/instance.js gives it.
async fn give_functions() {
    let give: Function = js("(...modules) => globalThis.functionsGiven ??= (async () => {
        const urls = {};
        const functions = {};
        for (const [name, source] of modules) {
            const linked = source.replace(/ from \"\\.\\/(.+)\"/g, (_, imported) => ` from '${urls[imported]}'`);
            urls[name] = URL.createObjectURL(new Blob([linked], { type: 'text/javascript' }));
            Object.assign(functions, await import(urls[name]));
        }
        const { exchange, requestLock, requestWebLock } = functions;
        Object.assign(globalThis, functions, {
            settle: (settle, value, error, aborted, index) => settle({ value, error, aborted }, index),
            exchange: (...given) => exchange({ settled: globalThis.tell }, ...given),
            requestLock: (...given) => requestLock((released) => released, ...given),
            requestWebLock: (...given) => requestWebLock((released) => released, ...given),
        });
    })()")
    .unchecked_into();
    let modules: Array = MODULES.iter().map(|(name, source)| Array::of2(&(*name).into(), &(*source).into())).collect();
    outcome(give.apply(&JsValue::UNDEFINED, &modules).unwrap().unchecked_into()).await;
}

async fn connected(options: &str) -> Handle {
    give_functions().await;
    let outcome = outcome(connecting(js(options))).await;
    let handle = get(&outcome, "value");
    assert!(!handle.is_undefined(), "{}", String::from(JSON::stringify(&outcome).unwrap()));
    Handle::try_from_js_value(handle).unwrap()
}

#[wasm_bindgen_test]
async fn options_of_a_wrong_type_are_named() {
    for (options, place) in [
        ("null", "connect()'s options"),
        ("7", "connect()'s options"),
        ("{ tokens: null }", "tokens"),
        ("{ tokens: 'a' }", "tokens"),
        ("{ tokens: ['a', 7] }", "tokens[1]"),
        ("{ tokens: { length: 1, 0: 'a' } }", "tokens"),
        ("{ token: ['a'] }", "\"token\""),
        ("{ getToken: 'a' }", "getToken"),
        ("{ getToken: null }", "getToken"),
        ("{ orgId: 7 }", "orgId"),
        ("{ environment: null }", "environment"),
        ("{ environments: {} }", "environments"),
        ("{ environments: [null] }", "environments[0]"),
        ("{ environments: [{ name: 'a', api: 1 }] }", "environments[0].api"),
        ("{ contract: null }", "contract"),
        ("{ contract: '[' }", "contract"),
        ("{ contract: 'null' }", "contract"),
        (r#"{ environment: 'prod', contract: '{"paths":"/"}' }"#, "\"paths\""),
        (r#"{ environment: 'prod', contract: '{"orgHeaders":"X-Org"}' }"#, "contract.orgHeaders"),
        ("{ timeoutMs: '5' }", "timeoutMs"),
        ("{ shareTokens: 'no' }", "shareTokens"),
        ("{ login: null }", "login"),
        ("{ login: {} }", "login.redirectUri"),
        ("{ login: { clientID: 'a', redirectUri: 'b' } }", "\"clientID\""),
        ("{ login: { clientId: 7, redirectUri: 'b' } }", "login.clientId"),
        ("{ login: { clientIds: 'a', redirectUri: 'b' } }", "login.clientIds"),
        ("{ login: { clientIds: { prod: 7 }, redirectUri: 'b' } }", "login.clientIds.prod"),
        ("{ login: { clientId: 'a', redirectUri: 'b', timeoutMs: '5' } }", "login.timeoutMs"),
        ("{ environment: 'prod', login: { clientId: 'a', redirectUri: 'https://elsewhere.example/' } }", "login.redirectUri"),
        ("{ launchUrl: 7 }", "launchUrl"),
        ("{ launchUrl: 'no url' }", "launchUrl"),
        ("{ launchUrl: null }", "launchUrl"),
        ("{ get tokens() { throw new Error('no') } }", "connect()'s options cannot be read"),
    ] {
        let error = error_of(connecting(js(options))).await;
        assert_eq!(text(&error, "code"), "BAD_ARGUMENT", "{options}");
        assert!(text(&error, "message").contains(place), "{options}: {}", text(&error, "message"));
        assert!(!text(&error, "hint").is_empty());
    }
}

#[wasm_bindgen_test]
async fn undefined_options_count_as_absent() {
    let all_absent = "{ tokens: undefined, getToken: undefined, login: undefined, shareTokens: undefined, orgId: undefined, environment: 'prod', launchUrl: undefined, \
                      environments: undefined, contract: undefined, wasm: undefined, timeoutMs: undefined }";
    let handle = connected(all_absent).await;
    assert_eq!(text(&handle.environment(), "api"), "https://api.mypurecloud.com");
    assert!(handle.org_id().is_undefined());
    assert_eq!(handle.orgs().length(), 0);
}

#[wasm_bindgen_test]
async fn the_launch_url_tells_the_environment_and_the_organization() {
    let url = "https://app.example/?gcHostOrigin=https%3A%2F%2Fapps.mypurecloud.ie&gcTargetEnv=prod-euw1&gcLangTag=de%20AT&orgId=AAAAAAAA-0000-4000-8000-00000000000A";
    let handle = connected(&format!("{{ launchUrl: '{url}' }}")).await;
    assert_eq!(text(&handle.environment(), "name"), "prod-euw1");
    assert_eq!(text(&handle.launch(), "langTag"), "de AT");
    assert_eq!(handle.org_id(), ACME);
}

#[wasm_bindgen_test]
async fn a_summary_is_plain_data_without_unknown_fields() {
    let handle = connected(&format!("{{ environment: 'prod', tokens: ['{OF_ACME}'] }}")).await;
    let summary = String::from(JSON::stringify(&handle.orgs()).unwrap());
    assert_eq!(summary, format!(r#"[{{"orgId":"{ACME}","knownBy":"claim"}}]"#));
}

#[wasm_bindgen_test]
async fn an_agent_id_or_an_option_of_a_wrong_type_is_named() {
    let handle = connected(&format!("{{ environment: 'prod', tokens: ['{OF_ACME}'] }}")).await;
    for agent in ["undefined", "null", "7", "{}", "['a']", "''", "new String('a')", "'a\\ud800'"] {
        let error = error_of(start(&handle, js(agent), JsValue::UNDEFINED)).await;
        assert_eq!(text(&error, "code"), "BAD_ARGUMENT", "{agent}");
    }
    for options in ["null", "{ orgID: 'a' }", "{ orgId: 'a' }", "{ signal: null }", "{ timeoutMs: NaN }", "{ recordingType: '' }"] {
        let error = error_of(start(&handle, "agent", js(options))).await;
        assert_eq!(text(&error, "code"), "BAD_ARGUMENT", "{options}");
    }
}

#[wasm_bindgen_test]
async fn get_token_is_called_with_plain_data_and_a_signal() {
    let handle = connected(
        "{ environment: 'prod', orgId: 'bbbbbbbb-0000-4000-8000-00000000000b', \
           getToken(need) { globalThis.need = need; return 'two words'; } }",
    )
    .await;
    let error = error_of(start(&handle, "agent", JsValue::UNDEFINED)).await;
    assert_eq!(text(&error, "code"), "TOKEN_MALFORMED");
    let need = get(&js_sys::global(), "need");
    assert_eq!((text(&need, "environment"), text(&need, "reason")), ("prod".to_owned(), "missing".to_owned()));
    assert_eq!(text(&need, "orgId"), "bbbbbbbb-0000-4000-8000-00000000000b");
    assert_eq!(String::from(Array::from(&get(&need, "scopes")).join(",")), "screenrecordings:write");
    // `getToken` returned, so there is nothing to abort.
    assert_eq!(get(&get(&need, "signal"), "aborted"), JsValue::FALSE);
}

#[wasm_bindgen_test]
async fn an_exception_or_an_invalid_result_of_get_token_is_the_cause() {
    for body in
        ["throw globalThis.thrown = 'a text'", "throw globalThis.thrown = null", "return Promise.reject(globalThis.thrown = { a: 1 })"]
    {
        let handle = connected(&format!("{{ environment: 'prod', orgId: '{ACME}', getToken() {{ {body} }} }}")).await;
        let error = error_of(start(&handle, "agent", JsValue::UNDEFINED)).await;
        assert_eq!(text(&error, "code"), "TOKEN_SOURCE_FAILED", "{body}");
        assert!(Object::is(&get(&error, "cause"), &get(&js_sys::global(), "thrown")), "{body}");
    }
    for returned in ["7", "[]", "{}", "{ access_token: 'a' }", "{ accessToken: 7 }", "{ accessToken: 'a', expiresIn: '60' }"] {
        let handle = connected(&format!("{{ environment: 'prod', orgId: '{ACME}', getToken() {{ return {returned} }} }}")).await;
        let error = error_of(start(&handle, "agent", JsValue::UNDEFINED)).await;
        assert_eq!(text(&error, "code"), "TOKEN_SOURCE_FAILED", "{returned}");
        assert_eq!(text(&get(&error, "causedBy"), "code"), "BAD_ARGUMENT", "{returned}");
    }
    // Returning no token is allowed, so there is no `causedBy`. The call fails because there is no other source.
    for returned in ["undefined", "null", "Promise.resolve()"] {
        let handle = connected(&format!("{{ environment: 'prod', orgId: '{ACME}', getToken() {{ return {returned} }} }}")).await;
        let error = error_of(start(&handle, "agent", JsValue::UNDEFINED)).await;
        assert_eq!(text(&error, "code"), "TOKEN_SOURCE_FAILED", "{returned}");
        assert!(get(&error, "causedBy").is_undefined(), "{returned}");
    }
}

#[wasm_bindgen_test]
async fn the_abort_listener_is_added_and_removed() {
    let handle = connected(&format!("{{ environment: 'prod', orgId: '{ACME}', getToken: () => new Promise(() => {{}}) }}")).await;
    let options = js("{ signal: Object.assign(new EventTarget(), { aborted: false, listeners: 0, \
        addEventListener(...a) { this.listeners += 1; EventTarget.prototype.addEventListener.apply(this, a) }, \
        removeEventListener(...a) { this.listeners -= 1; EventTarget.prototype.removeEventListener.apply(this, a) } }) }");
    let signal = get(&options, "signal");
    let started = start(&handle, "agent", options);
    // The call listens to the signal before the module returns.
    assert_eq!(get(&signal, "listeners").as_f64(), Some(1.0));
    Reflect::set(&signal, &"aborted".into(), &JsValue::TRUE).unwrap();
    let abort: Function = js("signal => { signal.dispatchEvent(new Event('abort')) }").unchecked_into();
    abort.call1(&JsValue::UNDEFINED, &signal).unwrap();
    assert_eq!(get(&outcome(started).await, "aborted"), JsValue::TRUE);
    assert_eq!(get(&signal, "listeners").as_f64(), Some(0.0));
}

#[wasm_bindgen_test]
async fn a_request_sends_no_cookies_and_no_referrer_and_follows_no_redirect() {
    let handle = connected(&format!("{{ environment: 'prod', tokens: ['{OF_ACME}'] }}")).await;
    js(
        "globalThis.original = globalThis.fetch, globalThis.given = undefined, globalThis.fetch = (...given) => { globalThis.given ??= given; return Promise.reject('no') }",
    );
    // The page remembers starts whose outcome is unknown, so each such test has agents of its own.
    let error = error_of(start(&handle, "agent-of-a-rejected-fetch", JsValue::UNDEFINED)).await;
    js("globalThis.fetch = globalThis.original");
    assert_eq!((text(&error, "code"), get(&error, "cause").as_string()), ("OUTCOME_UNKNOWN".to_owned(), Some("no".to_owned())));
    let given = Array::from(&get(&js_sys::global(), "given"));
    let to_request: Function = js("(given) => new Request(...given)").unchecked_into();
    let request = to_request.call1(&JsValue::UNDEFINED, &given).unwrap();
    for (name, value) in [
        ("method", "POST"),
        ("url", "https://api.mypurecloud.com/api/v2/screenrecordings"),
        ("mode", "cors"),
        ("credentials", "omit"),
        ("redirect", "error"),
        // No cache stores a start, and browsers that store nothing ask each time whether they may send it.
        ("cache", "default"),
        ("referrerPolicy", "no-referrer"),
    ] {
        assert_eq!(text(&request, name), value, "{name}");
    }
    let headers: Function = js("request => [...request.headers].map(header => header.join(': ')).join('; ')").unchecked_into();
    let headers = headers.call1(&JsValue::UNDEFINED, &request).unwrap().as_string().unwrap();
    let expected = format!(
        "accept: application/json; authorization: Bearer {OF_ACME}; content-type: application/json; x-genesys-organization-id: {ACME}"
    );
    assert_eq!(headers, expected);
    js("globalThis.given = undefined, globalThis.fetch = (...given) => { globalThis.given ??= given; return Promise.reject('no') }");
    // Less time than a read waits before it is sent again.
    error_of(call(&handle, "recordings", js("{ timeoutMs: 500 }"), &[])).await;
    js("globalThis.fetch = globalThis.original");
    assert_eq!(text(&Array::from(&get(&js_sys::global(), "given")).get(1), "cache"), "no-store");
}

#[wasm_bindgen_test]
async fn a_broken_fetch_gives_an_error_code() {
    for (fetch, code) in [
        ("() => undefined", "OUTCOME_UNKNOWN"),
        ("async () => undefined", "OUTCOME_UNKNOWN"),
        ("async () => 7", "OUTCOME_UNKNOWN"),
        ("async () => ({})", "OUTCOME_UNKNOWN"),
        ("async () => ({ status: 201 })", "OUTCOME_UNKNOWN"),
        ("async () => ({ status: 201, text: () => undefined })", "OUTCOME_UNKNOWN"),
        ("async () => ({ status: 201, text: () => ({ then() { throw 1 } }) })", "OUTCOME_UNKNOWN"),
        ("async () => ({ get status() { throw 1 } })", "OUTCOME_UNKNOWN"),
        ("() => ({ get then() { throw 1 } })", "OUTCOME_UNKNOWN"),
        ("() => { throw 1 }", "OUTCOME_UNKNOWN"),
        ("7", "NETWORK"),
    ] {
        let handle = connected(&format!("{{ environment: 'prod', tokens: ['{OF_ACME}'] }}")).await;
        js(&format!("globalThis.original = globalThis.fetch, globalThis.fetch = {fetch}"));
        let agent = format!("agent-of-{}", fetch.replace(|char: char| !char.is_ascii_alphanumeric(), ""));
        let error = error_of(start(&handle, agent, js("{ timeoutMs: 2000 }"))).await;
        js("globalThis.fetch = globalThis.original");
        assert_eq!(text(&error, "code"), code, "{fetch}");
    }
}

/// An answer without an end: reading stops, the request is aborted, and the status counts.
#[wasm_bindgen_test]
async fn an_answer_that_is_too_long_is_not_read() {
    for (status, code) in [(201, "OUTCOME_UNKNOWN"), (400, "BAD_REQUEST"), (503, "OUTCOME_UNKNOWN")] {
        let handle = connected(&format!("{{ environment: 'prod', tokens: ['{OF_ACME}'] }}")).await;
        js(&format!(
            "globalThis.original = globalThis.fetch, globalThis.signals = [], globalThis.sent = 0, globalThis.fetch = async (url, {{ signal }}) => {{
                globalThis.signals.push(signal);
                const pull = (stream) => {{ stream.enqueue(new Uint8Array(65_536).fill(32)); globalThis.sent += 65_536; }};
                return new Response(new ReadableStream({{ pull }}), {{ status: {status} }});
            }}"
        ));
        let error = error_of(start(&handle, format!("agent-of-{status}"), js("{ timeoutMs: 10_000 }"))).await;
        js("globalThis.fetch = globalThis.original");
        assert_eq!(text(&error, "code"), code, "{status}");
        assert_eq!(js("signals.every((signal) => signal.aborted)"), JsValue::TRUE);
        assert!(js("sent / signals.length").as_f64().unwrap() < 5e6);
    }
}

/// A `fetch` that responds as the cloud does, and logs the requests.
const CLOUD: &str = "globalThis.original = globalThis.fetch, globalThis.asked = [], globalThis.fetch = async (...given) => {
    const request = new Request(...given);
    globalThis.asked.push(request.method + ' ' + new URL(request.url).pathname);
    const recording = (id, state) => ({ id, agentId: 'agent', state, of: id });
    const headers = { 'inin-ratelimit-allowed': '60', 'inin-ratelimit-count': '1', 'inin-ratelimit-reset': '60' };
    const answer = (status, body) => new Response(JSON.stringify(body), { status, headers });
    if (request.method === 'POST') return (await request.text()).includes('nobody') ? answer(404, { code: 'not.found' }) : answer(201, recording('a', 'recording'));
    if (request.method === 'PATCH') return answer(200, recording('a', 'stopped'));
    return answer(200, { entities: [recording('a', 'recording'), { id: 'c', agentId: 'another' }, recording('b', 'archived')] });
}";

fn asked() -> String {
    js("asked.join()").as_string().unwrap()
}

#[wasm_bindgen_test]
async fn recordings_are_returned_with_their_raw_data() {
    let handle = connected(&format!("{{ environment: 'prod', tokens: ['{OF_ACME}'] }}")).await;
    js(CLOUD);
    let listed = get(&outcome(call(&handle, "recordings", js("{ agentId: 'agent' }"), &[])).await, "value");
    let ids = [("id", &"a".into()), ("orgId", &ACME.into()), ("agentId", &"agent".into())];
    let stopped = get(&outcome(call(&handle, "stop", JsValue::UNDEFINED, &ids)).await, "value");
    js("globalThis.fetch = globalThis.original");
    let of = |at: u32| {
        let recording = Array::from(&listed).get(at);
        (text(&recording, "id"), text(&recording, "state"), text(&get(&recording, "raw"), "of"))
    };
    assert_eq!(of(0), ("a".to_owned(), "recording".to_owned(), "a".to_owned()));
    assert_eq!(of(1), ("b".to_owned(), "archived".to_owned(), "b".to_owned()));
    assert_eq!((text(&stopped, "state"), get(&stopped, "alreadyRunning")), ("stopped".to_owned(), JsValue::FALSE));
    assert_eq!(asked(), "GET /api/v2/screenrecordings,PATCH /api/v2/screenrecordings/a");
}

#[wasm_bindgen_test]
async fn start_many_hands_out_each_result_with_its_place() {
    let handle = connected(&format!("{{ environment: 'prod', orgId: '{ACME}', tokens: ['{OF_ACME}'] }}")).await;
    js(CLOUD);
    let agents = js("['agent', { agentId: 'nobody' }, 7, { agentId: 'agent', orgID: 'x' }, { agentId: 'agent', orgId: 'x' }, undefined]");
    let log = js("({ reports: [] })");
    let options =
        js("(log) => ({ concurrency: 2, onProgress: (progress) => log.reports.push([progress.settled, progress.total].join('/')) })");
    let options = options.unchecked_into::<Function>().call1(&JsValue::UNDEFINED, &log).unwrap();
    let on_settled = js("(outcome, at) => { (globalThis.settled ??= [])[at] = outcome }");
    assert!(
        get(&outcome(call(&handle, "startMany", options, &[("agents", &agents), ("onSettled", &on_settled)])).await, "error")
            .is_undefined()
    );
    let started = Array::from(&js("settled"));
    js("globalThis.fetch = globalThis.original");
    assert_eq!(text(&get(&started.get(0), "value"), "id"), "a");
    let failed = |at: u32| {
        let error = get(&started.get(at), "error");
        (text(&error, "code"), text(&error, "message"))
    };
    assert_eq!(failed(1).0, "AGENT_NOT_FOUND");
    for (at, place) in [
        (2, "agents[2] must be a string or an object"),
        (3, "agents[3] cannot have \"orgID\", only: agentId, orgId"),
        (4, "agents[4]: orgId"),
        (5, "agents[5] must be a string or an object"),
    ] {
        assert!(failed(at).0 == "BAD_ARGUMENT" && failed(at).1.contains(place), "{:?}", failed(at));
    }
    assert_eq!(Array::from(&get(&log, "reports")).join(","), "1/6,2/6,3/6,4/6,5/6,6/6");
    for (agents, options, place) in [
        ("'agent'", "{}", "agents must be an array"),
        ("[]", "{ concurrency: 0 }", "concurrency"),
        ("[]", "{ onProgress: 1 }", "onProgress must be a function"),
        ("[]", "{ share: 1 }", "share must be"),
        ("[]", "{ parallel: 1 }", "parallel"),
    ] {
        let error =
            error_of(call(&handle, "startMany", js(options), &[("agents", &js(&format!("({agents})"))), ("onSettled", &on_settled)])).await;
        assert!(text(&error, "code") == "BAD_ARGUMENT" && text(&error, "message").contains(place), "{place}");
    }
}

#[wasm_bindgen_test]
async fn a_start_waits_for_the_start_of_another_page_and_looks_first() {
    let handle = connected(&format!("{{ environment: 'prod', tokens: ['{OF_ACME}'] }}")).await;
    js(CLOUD);
    let name = format!("premium-recorder start https://api.mypurecloud.com/api/v2/screenrecordings {ACME} screen agent");
    // This is what another page does if several pages use locks.
    let held = js(&format!(
        "new Promise((held) => navigator.locks.request('premium-recorder locks', {{ mode: 'shared' }}, () => navigator.locks.request('{name}', () => {{
            held();
            return new Promise((resolve) => (globalThis.release = resolve));
        }})))"
    ));
    wasm_bindgen_futures::JsFuture::from(held.unchecked_into::<js_sys::Promise>()).await.unwrap();
    let started = start(&handle, "agent", JsValue::UNDEFINED);
    // Wait until the library has requested the lock, which is not free.
    let waits = js(&format!(
        "(async () => {{ while (!(await navigator.locks.query()).pending.some((lock) => lock.name === '{name}')); return asked.length }})()"
    ));
    assert_eq!(wasm_bindgen_futures::JsFuture::from(waits.unchecked_into::<js_sys::Promise>()).await.unwrap(), 0);
    js("release()");
    let found = get(&outcome(started).await, "value");
    js("globalThis.fetch = globalThis.original");
    assert_eq!((text(&found, "id"), asked()), ("a".to_owned(), "GET /api/v2/screenrecordings".to_owned()));
    // The browser learns of the release a moment later.
    let is_released = js(&format!(
        "(async () => {{ while ((await navigator.locks.query()).held.some((lock) => lock.name === '{name}')); return true }})()"
    ));
    assert_eq!(wasm_bindgen_futures::JsFuture::from(is_released.unchecked_into::<js_sys::Promise>()).await.unwrap(), true);
}

#[wasm_bindgen_test]
async fn a_strange_promise_or_signal_does_not_hang_the_call() {
    for returned in [
        "Object.assign(Promise.resolve('a b'), { get then() { throw 1 } })",
        "Object.defineProperty(Promise.resolve('a b'), 'constructor', { get() { throw 1 } })",
        "{ then() { throw 1 } }",
        "{ then(resolve) { resolve('a b'); resolve('c'); throw 1 } }",
    ] {
        let handle = connected(&format!("{{ environment: 'prod', orgId: '{ACME}', getToken() {{ return {returned} }} }}")).await;
        let error = error_of(start(&handle, "agent", js("{ timeoutMs: 2000 }"))).await;
        assert!(["TOKEN_SOURCE_FAILED", "TOKEN_MALFORMED"].contains(&text(&error, "code").as_str()), "{returned}");
    }
    let handle = connected(&format!("{{ environment: 'prod', orgId: '{ACME}', getToken: () => new Promise(() => {{}}) }}")).await;
    let throwing = "{ timeoutMs: 50, signal: { reads: 0, get aborted() { if (this.reads++) throw 1; return false }, addEventListener() {}, removeEventListener() {} } }";
    assert_eq!(text(&error_of(start(&handle, "agent", js(throwing))).await, "code"), "TIMEOUT");
}

#[wasm_bindgen_test]
async fn expires_in_null_means_an_unknown_expiry() {
    let source = format!("{{ accessToken: '{OF_ACME}', expiresIn: null }}");
    let handle = connected(&format!("{{ environment: 'prod', getToken: () => ({source}) }}")).await;
    let summary = get(&outcome(call(&handle, "switchOrg", JsValue::UNDEFINED, &[("orgId", &ACME.into())])).await, "value");
    assert_eq!((text(&summary, "orgId"), get(&summary, "expiresAt").is_undefined()), (ACME.to_owned(), true));
}

/// `login` with a callback page on this page's own origin.
const LOGIN: &str = "login: { clientId: 'client', redirectUri: location.origin + '/callback.html', timeoutMs: 2147483647 }";

#[wasm_bindgen_test]
async fn a_sign_in_leaves_no_listener_and_no_timer_behind() {
    let counted = js("(() => {
        const balance = { message: 0, timers: 0 };
        const own = { add: window.addEventListener, remove: window.removeEventListener, set: window.setTimeout, clear: window.clearTimeout, open: window.open };
        const timers = new Set();
        window.addEventListener = function (type, ...rest) { if (type === 'message') balance.message += 1; return own.add.call(this, type, ...rest); };
        window.removeEventListener = function (type, ...rest) { if (type === 'message') balance.message -= 1; return own.remove.call(this, type, ...rest); };
        window.setTimeout = (callback, ...rest) => { const timer = own.set.call(window, () => { timers.delete(timer); callback(); }, ...rest); timers.add(timer); return timer; };
        window.clearTimeout = (timer) => { timers.delete(timer); own.clear.call(window, timer); };
        const popup = { closed: false, location: { replace(url) { popup.url = url; } }, close() { popup.closed = true; } };
        window.open = () => popup;
        return { balance, timers, popup, restore: () => Object.assign(window, { addEventListener: own.add, removeEventListener: own.remove, setTimeout: own.set, clearTimeout: own.clear, open: own.open }) };
    })()");
    let handle = connected(&format!("{{ environment: 'prod', shareTokens: false, {LOGIN} }}")).await;
    let switch = call(&handle, "switchOrg", JsValue::UNDEFINED, &[("orgId", &ACME.into())]);
    // The window opens when the call has returned.
    while get(&get(&counted, "balance"), "message") != 1 {
        JsFuture::from(Promise::resolve(&JsValue::UNDEFINED)).await.unwrap();
    }
    let timers = || get(&get(&counted, "timers"), "size");
    assert!(timers().as_f64().unwrap() > 0.0);
    handle.close();
    let error = error_of(switch).await;
    assert_eq!(text(&error, "code"), "CLOSED");
    assert_eq!(get(&get(&counted, "balance"), "message"), 0);
    assert_eq!(timers(), 0);
    assert_eq!(get(&get(&counted, "popup"), "closed"), true);
    get(&counted, "restore").unchecked_into::<Function>().call0(&JsValue::UNDEFINED).unwrap();
}

#[wasm_bindgen_test]
async fn a_window_that_does_not_open_is_reported_at_once() {
    // `open` may return null, or throw.
    for open in ["() => null", "() => { throw new Error('no') }"] {
        js(&format!("(window.ownOpen ??= window.open, window.open = {open})"));
        let handle = connected(&format!("{{ environment: 'prod', {LOGIN} }}")).await;
        let error = error_of(call(&handle, "switchOrg", JsValue::UNDEFINED, &[("orgId", &ACME.into())])).await;
        js("(window.open = window.ownOpen)");
        assert_eq!(text(&error, "code"), "LOGIN_BLOCKED");
    }
}

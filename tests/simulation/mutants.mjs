// Mistakes that the simulation has to find: each with the texts that it replaces, which are there exactly once.
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const one = (file, find, replace) => [{ file, find, replace }];

export const MUTANTS = [
  {
    name: "sends a start again after a lost response",
    edits: one(
      "src/recording/attempt.rs",
      "let result = self.recordings.client.send_tracked(call, &request, token, Track::UntilSettled(under_way)).await;",
      `let mut sent_once = self.recordings.client.send_tracked(call, &request, token, Track::UntilSettled(under_way.clone())).await;
        if matches!(sent_once, Err(SendError::NoResponse(_))) {
            sent_once = self.recordings.client.send_tracked(call, &request, None, Track::UntilSettled(under_way)).await;
        }
        let result = sent_once;`,
    ),
  },
  {
    name: "sends a start again after a timeout",
    edits: one(
      "src/recording/attempt.rs",
      "let result = self.recordings.client.send_tracked(call, &request, token, Track::UntilSettled(under_way)).await;",
      `let first = Box::pin(self.recordings.client.send_tracked(call, &request, token, Track::UntilSettled(under_way.clone())));
        let sent_once = match futures_util::future::select(first, self.exchange.ports().sleep(3_000)).await {
            futures_util::future::Either::Left((result, _)) => result,
            futures_util::future::Either::Right(_) => self.recordings.client.send_tracked(call, &request, None, Track::UntilSettled(under_way)).await,
        };
        let result = sent_once;`,
    ),
  },
  {
    name: "says that a start may be repeated, and repeats it",
    edits: [
      {
        file: "src/recording/contract.rs",
        find: "repeat: Repeat::IfNotProcessed,",
        replace: "repeat: Repeat::Idempotent,",
      },
      {
        file: "src/recording/attempt.rs",
        find: "self.recordings.client.send_tracked(call, &request, token, Track::UntilSettled(under_way)).await",
        replace: "{ let _ = (token, under_way); self.recordings.client.send(call, &request, sent).await }",
      },
    ],
  },
  {
    name: "locks starts by organization without environment",
    edits: one(
      "src/recording/page_starts.rs",
      'format!("premium-recorder start {api} {recording_type} {agent}")',
      'format!("premium-recorder start {} {recording_type} {agent}", { let _ = api; &self.target.org })',
    ),
  },
  {
    name: "shares tokens by organization without environment",
    edits: one(
      "src/auth/sources.rs",
      'format!("premium-recorder {} {} {scopes} {source} {person}", environment.api(), target.org)',
      'format!("premium-recorder {} {scopes} {source} {person}", target.org)',
    ),
  },
  {
    name: "never releases the lock of a start",
    edits: one("src/recording/attempt.rs", "_lock: lock }", "_lock: { std::mem::forget(lock); None } }"),
  },
  {
    name: "gives up a start's fetch when nobody waits for it",
    edits: one(
      "src/client/mod.rs",
      "let Some(Some(result)) = before(pin!(before(fetch.as_mut(), is_known)), over).await else { return };",
      `drop((fetch, is_known, over));
            let Some(Some(result)) = None::<Option<Result<Box<Response>, Error>>> else { return };`,
    ),
  },
  {
    name: "forgets the starts of the page's other recorders",
    edits: one(
      "src/recorder/mod.rs",
      "Starts::new(page.starts, exchange.clone(),",
      "Starts::new({ drop(page.starts); Default::default() }, exchange.clone(),",
    ),
  },
  {
    name: "lets every start of a page have its turn at once",
    edits: one("src/recording/page_starts.rs", "self.earlier_turn(key).is_none().then(", "true.then("),
  },
  {
    name: "lets a claim decide on the organization",
    edits: one(
      "src/auth/sources.rs",
      "None if token.known_by() == KnownBy::Claim => token",
      "None if token.known_by() == KnownBy::Claim && false => token",
    ),
  },
  {
    name: "keeps a token where the cloud said that it is not",
    edits: one("src/client/repair.rs", "self.keyring.correct_owner(token, verified, call.session);", "drop(verified);"),
  },
  {
    name: "sends another organization's token when only that is in memory",
    edits: one(
      "src/auth/keyring.rs",
      "self.token_for(target).filter(|token| token.is_fresh(self.exchange.now()))",
      "self.token_for(target).or_else(|| self.tokens().into_iter().next()).filter(|token| token.is_fresh(self.exchange.now()))",
    ),
  },
  {
    name: "sends a token that was obtained before a sign-out",
    edits: [
      {
        file: "src/token/org_token.rs",
        find: "if self.record.is_signed_out() {\n            let message",
        replace: "if false {\n            let message",
      },
      {
        file: "src/client/mod.rs",
        find: "self.keyring.was_signed_out(&call.target, call.session)",
        replace: "let _ = call;\n        false",
      },
      {
        file: "src/client/mod.rs",
        find: "let mut token = token.filter(|token| token.is_fresh(self.exchange.now()) && !self.is_misattributed(token));",
        replace: "let mut token = token;",
      },
    ],
  },
  {
    name: "joins a start of another organization's agent",
    edits: one(
      "src/recording/page_starts.rs",
      'format!("{}{path} {}", target.environment.api(), target.org).into()',
      'format!("{}{path}", target.environment.api()).into()',
    ),
  },
  {
    name: "joins a start of another type",
    edits: one(
      "src/recording/page_starts.rs",
      'format!("{}{}", key.agent_name(), key.recording_type.to_ascii_lowercase()).into()',
      "key.agent_name().into()",
    ),
  },
  {
    name: "takes a shared start from the others with one's abort",
    edits: [
      {
        file: "src/recording/starts.rs",
        find: "let result = starts.attempt(&its_state).await;",
        replace: `let aborted = async {
                its_state.call.signal.aborted().await;
                Err(Error::new(Code::OutcomeUnknown, "aborted").into())
            };
            let work = futures_util::future::select(Box::pin(starts.attempt(&its_state)), Box::pin(aborted));
            let result: StartResult = work.await.factor_first().0;`,
      },
      {
        file: "src/recording/starts.rs",
        find: "let mut own_call = call.clone();\n        own_call.limits.signal = Signal::default();",
        replace: "let own_call = call.clone();",
      },
      {
        file: "src/recording/starts.rs",
        find: "use crate::cloud::signal::Signal;\n",
        replace: "",
      },
    ],
  },
  {
    name: "takes a 5xx for a definite no",
    edits: one(
      "src/recording/attempt.rs",
      "Err(SendError::Refused(error)) if error.evidence.status.is_some_and(may_have_been_processed) => {",
      "Err(SendError::Refused(error)) if false && error.evidence.status.is_some_and(may_have_been_processed) => {",
    ),
  },
  {
    name: "takes any recording of the agent for its own",
    edits: one(
      "src/recording/reconcile.rs",
      "may_be && self.started_since(recording, since)",
      "may_be || self.started_since(recording, since)",
    ),
  },
  {
    name: "wakes nobody when the recorder is closed",
    edits: one("src/cloud/exchange.rs", "self.closing.abort();", ""),
  },
  {
    name: "aborts without waking who waits for that",
    edits: one(
      "src/cloud/signal.rs",
      "self.0.is_aborted.set(true);\n        self.0.waiters.wake();",
      "self.0.is_aborted.set(true);",
    ),
  },
  {
    name: "waits for the end of a call without a waker",
    edits: [
      {
        file: "src/cloud/race.rs",
        find: "if let Poll::Ready(interruption) = interruption.as_mut().poll(context) {",
        replace:
          "if let Poll::Ready(interruption) = interruption.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {",
      },
      {
        file: "src/cloud/race.rs",
        find: "Poll::Pending => interruption.as_mut().poll(context).map(Err),",
        replace: "Poll::Pending => Poll::Pending,",
      },
    ],
  },
  {
    name: "tells no batch that a slot may be free",
    edits: one(
      "src/cloud/rate_limit.rs",
      "usage.reported = Some(ReportedLimit { allowed: limit.allowed, others, window_end });\n        }\n        drop(tokens);\n        self.changed.wake();",
      "usage.reported = Some(ReportedLimit { allowed: limit.allowed, others, window_end });\n        }\n        drop(tokens);",
    ),
  },
  {
    name: "tells no batch that a start of a batch is over",
    edits: one("src/recording/batch.rs", "self.starts.exchange.rate_limiter().changed().wake();", ""),
  },
  {
    name: "does not look when it had to wait for the lock",
    edits: [
      { file: "src/recording/attempt.rs", find: ".or(has_waited.then_some(began))", replace: "" },
      { file: "src/recording/attempt.rs", find: "looks_again || may_follow_tab)", replace: "looks_again)" },
    ],
  },
  {
    name: "does not look when it had to wait until a token decided its organization",
    edits: one("src/recording/attempt.rs", "call.has_waited || lock.is_some()", "lock.is_some()"),
  },
  {
    name: "starts again what it cannot read",
    edits: one(
      "src/recording/attempt.rs",
      "let is_led_to = led_to.is_some();",
      "let is_led_to = has_waited && led_to.is_some();",
    ),
  },
  {
    name: "ends a merged start's fetch when one of its calls has found it",
    edits: one(
      "src/recording/starts.rs",
      "if self.is_over.get() && self.start.sent.is_known() {",
      "if self.start.sent.is_known() {",
    ),
  },
  {
    name: "takes 421 for a definite no",
    edits: one(
      "src/cloud/refusal.rs",
      "is_unavailable(status) || !matches!(status, 400..=499)",
      "status != 421 && is_unavailable(status) || !matches!(status, 400..=499)",
    ),
  },
  {
    name: "does not look after an aborted start",
    edits: one(
      "src/recording/page_starts.rs",
      "same.add_unresolved(self.start.number, sent.at, self.start.led_to());",
      "drop((self.start.number, sent.at, self.start.led_to()));",
    ),
  },
  {
    name: "repairs as often as it can",
    edits: one(
      "src/client/mod.rs",
      "let may_be_repaired = repaired.is_none() && request.repeat != Repeat::Never && !self.was_signed_out(call);",
      "let may_be_repaired = !self.was_signed_out(call);",
    ),
  },
  {
    name: "trusts a claim again that the cloud has denied",
    edits: one("src/auth/keyring.rs", "corrected.insert(0, (token.secret().clone(), token.target().org.clone()));", ""),
  },
  {
    name: "leaves the token in a body that repeats it",
    edits: one("src/model/secret.rs", "            replace(text, redacted);", "            let _ = redacted;"),
  },
  {
    name: "leaves a token that a body repeats with escapes",
    edits: one(
      "src/model/secret.rs",
      "if secrets.iter().any(|secret| secret.is_disguised_in(&plain, &folded)) {",
      "if false && secrets.iter().any(|secret| secret.is_disguised_in(&plain, &folded)) {",
    ),
  },
  {
    name: "undoes one level of escapes only",
    edits: one("src/model/escapes.rs", "next.push(decoded);", "if decoded != b'\\\\' { next.push(decoded); }"),
  },
  {
    name: "leaves the token in a header that repeats it",
    edits: one("src/cloud/exchange.rs", "response.redact_headers(&secrets);", ""),
  },
  {
    name: "sends again at once when it was told to wait",
    edits: [
      { file: "src/client/repair.rs", find: "self.exchange.ports().sleep(millis).await;", replace: "" },
      {
        file: "src/cloud/rate_limit.rs",
        find: "*millis > 0)",
        replace: "*millis > 0).filter(|_| false)",
      },
    ],
  },
  {
    name: "sends a token in other calls when it was told to wait",
    edits: one("src/cloud/rate_limit.rs", "*millis > 0)", "*millis > 0).filter(|_| false)"),
  },
  {
    name: "waits a moment when it was told to wait for ages",
    edits: one(
      "src/cloud/refusal.rs",
      "let capped = |millis: i64| u32::try_from(millis.max(0)).unwrap_or(u32::MAX);",
      "let capped = |millis: i64| u32::try_from(millis.max(0)).unwrap_or(1_000);",
    ),
  },
  {
    name: "takes a sign-in's response with another state",
    edits: one(
      "src/auth/authorization.rs",
      "if state != Some(&self.state) && !is_refusal_without_state {",
      "if false && state != Some(&self.state) && !is_refusal_without_state {",
    ),
  },
  {
    name: "sends a sign-in's code to another environment's login origin",
    edits: one(
      "src/token/request.rs",
      "let origin = environment.login().as_str().to_owned();",
      'let origin = environment.login().as_str().replace("two", "one");',
    ),
  },
  {
    name: "sends a sign-in's code again",
    edits: [
      {
        file: "src/auth/sources.rs",
        find: "let response = TokenResponse::fetch(&self.exchange, redemption).await?;",
        replace: `let again = redemption.clone();
        let response = match TokenResponse::fetch(&self.exchange, redemption).await {
            Err(_) => TokenResponse::fetch(&self.exchange, again).await?,
            Ok(response) => response,
        };`,
      },
      { file: "src/token/request.rs", find: "pub struct Request {", replace: "#[derive(Clone)]\npub struct Request {" },
    ],
  },
  {
    name: "leaves a sign-in's code in what the login origin repeats",
    edits: one(
      "src/cloud/exchange.rs",
      "if !(is_to_token_endpoint && response.has_token()) {",
      "if !is_to_token_endpoint {",
    ),
  },
  {
    name: "leaves a sign-in's code in the address",
    edits: one(
      "src/auth/returned.rs",
      'ports.replace_address(&format!("{}{query}{fragment}", page.address));',
      'ports.replace_address(&format!("{}?code={}", page.address, response.get("code").unwrap_or_default()));',
    ),
  },
  {
    name: "does not close the sign-in window",
    edits: one(
      "src/auth/sign_in.rs",
      "let response = Parameters::parse(ports, self.response(ports, &need.environment, &window).await?);",
      "let window = std::mem::ManuallyDrop::new(window);\n        let response = Parameters::parse(ports, self.response(ports, &need.environment, &window).await?);",
    ),
  },
  {
    name: "waits for ever for a person",
    edits: one(
      "src/auth/sign_in.rs",
      "before(is_closed, ports.sleep(self.timeout))",
      "before(is_closed, Box::pin(std::future::pending()))",
    ),
  },
  {
    name: "waits for ever for a stranger's lock while a person signs in",
    edits: one(
      "src/auth/sources.rs",
      "before(pin!(ports.lock(&name)), ports.sleep(longest))",
      "before(pin!(ports.lock(&name)), Box::pin(std::future::pending()))",
    ),
  },
  {
    name: "lets a call's time run while a person signs in",
    edits: one("src/cloud/deadline.rs", "now.after_millis(self.so_far(now).saturating_neg())", "now"),
  },
  {
    name: "lets a call's time stand still for good once a person has signed in",
    edits: one("src/cloud/deadline.rs", "under_way.set(under_way.get().saturating_sub(1));", ""),
  },
  {
    name: "keeps a refresh token that was replaced",
    edits: one(
      "src/auth/token_endpoint.rs",
      "response.refresh_token.get_or_insert_with(|| token.clone());",
      "response.refresh_token = Some(token.clone());",
    ),
  },
  {
    name: "starts although a stranger or another page has the lock",
    edits: one(
      "src/recording/attempt.rs",
      "let has_waited = matches!(lock, TryLock::Taken);",
      "let has_waited = matches!(lock, TryLock::Taken) && page.is_none();",
    ),
  },
  {
    name: "takes whatever token another page shares",
    edits: one("src/auth/sources.rs", "is_usable = token.target() == target && token", "is_usable = token"),
  },
];

/** The files that a mutant changes in the folder: each path with its text, before and after. */
export async function changesOf({ edits }, folder) {
  const changes = new Map();
  for (const { file, find, replace } of edits) {
    const path = join(folder, file);
    const { before, after } = changes.get(path) ?? (await unchanged(path));
    if (after.split(find).length !== 2) throw new Error(`${file} does not have this text exactly once: ${find}`);
    changes.set(path, { before, after: after.replace(find, () => replace) });
  }
  return changes;
}

async function unchanged(path) {
  const text = await readFile(path, "utf8");
  return { before: text, after: text };
}

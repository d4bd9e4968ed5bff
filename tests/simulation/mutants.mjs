// Mistakes that the simulation has to find: each with the texts that it replaces, which are there exactly once.
export const MUTANTS = [
  {
    name: "sends a start again after a lost answer",
    edits: [
      {
        file: "src/starts.rs",
        find: "let unknown = match self.sender.send(&outgoing).await {",
        replace: `let mut answered = self.sender.send(&outgoing).await;
        if matches!(answered, Err(Unanswered::Lost(_))) {
            answered = self.sender.send(&outgoing).await;
        }
        let unknown = match answered {`,
      },
    ],
  },
  {
    name: "sends a start again after a timeout",
    edits: [
      {
        file: "src/starts.rs",
        find: "let unknown = match self.sender.send(&outgoing).await {",
        replace: `let (first, wait) = (Box::pin(self.sender.send(&outgoing)), Box::pin(self.cloud.ports().wait(3_000)));
        let answered = match futures_util::future::select(first, wait).await {
            futures_util::future::Either::Left((answered, _)) => answered,
            futures_util::future::Either::Right(_) => self.sender.send(&outgoing).await,
        };
        let unknown = match answered {`,
      },
    ],
  },
  {
    name: "locks starts by organization without environment",
    edits: [
      {
        file: "src/starts.rs",
        find: 'format!("premium-recorder start {} {} {recording_type} {}", target.environment.api(), target.org, agent.as_str())',
        replace: 'format!("premium-recorder start {} {recording_type} {}", target.org, agent.as_str())',
      },
    ],
  },
  {
    name: "shares tokens by organization without environment",
    edits: [
      {
        file: "src/sources.rs",
        find: 'let environment = &target.environment;\n        self.shares.then(|| format!("premium-recorder {} {} {} {source} {person}", environment.api(), target.org, self.scope))',
        replace: 'self.shares.then(|| format!("premium-recorder {} {} {source} {person}", target.org, self.scope))',
      },
    ],
  },
  {
    name: "holds the lock over an abort",
    edits: [
      {
        file: "src/starts.rs",
        find: "struct Progress {",
        replace: "struct Progress {\n    lock: RefCell<Option<Box<dyn std::any::Any>>>,",
      },
      { file: "src/starts.rs", find: "Rc::new(Progress {", replace: "Rc::new(Progress { lock: RefCell::default()," },
      {
        file: "src/starts.rs",
        find: "TryLock::Held(lock) => (Some(lock), false),",
        replace: "TryLock::Held(lock) => { progress.lock.replace(Some(Box::new(lock))); (None, false) }",
      },
      {
        file: "src/starts.rs",
        find: "            drop(unsettled);",
        replace: "            drop(unsettled);\n            its_progress.lock.take();",
      },
    ],
  },
  {
    name: "files by claim after the cloud disagreed",
    edits: [{ file: "src/sender.rs", find: "self.keyring.refile(grant, asked);", replace: "drop(asked);" }],
  },
  {
    name: "sends another organization's token when only that is held",
    edits: [
      {
        file: "src/keyring.rs",
        find: "self.held_for(target).filter(|grant| grant.is_fresh(self.cloud.now()))",
        replace:
          "self.held_for(target).or_else(|| self.held.borrow().first().cloned()).filter(|grant| grant.is_fresh(self.cloud.now()))",
      },
    ],
  },
  {
    name: "joins a start of another organization's agent",
    edits: [
      {
        file: "src/starts.rs",
        find: "start.shares && other.key == key",
        replace: "start.shares && other.key.agent == key.agent && other.key.recording_type == key.recording_type",
      },
    ],
  },
  {
    name: "takes a shared start from the others with one's abort",
    edits: [
      {
        file: "src/starts.rs",
        find: "struct Progress {",
        replace: "struct Progress {\n    abort: futures_util::future::AbortHandle,",
      },
      {
        file: "src/starts.rs",
        find: "Rc::new(Progress {",
        replace: "Rc::new(Progress { abort,",
      },
      {
        file: "src/starts.rs",
        find: "let number = self.begun.get();",
        replace:
          "let (abort, registration) = futures_util::future::AbortHandle::new_pair();\n        let number = self.begun.get();",
      },
      {
        file: "src/starts.rs",
        find: "let started = starts.started(&its_key, start.shares, &its_progress).await;",
        replace: `let work = futures_util::future::Abortable::new(starts.started(&its_key, start.shares, &its_progress), registration);
            let started = work.await.unwrap_or_else(|_| Err(Error::new(Code::OutcomeUnknown, "aborted").into()));`,
      },
      {
        file: "src/starts.rs",
        find: "impl Starting {",
        replace:
          "impl Drop for Starting {\n    fn drop(&mut self) {\n        self.progress.abort.abort();\n    }\n}\n\nimpl Starting {",
      },
    ],
  },
  {
    name: "takes a 5xx for a definite no",
    edits: [
      {
        file: "src/starts.rs",
        find: "Err(Unanswered::Refused(mut error)) if error.code == Code::CloudUnavailable => {",
        replace: "Err(Unanswered::Refused(mut error)) if false && error.code == Code::CloudUnavailable => {",
      },
    ],
  },
  {
    name: "takes any recording of the agent for its own",
    edits: [
      {
        file: "src/starts.rs",
        find: "!is_anothers && recording.state != State::Stopped && recording.started_since(since, |text| ports.parse_date(text))",
        replace:
          "recording.started_since(since, |text| ports.parse_date(text)) || (!is_anothers && recording.state != State::Stopped)",
      },
    ],
  },
  {
    name: "wakes nobody when the recorder is closed",
    edits: [{ file: "src/recorder.rs", find: "self.cloud.ports().close();", replace: "" }],
  },
  {
    name: "waits for the end of a call without a waker",
    edits: [
      {
        file: "src/recorder.rs",
        find: "if let Poll::Ready(ended) = ended.as_mut().poll(context) {",
        replace:
          "if let Poll::Ready(ended) = ended.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {",
      },
      {
        file: "src/recorder.rs",
        find: "Poll::Pending => ended.as_mut().poll(context).map(Err),",
        replace: "Poll::Pending => Poll::Pending,",
      },
    ],
  },
  {
    name: "does not look when it had to wait for the lock",
    edits: [{ file: "src/starts.rs", find: "u32::from(has_waited)", replace: "0 * u32::from(has_waited)" }],
  },
  {
    name: "does not look after an aborted start",
    edits: [{ file: "src/starts.rs", find: "unsure.push(self.key.clone());", replace: "drop(unsure);" }],
  },
  {
    name: "repairs as often as it can",
    edits: [{ file: "src/sender.rs", find: "if repaired.is_some() || self.keyring", replace: "if self.keyring" }],
  },
  {
    name: "takes an earlier start's recording for a later one's",
    edits: [
      {
        file: "src/starts.rs",
        find: "!is_anothers && recording.state != State::Stopped && recording",
        replace: "(!is_anothers || true) && recording",
      },
    ],
  },
  {
    name: "trusts a claim again that the cloud has denied",
    edits: [{ file: "src/keyring.rs", find: "if self.true_owner(&grant).is_some() {", replace: "if false {" }],
  },
  {
    name: "joins a start of another type",
    edits: [
      {
        file: "src/starts.rs",
        find: "start.shares && other.key == key",
        replace: "start.shares && other.key.agent == key.agent && other.key.target == key.target",
      },
    ],
  },
  {
    name: "leaves the token in what the cloud repeats",
    edits: [
      {
        file: "src/grant.rs",
        find: "answer.strike_out(&bearer, |text| ports.parse_json(text));",
        replace: "let _ = bearer;",
      },
    ],
  },
];

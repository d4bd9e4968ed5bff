// Mistakes that the simulation has to find: each with the texts that it replaces, which are there exactly once.
export const MUTANTS = [
  {
    name: "sends a start again after a lost answer",
    edits: [
      {
        file: "src/recording/starts.rs",
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
        file: "src/recording/starts.rs",
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
        file: "src/recording/starts.rs",
        find: 'format!("premium-recorder start {} {} {recording_type} {agent}", target.environment.api(), target.org)',
        replace: 'format!("premium-recorder start {} {recording_type} {agent}", target.org)',
      },
    ],
  },
  {
    name: "shares tokens by organization without environment",
    edits: [
      {
        file: "src/auth/sources.rs",
        find: 'let environment = &target.environment;\n        self.shares.then(|| format!("premium-recorder {} {} {} {source} {person}", environment.api(), target.org, self.scope))',
        replace: 'self.shares.then(|| format!("premium-recorder {} {} {source} {person}", target.org, self.scope))',
      },
    ],
  },
  {
    name: "holds the lock over an abort",
    edits: [
      {
        file: "src/recording/starts.rs",
        find: "lock: RefCell<Option<P::Lock>>,",
        replace: "lock: RefCell<Option<std::mem::ManuallyDrop<P::Lock>>>,",
      },
      {
        file: "src/recording/starts.rs",
        find: "progress.lock.replace(lock);",
        replace: "progress.lock.replace(lock.map(std::mem::ManuallyDrop::new));",
      },
      {
        file: "src/recording/starts.rs",
        find: "drop(its_progress.lock.take());",
        replace: "drop(its_progress.lock.take().map(std::mem::ManuallyDrop::into_inner));",
      },
    ],
  },
  {
    name: "files by claim after the cloud disagreed",
    edits: [{ file: "src/client/mod.rs", find: "self.keyring.refile(grant, asked);", replace: "drop(asked);" }],
  },
  {
    name: "sends another organization's token when only that is held",
    edits: [
      {
        file: "src/auth/keyring.rs",
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
        file: "src/recording/starts.rs",
        find: "other.shares && other.key == key",
        replace: "other.shares && other.key.agent == key.agent && other.key.recording_type == key.recording_type",
      },
    ],
  },
  {
    name: "takes a shared start from the others with one's abort",
    edits: [
      {
        file: "src/recording/starts.rs",
        find: "struct Progress<P: Ports> {",
        replace: "struct Progress<P: Ports> {\n    abort: futures_util::future::AbortHandle,",
      },
      {
        file: "src/recording/starts.rs",
        find: "Rc::new(Progress {",
        replace: "Rc::new(Progress { abort,",
      },
      {
        file: "src/recording/starts.rs",
        find: "let number = self.begun.get();",
        replace:
          "let (abort, registration) = futures_util::future::AbortHandle::new_pair();\n        let number = self.begun.get();",
      },
      {
        file: "src/recording/starts.rs",
        find: "let started = starts.started(&its_key, start.shares, &its_progress).await;",
        replace: `let work = futures_util::future::Abortable::new(starts.started(&its_key, start.shares, &its_progress), registration);
            let started = work.await.unwrap_or_else(|_| Err(Error::new(Code::OutcomeUnknown, "aborted").into()));`,
      },
      {
        file: "src/recording/starts.rs",
        find: "impl<P: Ports> Starting<P> {",
        replace:
          "impl<P: Ports> Drop for Starting<P> {\n    fn drop(&mut self) {\n        self.progress.abort.abort();\n    }\n}\n\nimpl<P: Ports> Starting<P> {",
      },
    ],
  },
  {
    name: "takes a 5xx for a definite no",
    edits: [
      {
        file: "src/recording/starts.rs",
        find: "Err(Unanswered::Refused(mut error)) if error.code == Code::CloudUnavailable => {",
        replace: "Err(Unanswered::Refused(mut error)) if false && error.code == Code::CloudUnavailable => {",
      },
    ],
  },
  {
    name: "takes any recording of the agent for its own",
    edits: [
      {
        file: "src/recording/starts.rs",
        find: "may_be && recording.started_since(since, |text| ports.parse_date(text))",
        replace: "may_be || recording.started_since(since, |text| ports.parse_date(text))",
      },
    ],
  },
  {
    name: "wakes nobody when the recorder is closed",
    edits: [{ file: "src/recorder/mod.rs", find: "self.cloud.ports().close();", replace: "" }],
  },
  {
    name: "waits for the end of a call without a waker",
    edits: [
      {
        file: "src/recorder/mod.rs",
        find: "if let Poll::Ready(ended) = ended.as_mut().poll(context) {",
        replace:
          "if let Poll::Ready(ended) = ended.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {",
      },
      {
        file: "src/recorder/mod.rs",
        find: "Poll::Pending => ended.as_mut().poll(context).map(Err),",
        replace: "Poll::Pending => Poll::Pending,",
      },
    ],
  },
  {
    name: "does not look when it had to wait for the lock",
    edits: [
      {
        file: "src/recording/starts.rs",
        find: "unsure_since.or(has_waited.then_some(began))",
        replace: "unsure_since",
      },
    ],
  },
  {
    name: "does not look after an aborted start",
    edits: [
      {
        file: "src/recording/starts.rs",
        find: "unsure.push((self.key.clone(), sent.at));",
        replace: "drop((unsure, sent));",
      },
    ],
  },
  {
    name: "repairs as often as it can",
    edits: [{ file: "src/client/mod.rs", find: "if repaired.is_some() || self.keyring", replace: "if self.keyring" }],
  },
  {
    name: "trusts a claim again that the cloud has denied",
    edits: [{ file: "src/auth/keyring.rs", find: "refiled.push(is.clone());", replace: "" }],
  },
  {
    name: "joins a start of another type",
    edits: [
      {
        file: "src/recording/starts.rs",
        find: "other.shares && other.key == key",
        replace: "other.shares && other.key.agent == key.agent && other.key.target == key.target",
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

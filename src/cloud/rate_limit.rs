//! How often a token may be sent: what the cloud allows in a minute, and how much of that is used.

use std::cell::RefCell;

use crate::cloud::response::RateLimit;
use crate::cloud::signal::Waiters;
use crate::model::secret::Secret;
use crate::model::time::Instant;

/// Requests that the Platform API allows a token in a minute, unless a response says otherwise.
const DEFAULT_LIMIT: u32 = 300;

/// The length of the cloud's window, in milliseconds.
const MINUTE: i64 = 60_000;

/// The rate of every token that is in use.
#[derive(Debug, Default)]
pub struct RateLimiter {
    tokens: RefCell<Vec<TokenUsage>>,
    changed: Waiters,
}

#[derive(Debug)]
struct TokenUsage {
    token: Secret,
    in_flight: usize,
    /// When the requests of the last minute were answered: they arrived at the cloud before.
    answered: Vec<Instant>,
    reported: Option<ReportedLimit>,
    /// Until when the cloud has asked to wait (`Retry-After`).
    blocked_until: Option<Instant>,
}

/// What a response said of the token's limit.
#[derive(Clone, Copy, Debug)]
struct ReportedLimit {
    allowed: u32,
    /// Requests of others with the same token, until the cloud's window ends.
    others: usize,
    until: Instant,
}

impl RateLimiter {
    /// Forgets every token.
    pub fn forget(&self) {
        self.tokens.take();
        self.changed.wake();
    }

    /// Tasks that wait for a slot.
    pub(crate) fn changed(&self) -> &Waiters {
        &self.changed
    }

    /// A request is sent with this token.
    pub fn sent(&self, token: &Secret, now: Instant) {
        let mut tokens = self.tokens.borrow_mut();
        tokens.retain_mut(|usage| {
            usage.answered.retain(|answered| now.since(*answered) < MINUTE);
            let is_blocked = usage.blocked_until.is_some_and(|until| now < until);
            let has_limit = usage.reported.is_some_and(|reported| now < reported.until);
            usage.in_flight > 0 || !usage.answered.is_empty() || has_limit || is_blocked
        });
        match tokens.iter_mut().find(|usage| usage.token == *token) {
            Some(usage) => usage.in_flight = usage.in_flight.saturating_add(1),
            None => {
                tokens.push(TokenUsage { token: token.clone(), in_flight: 1, answered: Vec::new(), reported: None, blocked_until: None })
            }
        }
        drop(tokens);
        self.changed.wake();
    }

    /// The request was answered, or given up.
    pub fn answered(&self, token: &Secret, now: Instant, limit: Option<RateLimit>) {
        let mut tokens = self.tokens.borrow_mut();
        let Some(usage) = tokens.iter_mut().find(|usage| usage.token == *token) else { return };
        usage.in_flight = usage.in_flight.saturating_sub(1);
        usage.answered.retain(|answered| now.since(*answered) < MINUTE);
        usage.answered.push(now);
        if let Some(limit) = limit {
            // Whatever the response says, the window is a minute.
            let until = now.after_millis(i64::from(limit.reset).saturating_mul(1000).min(MINUTE));
            // The cloud counts in its own window, which began before some of our minute.
            let began = until.after_millis(-MINUTE);
            let own = usage.answered.iter().filter(|answered| **answered >= began).count().saturating_add(usage.in_flight);
            let others = usize::try_from(limit.count).unwrap_or(usize::MAX).saturating_sub(own);
            usage.reported = Some(ReportedLimit { allowed: limit.allowed, others, until });
        }
        drop(tokens);
        self.changed.wake();
    }

    /// The cloud asks to wait for so many milliseconds before this token is sent again.
    pub fn block(&self, token: &Secret, now: Instant, millis: u32) {
        if let Some(usage) = self.tokens.borrow_mut().iter_mut().find(|usage| usage.token == *token) {
            usage.blocked_until = usage.blocked_until.max(Some(now.after_millis(millis.into())));
        }
    }

    /// Whether the wait that the cloud asked for is not over.
    pub fn is_blocked(&self, token: &Secret, now: Instant) -> bool {
        let tokens = self.tokens.borrow();
        tokens.iter().any(|usage| usage.token == *token && usage.blocked_until.is_some_and(|until| now < until))
    }

    /// From when on another request with this token is within the limit, so that the cloud does not refuse it (429); `None`
    /// if that depends on requests in flight. `most`: requests in a minute, instead of the usual. `scheduled`: requests that
    /// are about to be sent. A tenth of the limit is left for whatever else needs the token.
    pub fn next_slot_at(&self, token: &Secret, now: Instant, most: Option<u32>, scheduled: usize) -> Option<Instant> {
        let tokens = self.tokens.borrow();
        let usage = tokens.iter().find(|usage| usage.token == *token);
        let limit = match (most, usage.and_then(|usage| usage.reported)) {
            (Some(most), Some(reported)) => most.min(reported.allowed),
            (Some(most), None) => most,
            (None, Some(reported)) => reported.allowed,
            (None, None) => DEFAULT_LIMIT,
        };
        let slots = usize::try_from(limit.saturating_sub(limit.div_ceil(10)).max(1)).unwrap_or(usize::MAX);
        // Our requests expire one by one. Those of others are known as a count only, which expires with the cloud's window.
        let answered = usage.map(|usage| usage.answered.as_slice()).unwrap_or_default();
        let own = answered.iter().filter(|at| now.since(**at) < MINUTE).map(|at| at.after_millis(MINUTE));
        let own: Vec<Instant> = own.collect();
        let reported = usage.and_then(|usage| usage.reported).filter(|reported| now < reported.until);
        let (others, until) = reported.map_or((0, now), |reported| (reported.others, reported.until));
        let in_flight = usage.map_or(0, |usage| usage.in_flight).max(scheduled);
        let before = own.partition_point(|expires_at| *expires_at <= until);
        let taken = own.len().saturating_add(others).saturating_add(in_flight);
        match taken.checked_sub(slots) {
            None => Some(now),
            Some(ahead) if ahead < before => own.get(ahead).copied(),
            Some(ahead) if ahead < before.saturating_add(others) => Some(until),
            Some(ahead) => own.get(ahead - others).copied(),
        }
    }
}

//! Rate limits: how many requests per minute the cloud allows for a token, how many of them are used, and until when the cloud
//! asked to wait.

use std::cell::{Cell, RefCell};

use crate::cloud::response::RateLimit;
use crate::cloud::signal::Waiters;
use crate::model::secret::Secret;
use crate::model::sorted_map::SortedMap;
use crate::model::time::Instant;

/// Requests per minute that the Platform API allows for a token, unless a response says otherwise.
const DEFAULT_LIMIT: u32 = 300;

/// The length of the cloud's window, in milliseconds.
const WINDOW_MS: i64 = 60_000;

/// The recent requests of every token.
#[derive(Debug, Default)]
pub struct RateLimiter {
    tokens: RefCell<SortedMap<Secret, TokenUsage>>,
    /// When the tokens that nobody uses any more were last forgotten.
    pruned_at: Cell<Option<Instant>>,
    changed: Waiters,
}

#[derive(Debug, Default)]
struct TokenUsage {
    in_flight: usize,
    /// The responses of the last minute: their requests reached the cloud earlier.
    responses: Vec<Responses>,
    /// When the first of the last [`Responses`] came.
    last_began: Option<Instant>,
    reported: Option<ReportedLimit>,
    /// Until when the cloud has asked to wait (`Retry-After`).
    blocked_until: Option<Instant>,
}

/// So many responses are kept one by one. More of them are kept by [`GRAIN_MS`], so that memory has a limit.
const MAX_SINGLE: usize = 480;

/// The longest time between responses that are counted as one, in milliseconds: a 500th of the window.
const GRAIN_MS: i64 = 120;

/// Responses that count until the same time: that of the last one. Small, because a page may have thousands of them.
#[derive(Clone, Copy, Debug)]
struct Responses {
    /// The low bits of the last one's [`Instant`].
    last: u32,
    count: u32,
}

impl Responses {
    /// When the last one came: within the 49 days before `now`, or the minute after it, if `now` was read before the response
    /// was counted.
    fn last(&self, now: Instant) -> Instant {
        let latest = now.after_millis(WINDOW_MS);
        latest.after_millis(-i64::from(latest.low_bits().wrapping_sub(self.last)))
    }
}

/// The token's limit, as a response reported it.
#[derive(Clone, Copy, Debug)]
struct ReportedLimit {
    allowed: u32,
    /// Requests by other clients with the same token, until the cloud's window ends.
    others: usize,
    window_end: Instant,
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

    /// Counts a request that is sent with this token.
    pub fn sent(&self, token: &Secret, now: Instant) {
        self.update(token, now, &|usage| usage.in_flight = usage.in_flight.saturating_add(1));
        self.changed.wake();
    }

    fn update(&self, token: &Secret, now: Instant, change: &dyn Fn(&mut TokenUsage)) {
        let mut tokens = self.tokens.borrow_mut();
        // Once a minute, so that a request costs the same however many tokens there are.
        if self.pruned_at.get().is_none_or(|at| now.since(at) >= WINDOW_MS) {
            self.pruned_at.set(Some(now));
            tokens.retain(|usage| usage.prune(now));
        }
        tokens.update(token.clone(), |usage| {
            if !usage.prune(now) {
                *usage = TokenUsage::default();
            }
            change(usage);
        });
    }

    /// Counts a response, or the end of a request without a response.
    pub fn answered(&self, token: &Secret, now: Instant, limit: Option<RateLimit>) {
        let mut tokens = self.tokens.borrow_mut();
        let Some(usage) = tokens.get_mut(token) else { return };
        usage.in_flight = usage.in_flight.saturating_sub(1);
        usage.add_response(now);
        if let Some(limit) = limit {
            // The window is at most a minute, whatever the response says.
            let window_end = now.after_millis(i64::from(limit.reset).saturating_mul(1000).min(WINDOW_MS));
            // The cloud's count covers only its own window, so count our requests since that window began.
            let window_start = window_end.after_millis(-WINDOW_MS);
            let own = count_since(window_start, &usage.responses, now).saturating_add(usage.in_flight);
            let others = usize::try_from(limit.count).unwrap_or(usize::MAX).saturating_sub(own);
            usage.reported = Some(ReportedLimit { allowed: limit.allowed, others, window_end });
        }
        drop(tokens);
        self.changed.wake();
    }

    /// The cloud asks to wait for so many milliseconds before this token is sent again.
    pub fn block(&self, token: &Secret, now: Instant, millis: u32) {
        let until = now.after_millis(millis.into());
        self.update(token, now, &|usage| usage.blocked_until = usage.blocked_until.max(Some(until)));
    }

    /// Forgets this token.
    pub(crate) fn forget_token(&self, token: &Secret) {
        self.tokens.borrow_mut().remove(token);
    }

    /// How many milliseconds are left of the wait that the cloud asked for; `None` if the wait is over.
    pub fn wait(&self, token: &Secret, now: Instant) -> Option<u32> {
        let tokens = self.tokens.borrow();
        let until = tokens.get(token)?.blocked_until?;
        u32::try_from(until.since(now)).ok().filter(|millis| *millis > 0)
    }

    /// When the next request with this token fits into the limit, so that the cloud does not refuse it (429); a time that is
    /// not later than `now` means at once, and `None` that it depends on requests in flight. `max`: requests per minute,
    /// instead of the default. `scheduled`: requests that are about to be sent. A tenth of the limit stays free for other
    /// clients of the token.
    pub fn next_slot_at(&self, token: &Secret, now: Instant, max: Option<u32>, scheduled: usize) -> Option<Instant> {
        let tokens = self.tokens.borrow();
        let usage = tokens.get(token);
        let reported = usage.and_then(|usage| usage.reported);
        let limit = match (max, reported) {
            (Some(max), Some(reported)) => max.min(reported.allowed),
            (Some(max), None) => max,
            (None, Some(reported)) => reported.allowed,
            (None, None) => DEFAULT_LIMIT,
        };
        let slots = usize::try_from(limit.saturating_sub(limit.div_ceil(10)).max(1)).unwrap_or(usize::MAX);
        // Our requests expire one by one. Requests by other clients are only a count, which expires with the cloud's window.
        let own = usage.map(|usage| usage.responses.as_slice()).unwrap_or_default();
        let (others, window_end) = reported.map_or((0, now), |reported| (reported.others, reported.window_end));
        let in_flight = usage.map_or(0, |usage| usage.in_flight).max(scheduled);
        let count = count_since(Instant::from_millis(i64::MIN), own, now);
        let before = count - count_since(window_end.after_millis(1 - WINDOW_MS), own, now);
        let expires_at = |nth: usize| {
            let mut left = nth;
            let of_nth = own.iter().find(|responses| match left.checked_sub(responses.count as usize) {
                Some(after) => {
                    left = after;
                    false
                }
                None => true,
            });
            of_nth.map(|responses| responses.last(now).after_millis(WINDOW_MS))
        };
        match count.saturating_add(others).saturating_add(in_flight).checked_sub(slots) {
            None => Some(now),
            Some(nth) if nth < before => expires_at(nth),
            Some(nth) if nth < before.saturating_add(others) => Some(window_end),
            Some(nth) => expires_at(nth - others),
        }
    }
}

/// How many of the responses came at this time or later.
fn count_since(since: Instant, responses: &[Responses], now: Instant) -> usize {
    let mut count = 0;
    for responses in responses {
        if responses.last(now) >= since {
            count += responses.count as usize;
        }
    }
    count
}

impl TokenUsage {
    fn add_response(&mut self, now: Instant) {
        let joins = self.responses.len() >= MAX_SINGLE && self.last_began.is_some_and(|began| now.since(began) < GRAIN_MS);
        match self.responses.last_mut().filter(|_| joins) {
            Some(responses) => {
                responses.last = now.low_bits();
                responses.count = responses.count.saturating_add(1);
            }
            None => {
                self.responses.push(Responses { last: now.low_bits(), count: 1 });
                self.last_began = Some(now);
            }
        }
    }

    /// Forgets the responses that do not count any more. Returns whether the token is still in use.
    fn prune(&mut self, now: Instant) -> bool {
        self.responses.retain(|responses| now.since(responses.last(now)) < WINDOW_MS);
        self.in_flight > 0 || !self.responses.is_empty() || self.blocked_until.is_some_and(|until| now < until)
    }
}

//! How often a token may ask: what the cloud allows in a minute, and what of that is used up.

use std::cell::RefCell;

use crate::cloud::response::RateLimit;
use crate::model::secret::Secret;
use crate::model::time::Timestamp;

/// Requests that the Platform API allows a token in a minute, where no answer says otherwise.
const USUAL_LIMIT: u32 = 300;

/// The length of the cloud's window, in milliseconds.
const MINUTE: i64 = 60_000;

/// The pace of every token that is in use.
#[derive(Debug, Default)]
pub struct RateLimiter {
    tokens: RefCell<Vec<TokenUsage>>,
}

#[derive(Debug)]
struct TokenUsage {
    token: Secret,
    in_flight: usize,
    /// When those of the last minute were answered: they arrived at the cloud before.
    answered: Vec<Timestamp>,
    told: Option<ReportedLimit>,
}

/// What an answer said of the token's limit.
#[derive(Clone, Copy, Debug)]
struct ReportedLimit {
    allowed: u32,
    /// Requests of others with the same token, until the cloud's window ends.
    others: usize,
    until: Timestamp,
}

impl RateLimiter {
    /// Forgets every token.
    pub fn forget(&self) {
        self.tokens.take();
    }

    /// A request is sent with this token.
    pub fn sent(&self, token: &Secret, now: Timestamp) {
        let mut tokens = self.tokens.borrow_mut();
        tokens.retain_mut(|used| {
            // One of a time to come is from before the clock was set back.
            used.answered.retain(|answered| (0..MINUTE).contains(&now.since(*answered)));
            used.in_flight > 0 || !used.answered.is_empty() || used.told.is_some_and(|told| now < told.until)
        });
        match tokens.iter_mut().find(|used| used.token == *token) {
            Some(used) => used.in_flight = used.in_flight.saturating_add(1),
            None => tokens.push(TokenUsage { token: token.clone(), in_flight: 1, answered: Vec::new(), told: None }),
        }
    }

    /// It was answered, or given up.
    pub fn answered(&self, token: &Secret, now: Timestamp, limit: Option<RateLimit>) {
        let mut tokens = self.tokens.borrow_mut();
        let Some(used) = tokens.iter_mut().find(|used| used.token == *token) else { return };
        used.in_flight = used.in_flight.saturating_sub(1);
        used.answered.retain(|answered| (0..MINUTE).contains(&now.since(*answered)));
        used.answered.push(now);
        if let Some(limit) = limit {
            // Whatever it says, the window is a minute.
            let until = now.after_millis(i64::from(limit.reset).saturating_mul(1000).min(MINUTE));
            // The count is that of the cloud's own window, which began before some of our minute.
            let began = until.after_millis(-MINUTE);
            let own = used.answered.iter().filter(|answered| **answered >= began).count().saturating_add(used.in_flight);
            let others = usize::try_from(limit.count).unwrap_or(usize::MAX).saturating_sub(own);
            used.told = Some(ReportedLimit { allowed: limit.allowed, others, until });
        }
    }

    /// From when on another request may be sent with this token, so that none is refused (429); `None` where that depends
    /// on those that are under way. `most`: requests in a minute, instead of the usual. A tenth is left for whatever else
    /// needs the token. `begun`: requests that are about to be sent.
    pub fn next_slot_at(&self, token: &Secret, now: Timestamp, most: Option<u32>, begun: usize) -> Option<Timestamp> {
        let tokens = self.tokens.borrow();
        let used = tokens.iter().find(|used| used.token == *token);
        let limit = match (most, used.and_then(|used| used.told)) {
            (Some(most), Some(told)) => most.min(told.allowed),
            (Some(most), None) => most,
            (None, Some(told)) => told.allowed,
            (None, None) => USUAL_LIMIT,
        };
        let slots = usize::try_from(limit.saturating_sub(limit.div_ceil(10)).max(1)).unwrap_or(usize::MAX);
        // In the order of time; those of others are as one block, where their window ends.
        let answered = used.map(|used| used.answered.as_slice()).unwrap_or_default();
        let own = answered.iter().filter(|at| (0..MINUTE).contains(&now.since(**at))).map(|at| at.after_millis(MINUTE));
        let own: Vec<Timestamp> = own.collect();
        let told = used.and_then(|used| used.told).filter(|told| (1..=MINUTE).contains(&told.until.since(now)));
        let (others, until) = told.map_or((0, now), |told| (told.others, told.until));
        let in_flight = used.map_or(0, |used| used.in_flight).max(begun);
        let before = own.partition_point(|next_slot_at| *next_slot_at <= until);
        let taken = own.len().saturating_add(others).saturating_add(in_flight);
        match taken.checked_sub(slots) {
            None => Some(now),
            Some(ahead) if ahead < before => own.get(ahead).copied(),
            Some(ahead) if ahead < before.saturating_add(others) => Some(until),
            Some(ahead) => own.get(ahead - others).copied(),
        }
    }
}

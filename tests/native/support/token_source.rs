//! The app's `getToken`: what it returns, and what it was called with.

use std::cell::Cell;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use premium_recorder::auth::need::Need;
use premium_recorder::auth::ports::TokenSource;
use premium_recorder::model::error::Cause;
use premium_recorder::token::access_token::IssuedToken;

use super::{Release, World, gate, issued_token, jwt_for, jwt_with_id};

pub(super) type TokenSourceCallback = Box<dyn Fn(GetTokenCall) -> LocalBoxFuture<'static, Result<Option<IssuedToken>, Cause>>>;

/// The arguments of one call of `getToken`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetTokenCall {
    pub environment: String,
    pub org: String,
    pub scopes: Vec<String>,
    pub reason: String,
}

impl World {
    pub fn token_source(&self, source: impl Fn(GetTokenCall) -> LocalBoxFuture<'static, Result<IssuedToken, Cause>> + 'static) -> &World {
        self.token_source_or_none(move |call| Box::pin(source(call).map(|issued| issued.map(Some))))
    }

    pub fn token_source_or_none(
        &self,
        source: impl Fn(GetTokenCall) -> LocalBoxFuture<'static, Result<Option<IssuedToken>, Cause>> + 'static,
    ) -> &World {
        self.0.token_source.replace(Some(Box::new(source)));
        self
    }

    /// `getToken` returns this token at once.
    pub fn issue(&self, token: &str) -> &World {
        let token = token.to_owned();
        self.token_source(move |_| {
            let token = token.clone();
            Box::pin(async move { Ok(issued_token(&token)) })
        })
    }

    /// `getToken` returns each organization's own token at once.
    pub fn issue_per_org(&self) -> &World {
        self.token_source(|call| Box::pin(async move { Ok(issued_token(&jwt_for(&call.org))) }))
    }

    /// `getToken` returns this token at once, with this `expiresIn` in seconds.
    pub fn issue_for(&self, token: &str, expires_in: f64) -> &World {
        let token = token.to_owned();
        self.token_source(move |_| {
            let issued = IssuedToken { expires_in: Some(expires_in), ..issued_token(&token) };
            Box::pin(async { Ok(issued) })
        })
    }

    /// `getToken` returns each organization's own token after so many milliseconds.
    pub fn issue_after(&self, millis: impl Fn() -> i64 + 'static) -> &World {
        let clock = self.clone();
        self.token_source(move |call| {
            let arrives = clock.sleep(millis());
            Box::pin(async move {
                arrives.await;
                Ok(issued_token(&jwt_for(&call.org)))
            })
        })
    }

    /// `getToken` returns each organization's own token. If `waits` is true for the organization, it waits for the release.
    pub fn issue_when_released(&self, waits: impl Fn(&str) -> bool + 'static) -> Release {
        let (release, released) = gate();
        self.token_source(move |call| {
            let released = waits(&call.org).then(|| released.clone());
            Box::pin(async move {
                if let Some(released) = released {
                    released.await.unwrap();
                }
                Ok(issued_token(&jwt_for(&call.org)))
            })
        });
        release
    }

    /// `getToken` returns the opaque tokens `token-1`, `token-2`, …, each with this `expiresIn` in seconds.
    pub fn issue_opaque(&self, expires_in: f64) -> &World {
        let count = Cell::new(0);
        self.token_source(move |_| {
            count.set(count.get() + 1);
            let token = format!("token-{}", count.get());
            Box::pin(async move { Ok(IssuedToken { access_token: token.into(), expires_in: Some(expires_in) }) })
        })
    }

    /// `getToken` returns a new JWT for each call, with this `expiresIn` in seconds. A call for whose number, counted from
    /// 1, `hangs` is true never returns.
    pub fn issue_unless(&self, expires_in: f64, hangs: impl Fn(usize) -> bool + 'static) -> &World {
        let count = Cell::new(0);
        self.token_source(move |call| {
            count.set(count.get() + 1);
            let hangs = hangs(count.get());
            let token = jwt_with_id(&call.org, &count.get().to_string());
            Box::pin(async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
                Ok(IssuedToken { access_token: token.into(), expires_in: Some(expires_in) })
            })
        })
    }

    /// Every call of `getToken`, in order.
    pub fn get_token_calls(&self) -> Vec<GetTokenCall> {
        self.0.get_token_calls.borrow().clone()
    }
}

impl TokenSource for World {
    fn has_token_source(&self) -> bool {
        self.0.token_source.borrow().is_some()
    }

    async fn get_token(&self, need: &Need, scopes: &[String]) -> Result<Option<IssuedToken>, Cause> {
        let call = GetTokenCall {
            environment: need.environment.name().to_owned(),
            org: need.org.as_ref().map_or(String::new(), |org| org.as_str().to_owned()),
            scopes: scopes.to_vec(),
            reason: need.reason.as_str().to_owned(),
        };
        self.0.get_token_calls.borrow_mut().push(call.clone());
        let issued = self.0.token_source.borrow().as_ref().expect("a call of getToken, but the test has none")(call);
        issued.await
    }
}

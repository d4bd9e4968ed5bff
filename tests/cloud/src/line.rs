//! One TCP connection, which a fault may cut.

use std::{
    convert::Infallible,
    future::{Future, pending},
    sync::Arc,
};

use axum::{Extension, Router, response::Response};
use hyper::{
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{Notify, watch},
};
use tokio_rustls::TlsAcceptor;
use tower::Layer;

use crate::{fault::StreamError, tls};

#[derive(Clone, Default)]
pub(crate) struct Line {
    cut: Arc<Notify>,
}

type Answers = TowerToHyperService<Extended>;
type Extended = <Extension<Line> as Layer<Router>>::Service;

impl Line {
    /// Ends the connection with no further byte. The answer never comes: the task that would send it is gone by then.
    pub(crate) async fn cut(&self) -> Response {
        self.cut.notify_one();
        pending().await
    }

    fn answers(&self, router: Router) -> Answers {
        TowerToHyperService::new(Extension(self.clone()).layer(router))
    }
}

/// Serves one connection: for one request, or for as many as come until `keep_alive` becomes false.
pub(crate) async fn serve(stream: TcpStream, router: Router, keep_alive: watch::Receiver<bool>) {
    over_http1(stream, |stream| stream, router, keep_alive).await;
}

/// Serves one connection over TLS, by the protocol that its client prefers.
pub(crate) async fn serve_securely(stream: TcpStream, acceptor: TlsAcceptor, router: Router, keep_alive: watch::Receiver<bool>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    if stream.get_ref().1.alpn_protocol() == Some(tls::HTTP_2) {
        over_http2(stream, router).await;
    } else {
        over_http1(stream, |stream| stream.get_ref().0, router, keep_alive).await;
    }
}

async fn over_http1<Io>(io: Io, tcp: impl Fn(&Io) -> &TcpStream, router: Router, mut keep_alive: watch::Receiver<bool>)
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let line = Line::default();
    let mut is_kept = *keep_alive.borrow_and_update();
    let mut connection = http1::Builder::new().keep_alive(is_kept).serve_connection(TokioIo::new(io), line.answers(router));
    loop {
        tokio::select! {
            () = line.cut.notified() => {
                // Without lingering, closing sends RST: a reset, and not the orderly end of an empty answer.
                let io = connection.into_parts().io.into_inner();
                let _ = tcp(&io).set_zero_linger();
                return;
            }
            () = ends(&mut keep_alive), if is_kept => {
                is_kept = false;
                // At once, or after the request that is under way.
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
            // A client that leaves in the middle is no concern of the server.
            _ = &mut connection => return,
        }
    }
}

/// Each connection for as many requests as come. A cut closes it, with every stream on it.
async fn over_http2(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, router: Router) {
    let line = Line::default();
    let answers = line.answers(router);
    let service = service_fn(move |request| answered(answers.call(request)));
    tokio::select! {
        () = line.cut.notified() => {}
        _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service) => {}
    }
}

/// An error ends the stream alone, with the reason that it gives.
async fn answered(answer: impl Future<Output = Result<Response, Infallible>>) -> Result<Response, h2::Error> {
    let Ok(response) = answer.await;
    match response.extensions().get() {
        Some(StreamError(reason)) => Err((*reason).into()),
        None => Ok(response),
    }
}

async fn ends(keep_alive: &mut watch::Receiver<bool>) {
    if keep_alive.wait_for(|keep_alive| !keep_alive).await.is_err() {
        // Nobody can change it.
        pending().await
    }
}

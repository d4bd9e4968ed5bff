//! One TCP connection, which a fault may cut.

use std::{future::pending, sync::Arc};

use axum::{Extension, Router, response::Response};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::TcpStream,
    sync::{Notify, watch},
};
use tower::Layer;

#[derive(Clone, Default)]
pub(crate) struct Line {
    cut: Arc<Notify>,
}

impl Line {
    /// Ends the connection with no further byte. The answer never comes: the task that would send it is gone by then.
    pub(crate) async fn cut(&self) -> Response {
        self.cut.notify_one();
        pending().await
    }
}

/// Serves one connection: for one request, or for as many as come until `keep_alive` becomes false.
pub(crate) async fn serve(stream: TcpStream, router: Router, mut keep_alive: watch::Receiver<bool>) {
    let line = Line::default();
    let service = TowerToHyperService::new(Extension(line.clone()).layer(router));
    let mut is_kept = *keep_alive.borrow_and_update();
    let mut connection = http1::Builder::new().keep_alive(is_kept).serve_connection(TokioIo::new(stream), service);
    loop {
        tokio::select! {
            () = line.cut.notified() => {
                // Without lingering, closing sends RST: a reset, and not the orderly end of an empty answer.
                let stream = connection.into_parts().io.into_inner();
                let _ = stream.set_zero_linger();
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

async fn ends(keep_alive: &mut watch::Receiver<bool>) {
    if keep_alive.wait_for(|keep_alive| !keep_alive).await.is_err() {
        // Nobody can change it.
        pending().await
    }
}

//! One TCP connection, which a fault may cut.

use std::{future::pending, sync::Arc};

use axum::{Extension, Router, response::Response};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::TcpStream, sync::Notify};
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

pub(crate) async fn serve(stream: TcpStream, router: Router, keep_alive: bool) {
    let line = Line::default();
    let service = TowerToHyperService::new(Extension(line.clone()).layer(router));
    let mut connection = http1::Builder::new().keep_alive(keep_alive).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = line.cut.notified() => {
            // Without lingering, closing sends RST: a reset, and not the orderly end of an empty answer.
            let stream = connection.into_parts().io.into_inner();
            let _ = stream.set_zero_linger();
        }
        // A client that leaves in the middle is no concern of the server.
        _ = &mut connection => {}
    }
}

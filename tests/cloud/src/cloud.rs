//! The running cloud: three listeners on the loopback.

use std::{io, net::Ipv4Addr, path::PathBuf, time::Duration};

use serde::Serialize;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::{
    api, apps,
    client::{Clients, is_redirect_uri},
    line, login, tls,
    world::Shared,
};

/// Where to listen, and what the apps origin serves.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port of the api origin; 0 takes a free one.
    pub api_port: u16,
    /// The port of the login origin; 0 takes a free one.
    pub login_port: u16,
    /// The port of the apps origin; 0 takes a free one.
    pub apps_port: u16,
    /// The folder that the apps origin serves; without it, every path there is unknown.
    pub apps_dir: Option<PathBuf>,
    /// Registered for the default OAuth client, also after a reset.
    pub redirect_uris: Vec<String>,
    /// Whether the api is there over TLS as well, on a free port.
    pub tls: bool,
}

/// The three origins, in the form that the library takes as an environment of its own.
#[derive(Clone, Debug, Serialize)]
pub struct Origins {
    /// Always `local`.
    pub name: &'static str,
    /// The platform API, and the controls under `/standin`.
    pub api: String,
    /// The OAuth login.
    pub login: String,
    /// The host of the apps.
    pub apps: String,
}

/// A cloud that runs until it is dropped.
#[derive(Debug)]
pub struct Cloud {
    origins: Origins,
    secure_origins: Option<Origins>,
    // Dropping the set ends its tasks, and with them every connection.
    _listeners: JoinSet<()>,
}

impl Cloud {
    /// Starts the cloud inside the current tokio runtime.
    ///
    /// # Errors
    /// If the folder of the apps does not exist, a redirect URI is none, or a port is taken.
    pub async fn start(options: Options) -> io::Result<Self> {
        if let Some(folder) = options.apps_dir.as_ref().filter(|folder| !folder.is_dir()) {
            let message = format!("{} is no folder", folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        if let Some(uri) = options.redirect_uris.iter().find(|uri| !is_redirect_uri(uri)) {
            let message = format!("{uri} is no redirect URI: it must be absolute and have no fragment");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let api = listen("api", options.api_port).await?;
        let login = listen("login", options.login_port).await?;
        let apps = listen("apps", options.apps_port).await?;
        let origin = |listener: &TcpListener| Ok::<_, io::Error>(format!("http://{}", listener.local_addr()?));
        let origins = Origins { name: "local", api: origin(&api)?, login: origin(&login)?, apps: origin(&apps)? };
        let shared = Shared::new(origins.clone(), Clients::new(options.redirect_uris));
        let mut listeners = JoinSet::new();
        let api_router = api::router(&shared);
        let login_router = login::router(&shared);
        let apps_router = apps::router(&shared, options.apps_dir.as_deref());
        let mut secure_origins = None;
        if options.tls {
            let (listener, acceptor) = (listen("secure api", 0).await?, tls::acceptor()?);
            secure_origins = Some(Origins { api: format!("https://{}", listener.local_addr()?), ..origins.clone() });
            let (router, keep_alive) = (api_router.clone(), shared.keep_alive());
            listeners
                .spawn(serve(listener, move |stream| line::serve_securely(stream, acceptor.clone(), router.clone(), keep_alive.clone())));
        }
        for (listener, router, keep_alive) in [
            (api, api_router, shared.keep_alive()),
            (login, login_router, watch::Sender::new(false).subscribe()),
            (apps, apps_router, watch::Sender::new(true).subscribe()),
        ] {
            listeners.spawn(serve(listener, move |stream| line::serve(stream, router.clone(), keep_alive.clone())));
        }
        Ok(Self { origins, secure_origins, _listeners: listeners })
    }

    /// Where the cloud listens.
    #[must_use]
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// The same, with the api over TLS; `None` if the options do not ask for it.
    #[must_use]
    pub fn secure_origins(&self) -> Option<&Origins> {
        self.secure_origins.as_ref()
    }
}

async fn listen(name: &str, port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| {
        let message = format!("the {name} origin cannot listen on 127.0.0.1:{port}: {error}");
        io::Error::new(error.kind(), message)
    })
}

async fn serve<Served>(listener: TcpListener, connection: impl Fn(TcpStream) -> Served)
where
    Served: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accept(&listener) => {
                connections.spawn(connection(accepted));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            // Small answers must not wait for one another; a socket that cannot say so still works.
            let _ = stream.set_nodelay(true);
            return stream;
        }
        // Out of file handles, most likely: some connection has to end first.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

//! Runs the stand-in cloud alone, until it is interrupted.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use standin_cloud::{Cloud, Options};

/// A stand-in Genesys Cloud on 127.0.0.1, for tests and demonstrations.
#[derive(Parser)]
#[command(name = "standin-cloud")]
struct Arguments {
    /// Port of the api origin; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    api_port: u16,
    /// Port of the login origin; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    login_port: u16,
    /// Port of the apps origin; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    apps_port: u16,
    /// Folder that the apps origin serves
    #[arg(long, value_name = "DIR")]
    apps_dir: Option<PathBuf>,
    /// Registers a redirect URI for the default OAuth client; may be repeated
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// Serves the api over TLS and HTTP/2 as well, on a free port
    #[arg(long)]
    tls: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("standin-cloud: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> io::Result<()> {
    let mut end = std::pin::pin!(end()?);
    let cloud = Cloud::start(Options {
        api_port: arguments.api_port,
        login_port: arguments.login_port,
        apps_port: arguments.apps_port,
        apps_dir: arguments.apps_dir,
        redirect_uris: arguments.redirect_uri,
        tls: arguments.tls,
    })
    .await?;
    let origins = serde_json::to_string(cloud.origins())?;
    let mut stdout = io::stdout();
    // The other line comes last: it says that the cloud is ready.
    if let Some(secure) = cloud.secure_origins() {
        writeln!(stdout, "secure {}", serde_json::to_string(secure)?)?;
    }
    writeln!(stdout, "cloud  {origins}")?;
    stdout.flush()?;
    end.as_mut().await
}

/// Listens before the line is printed: who reads it may end the cloud at once.
#[cfg(unix)]
fn end() -> io::Result<impl Future<Output = io::Result<()>>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}

#[cfg(not(unix))]
fn end() -> io::Result<impl Future<Output = io::Result<()>>> {
    Ok(tokio::signal::ctrl_c())
}

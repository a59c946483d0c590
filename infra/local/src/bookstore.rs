//! The practice application: a real HTTP server, as well as what it stands on.
//!
//! Stands in for two servers, blue and green, behind failover routing that takes a few seconds, for their
//! database, and for a CDN with its two origins. It asks the emulator how the instances, the database and
//! the distribution are, answers accordingly, and writes down to the millisecond when its answers truly
//! changed: what Firedrill measured is compared with that.
//!
//! | path | answers |
//! |---|---|
//! | `/version/` | which server serves: `{"version": "bookstore-api-blue"}` |
//! | `/books/` | the books; without a server, or while its database takes no connections, 503 |
//! | `/static/status.json` | as through the CDN, whom the edges serve: `{"cdn": "primary"}` or `secondary` |
//! | `/origins/primary/static/status.json` | the primary origin itself |
//! | `/origins/standby/static/status.json` | the standby itself |

mod background;
mod cdn;
mod database;
mod routing;
mod server;
mod shop;
mod truth;

use std::{
    fs::OpenOptions,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{LocalAws, LocalError, request::Requests};

use shop::{Shared, Shop, held};
use truth::Diary;

pub use cdn::Cdn;
pub use routing::Color;
pub use truth::{CdnTruth, DatabaseTruth, Truth, What};

/// How the bookstore behaves.
#[derive(Clone, Debug)]
pub struct BookstoreOptions {
    /// How often it looks at what it stands on: its answers are late by as much.
    pub look_every: Duration,
    /// How long nobody is served after a failure, before the standby is.
    pub failover_ms: u64,
    /// The standby never takes over.
    pub broken: bool,
    /// The CDN answers from its cache, with what it served first.
    pub cached: bool,
    /// Id or ARN of its distribution. None: the first that has the origins `primary` and `standby`.
    pub distribution: Option<String>,
    /// Id or ARN of its cluster or database instance. None: the first cluster, or else the first instance.
    pub database: Option<String>,
}

impl Default for BookstoreOptions {
    fn default() -> Self {
        Self {
            look_every: Duration::from_millis(50),
            failover_ms: 3_000,
            broken: false,
            cached: false,
            distribution: None,
            database: None,
        }
    }
}

/// A running bookstore. Dropping it closes it.
#[derive(Debug)]
pub struct Bookstore {
    address: SocketAddr,
    shop: Shared,
    close: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bookstore {
    /// Opens one on a free port of 127.0.0.1. Until its instances run it answers 503. Its truth is also
    /// in `bookstore.jsonl` in the emulator's folder.
    ///
    /// # Errors
    /// No port, no file or no thread.
    pub fn open(aws: &LocalAws, options: &BookstoreOptions) -> Result<Self, LocalError> {
        let fail = |error: std::io::Error| LocalError::Bookstore(error.to_string());
        let requests = Requests::new(aws.endpoint(), "LOCALBOOKSTORE")?;
        let path = truth_file(aws.folder());
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(LocalError::file("cannot write", path))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let shop = Arc::new(Mutex::new(Shop::new(options, Diary::new(file))));
        let (close, closed) = oneshot::channel();
        // A thread and a runtime of its own: its answers must not wait for whoever watches it.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
        let (inside, look_every) = (Arc::clone(&shop), options.look_every);
        let thread = std::thread::Builder::new().name("bookstore".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = server::serve(listener, Arc::clone(&inside)) => {}
                    () = background::look(&requests, &inside, look_every) => {}
                    () = background::publish(&requests, &inside) => {}
                    _ = closed => {}
                }
            });
        });
        Ok(Self { address, shop, close: Some(close), thread: Some(thread.map_err(fail)?) })
    }

    /// Where users reach it, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The primary origin of the CDN really fails: it answers 503, and its metric is 0.
    pub fn fail_primary_cdn(&self) {
        held(&self.shop).set_primary_cdn_failed(true);
    }

    /// The primary origin of the CDN is well again.
    pub fn heal_primary_cdn(&self) {
        held(&self.shop).set_primary_cdn_failed(false);
    }

    /// What truly happened to the servers' answers, oldest first.
    #[must_use]
    pub fn truth(&self) -> Vec<Truth> {
        held(&self.shop).diary.servers.clone()
    }

    /// What truly happened to the CDN's answers, oldest first; nothing before there is a distribution.
    #[must_use]
    pub fn cdn_truth(&self) -> Vec<CdnTruth> {
        held(&self.shop).diary.cdn.clone()
    }

    /// What truly happened to the database, oldest first; nothing before there is one.
    #[must_use]
    pub fn database_truth(&self) -> Vec<DatabaseTruth> {
        held(&self.shop).diary.database.clone()
    }

    /// Who serves now.
    #[must_use]
    pub fn serving(&self) -> Option<Color> {
        held(&self.shop).routing.serving()
    }
}

/// Where a bookstore beside this emulator writes its truth, as JSON lines: those of the servers have
/// `what`, those of the CDN `edges`, those of the database `connectable`.
#[must_use]
pub fn truth_file(folder: &Path) -> PathBuf {
    folder.join("bookstore.jsonl")
}

impl Drop for Bookstore {
    fn drop(&mut self) {
        if let Some(close) = self.close.take() {
            let _ = close.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

//! Bookstore: the practice application, a real HTTP server.
//!
//! It stands in for two servers, blue and green, behind failover routing that takes a few seconds, for their
//! database, and for a CDN with its two origins. For each answer it asks the emulator for the state of the
//! instances, the database and the distribution, and it logs to the millisecond when its answers really
//! changed. Tests compare this log with what Firedrill measured.
//!
//! | path | answers |
//! |---|---|
//! | `/version/` | the server that serves: `{"version": "bookstore-api-blue"}`; 503 if none does |
//! | `/books/` | the books; 503 without a server, or while the database takes no connections |
//! | `/static/status.json` | as through the CDN, the origin that the edges serve: `{"cdn": "primary"}` or `secondary` |
//! | `/origins/primary/static/status.json` | the primary origin, asked directly |
//! | `/origins/standby/static/status.json` | the standby origin, asked directly |

mod cdn;
mod database;
mod routing;
mod server;
mod shop;
mod truth;
mod view;

use std::{
    fs::OpenOptions,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};

use tokio::sync::oneshot;

use crate::{LocalAws, LocalError, request::Requests};

use shop::Shop;
use truth::Diary;
use view::View;

pub use cdn::Cdn;
pub use routing::Color;
pub use truth::{CdnTruth, DatabaseTruth, Truth, What};

/// Options of a bookstore.
#[derive(Clone, Debug)]
pub struct BookstoreOptions {
    /// How long users get no answer after a failure before the standby serves, in milliseconds.
    pub failover_ms: u64,
    /// Whether the standby server never takes over.
    pub broken: bool,
    /// Whether the CDN answers from its cache: with the origin that it served first.
    pub cached: bool,
    /// The id or ARN of its distribution. None: the first that has the origins `primary` and `standby`.
    pub distribution: Option<String>,
    /// The id or ARN of its cluster or database instance. None: the first cluster, or else the first instance.
    pub database: Option<String>,
}

impl Default for BookstoreOptions {
    fn default() -> Self {
        Self { failover_ms: 3_000, broken: false, cached: false, distribution: None, database: None }
    }
}

/// A running bookstore. Dropping it stops the server.
#[derive(Debug)]
pub struct Bookstore {
    address: SocketAddr,
    view: Arc<View>,
    close: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bookstore {
    /// Starts a bookstore on a free port of 127.0.0.1. It answers 503 until its instances run. It also appends
    /// each change of its answers to [`truth_file`] in the emulator's folder.
    ///
    /// # Errors
    /// No port could be bound, or the file, the runtime or the thread not be created.
    pub fn open(aws: &LocalAws, options: &BookstoreOptions) -> Result<Self, LocalError> {
        let fail = |error: std::io::Error| LocalError::Bookstore(error.to_string());
        let requests = Requests::new(aws.endpoint(), "LOCALBOOKSTORE")?;
        let path = truth_file(aws.folder());
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(LocalError::file("cannot write", path))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let view = Arc::new(View::new(requests, Shop::new(options, Diary::new(file))));
        let (close, closed) = oneshot::channel();
        // On its own thread and runtime, so that its answers never wait for the test or demo that measures them.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
        let inside = Arc::clone(&view);
        let thread = std::thread::Builder::new().name("bookstore".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = server::serve(listener, Arc::clone(&inside)) => {}
                    () = inside.publish() => {}
                    _ = closed => {}
                }
            });
        });
        Ok(Self { address, view, close: Some(close), thread: Some(thread.map_err(fail)?) })
    }

    /// The URL for users, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes the primary origin of the CDN really fail: it answers 503, and its metric is 0.
    pub fn fail_primary_cdn(&self) {
        self.view.last().set_primary_cdn_failed(true);
    }

    /// Makes the primary origin of the CDN healthy again.
    pub fn heal_primary_cdn(&self) {
        self.view.last().set_primary_cdn_failed(false);
    }

    /// The changes of the servers' answers, oldest first.
    #[must_use]
    pub fn truth(&self) -> Vec<Truth> {
        self.view.last().diary.servers.clone()
    }

    /// The changes of the CDN's answers, oldest first; empty until a distribution exists.
    #[must_use]
    pub fn cdn_truth(&self) -> Vec<CdnTruth> {
        self.view.last().diary.cdn.clone()
    }

    /// The changes of the database, oldest first; empty until a database exists.
    #[must_use]
    pub fn database_truth(&self) -> Vec<DatabaseTruth> {
        self.view.last().diary.database.clone()
    }

    /// The server that serves now; none if users get no answer.
    #[must_use]
    pub fn serving(&self) -> Option<Color> {
        self.view.last().routing.serving()
    }
}

/// The file to which a bookstore writes its changes as JSON lines, in the emulator's `folder`. A line about the
/// servers has the field `what` ([`Truth`]), one about the CDN `edges` ([`CdnTruth`]), one about the database
/// `connectable` ([`DatabaseTruth`]).
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

//! The practice application: a real HTTP server, as well as its two instances are.
//!
//! Stands in for two servers, blue and green, behind failover routing that takes a few seconds. It asks
//! the emulator how the instances are, answers for the one that serves, and writes down to the
//! millisecond when its answers truly changed: what Firedrill measured is compared with that.

mod routing;

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    LocalAws, LocalError,
    clock::{self, Since},
    emulator::Instance,
    request::Requests,
};

use routing::{Routing, Servers};

/// How often it looks at its instances.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often a server says that it is up.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// How the bookstore behaves.
#[derive(Clone, Debug)]
pub struct BookstoreOptions {
    /// How long nobody is served after a failure, before the standby is.
    pub failover_ms: u64,
    /// The standby never takes over.
    pub broken: bool,
}

impl Default for BookstoreOptions {
    fn default() -> Self {
        Self { failover_ms: 3_000, broken: false }
    }
}

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "their names are their colors")]
pub enum Color {
    Blue,
    Green,
}

impl Color {
    const fn name(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}

/// What truly happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// The first answer of all.
    Opened,
    /// From here on nobody was served.
    Failed,
    /// From here on users were served again.
    Recovered,
    /// Another server took over, and no answer was lost.
    MovedBack,
}

/// One change of the bookstore's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Truth {
    /// When, in milliseconds since the Unix epoch, by the clock that Firedrill reads, too.
    pub at_ms: i64,
    /// What.
    pub what: What,
    /// Who serves since then.
    pub by: Option<Color>,
}

/// A running bookstore. Dropping it closes it.
#[derive(Debug)]
pub struct Bookstore {
    address: SocketAddr,
    shop: Arc<Mutex<Shop>>,
    close: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the requests and the looks share.
#[derive(Debug)]
struct Shop {
    routing: Routing,
    truth: Vec<Truth>,
    file: File,
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
        let shop = Arc::new(Mutex::new(Shop { routing: Routing::new(options), truth: Vec::new(), file }));
        let (close, closed) = oneshot::channel();
        // A thread and a runtime of its own: its answers must not wait for whoever watches it.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
        let inside = Arc::clone(&shop);
        let thread = std::thread::Builder::new().name("bookstore".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, Arc::clone(&inside)) => {}
                    () = look(&requests, &inside) => {}
                    () = publish(&requests, &inside) => {}
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

    /// What truly happened, oldest first.
    #[must_use]
    pub fn truth(&self) -> Vec<Truth> {
        held(&self.shop).truth.clone()
    }

    /// Who serves now.
    #[must_use]
    pub fn serving(&self) -> Option<Color> {
        held(&self.shop).routing.serving()
    }
}

/// Where a bookstore beside this emulator writes its truth, as JSON lines.
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

fn held(shop: &Mutex<Shop>) -> MutexGuard<'_, Shop> {
    shop.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks at the instances, for ever.
async fn look(requests: &Requests, shop: &Mutex<Shop>) {
    let began = Since::now();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // An emulator that does not answer changes nothing about who serves.
        let servers = match requests.local(Method::GET, "instances", None).await {
            Ok(found) => {
                Some(Servers::of(&serde_json::from_value::<Vec<Instance>>(found).unwrap_or_default()))
            }
            Err(_) => None,
        };
        let mut shop = held(shop);
        if let Some(what) = shop.routing.look(servers, began.elapsed()) {
            // Under the lock that every answer takes: this is when they change.
            let truth = Truth { at_ms: clock::epoch_ms(), what, by: shop.routing.serving() };
            shop.truth.push(truth);
            let line = serde_json::to_string(&truth).unwrap_or_default();
            let _ = writeln!(shop.file, "{line}");
        }
    }
}

/// Each server that is up says so. One that is not says nothing.
async fn publish(requests: &Requests, shop: &Mutex<Shop>) {
    let mut ticks = tokio::time::interval(PUBLISH_EVERY);
    loop {
        ticks.tick().await;
        let up = held(shop).routing.up();
        for color in up {
            // One lost datapoint among ten is no news.
            let _ = requests.put_metric("Bookstore", "instance-up", color.name(), 1).await;
        }
    }
}

async fn serve(listener: TcpListener, shop: Arc<Mutex<Shop>>) {
    let routes = Router::new()
        .route("/version/", get(version))
        .route("/books/", get(books))
        .route("/static/status.json", get(status))
        .with_state(shop);
    if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
        let _ = axum::serve(listener, routes).await;
    }
}

async fn version(State(shop): State<Arc<Mutex<Shop>>>) -> Response {
    served(&shop, |color| json!({ "version": format!("bookstore-api-{}", color.name()) }))
}

async fn books(State(shop): State<Arc<Mutex<Shop>>>) -> Response {
    served(&shop, |_| {
        json!([
            { "id": 1, "title": "The Checklist Manifesto", "author": "Atul Gawande" },
            { "id": 2, "title": "Normal Accidents", "author": "Charles Perrow" },
            { "id": 3, "title": "The Field Guide to Understanding Human Error", "author": "Sidney Dekker" },
        ])
    })
}

async fn status() -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(json!({ "cdn": "primary" }))).into_response()
}

fn served(shop: &Mutex<Shop>, body: impl Fn(Color) -> Value) -> Response {
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    if let Some(color) = held(shop).routing.serving() {
        (no_store, Json(body(color))).into_response()
    } else {
        let error = Json(json!({ "error": "no server is up" }));
        (StatusCode::SERVICE_UNAVAILABLE, no_store, error).into_response()
    }
}

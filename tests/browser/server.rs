//! Server: pages on this machine, and a record of everything that was asked for.

use std::{
    collections::BTreeMap,
    mem,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri},
    response::{Html, IntoResponse as _, Response},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::pages::Page;

/// It ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    pages: BTreeMap<String, String>,
    asked: Mutex<Vec<String>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Serves these pages.
    pub async fn of(pages: &[Page]) -> Self {
        let pages = pages.iter().map(|page| (format!("/{}", page.path), page.html.clone())).collect();
        let shared = Arc::new(Shared { pages, asked: Mutex::default() });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the server serves until it is dropped");
        });
        Self { address, shared, task }
    }

    /// The URL of a page.
    pub fn url(&self, page: &Page) -> String {
        format!("http://{}/{}", self.address, page.path)
    }

    /// What was asked for since this was last asked: the paths.
    pub fn asked(&self) -> Vec<String> {
        mem::take(&mut *self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri) -> Response {
    shared.asked.lock().unwrap_or_else(PoisonError::into_inner).push(uri.path().to_owned());
    match shared.pages.get(uri.path()) {
        Some(page) => Html(page.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

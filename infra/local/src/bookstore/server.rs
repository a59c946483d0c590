//! HTTP server: the bookstore's routes and answers.

use std::{net::TcpListener, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::{
    cdn::{Cdn, EdgeResponse, STATUS},
    view::View,
};

pub(super) async fn serve(listener: TcpListener, view: Arc<View>) {
    let routes = Router::new()
        .route("/version/", get(version))
        .route("/books/", get(books))
        .route(STATUS, get(through_cdn))
        .route("/origins/primary/static/status.json", get(primary))
        .route("/origins/standby/static/status.json", get(standby))
        .with_state(view);
    if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
        let _ = axum::serve(listener, routes).await;
    }
}

async fn version(State(view): State<Arc<View>>) -> Response {
    match view.current().await.serves() {
        Ok(color) => ok(json!({ "version": format!("bookstore-api-{}", color.name()) })),
        Err(why) => unavailable(why),
    }
}

async fn books(State(view): State<Arc<View>>) -> Response {
    match view.current().await.has_books() {
        Ok(_) => ok(json!([
            { "id": 1, "title": "The Checklist Manifesto", "author": "Atul Gawande" },
            { "id": 2, "title": "Normal Accidents", "author": "Charles Perrow" },
            { "id": 3, "title": "The Field Guide to Understanding Human Error", "author": "Sidney Dekker" },
        ])),
        Err(why) => unavailable(why),
    }
}

/// The status document through the CDN: with `CloudFront`'s header `x-cache`, if a distribution exists.
async fn through_cdn(State(view): State<Arc<View>>) -> Response {
    let shop = view.current().await;
    let answer = shop.delivery.answer();
    let (mut response, from_cache) = match answer {
        EdgeResponse::Fresh(cdn) => (status_of(cdn), "Miss from cloudfront"),
        EdgeResponse::Cached(cdn) => (status_of(cdn), "Hit from cloudfront"),
        EdgeResponse::Down => (unavailable("the origin that is asked is down"), "Error from cloudfront"),
    };
    if shop.delivery.is_deployed() {
        response.headers_mut().insert("x-cache", HeaderValue::from_static(from_cache));
    }
    if matches!(answer, EdgeResponse::Cached(_)) {
        response.headers_mut().insert(header::AGE, HeaderValue::from_static("30"));
    }
    response
}

async fn primary(State(view): State<Arc<View>>) -> Response {
    origin(&view, Cdn::Primary)
}

async fn standby(State(view): State<Arc<View>>) -> Response {
    origin(&view, Cdn::Secondary)
}

fn origin(view: &View, cdn: Cdn) -> Response {
    if view.last().delivery.is_healthy(cdn) { status_of(cdn) } else { unavailable("this origin is down") }
}

/// The status document. The header `x-cdn` says the same, for probes that do not read bodies.
fn status_of(cdn: Cdn) -> Response {
    let mut response = ok(json!({ "cdn": cdn.name() }));
    response.headers_mut().insert("x-cdn", HeaderValue::from_static(cdn.name()));
    response
}

fn ok(body: Value) -> Response {
    (no_store(), Json(body)).into_response()
}

fn unavailable(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, no_store(), Json(json!({ "error": why }))).into_response()
}

/// `no-store`: a cached answer would be taken for a current one.
fn no_store() -> HeaderMap {
    HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))])
}

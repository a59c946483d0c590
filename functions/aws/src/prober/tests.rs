use firedrill_core::{Tristate, request::HttpProbe};
use firedrill_drills::probe::ask_http;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::clock::SystemClock;

mod tls;

/// A server on this machine that gives every connection the same answer.
async fn serving(answer: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nx-cdn: primary\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

async fn look(probe: serde_json::Value) -> (Tristate, String) {
    let probe: HttpProbe = serde_json::from_value(probe).unwrap();
    let answer = ask_http(&HttpProber::new().unwrap(), &SystemClock::start(), &probe).await;
    (answer.seen, answer.detail.unwrap())
}

#[tokio::test]
async fn refused_unresolved_and_late_are_what_users_would_see() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let late = json!({"url": format!("http://127.0.0.1:{port}/"), "deadlineMs": 50});
    assert_eq!(look(late.clone()).await, (Tristate::No, "no answer within 50 ms".to_owned()));
    drop(listener);
    assert_eq!(look(late).await, (Tristate::No, "connection refused".to_owned()));
    let nowhere = json!({"url": "http://nowhere.invalid/", "deadlineMs": 10_000});
    assert_eq!(look(nowhere).await, (Tristate::No, "the name does not resolve".to_owned()));
}

#[tokio::test]
async fn the_metadata_service_is_never_asked_nor_redirected_to() {
    // 0xa9fea9fe is 169.254.169.254 to a URL parser.
    for url in ["http://169.254.169.254/latest/", "http://0xa9fea9fe/", "http://[::ffff:a9fe:a9fe]/"] {
        let (seen, detail) = look(json!({"url": url})).await;
        assert!(seen == Tristate::Unknown && detail.contains("not asked"), "{url}: {detail}");
    }
    let to =
        |location: &str| format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let port = serving(to("http://169.254.169.254/latest/meta-data/")).await;
    let (seen, detail) = look(json!({"url": format!("http://127.0.0.1:{port}/")})).await;
    assert!(seen == Tristate::Unknown && detail.contains("not asked"), "{detail}");
    let port = serving(to("/again")).await;
    let (seen, detail) = look(json!({"url": format!("http://127.0.0.1:{port}/")})).await;
    assert_eq!((seen, detail.as_str()), (Tristate::No, "failed: too many redirects"));
}

#[tokio::test]
async fn an_endless_body_is_not_read_to_its_end() {
    let url = format!("http://127.0.0.1:{}/", serving(ok(&" ".repeat(MAX_BYTES + 1))).await);
    assert_eq!(look(json!({"url": url, "json": {"pointer": "", "equals": 1}})).await.0, Tristate::Unknown);
    assert_eq!(look(json!({"url": url})).await.0, Tristate::Yes, "nobody asked for the body");
}

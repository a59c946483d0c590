use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use aws_sdk_sns::config::{Credentials, SharedCredentialsProvider};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// One mutating call to this port of this machine, and what it proves.
async fn call(connection: &Connection) -> Answer {
    let client = aws_sdk_sns::Client::new(&connection.mutating);
    let sent = client.publish().topic_arn("arn:aws:sns:eu-west-2:123456789012:pages").message("x").send();
    sent.await.map_err(failure("sns:Publish")).expect_err("nobody answers with a page's id").answer
}

fn connection(endpoint: &str) -> Connection {
    let credentials = Credentials::new("test", "test", None, None, "test");
    let loaded = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .region(Region::new("eu-west-2"))
        .build();
    Connection::over(&loaded, Duration::from_secs(10))
}

/// What a server does with a connection that it took.
#[derive(Clone, Copy)]
enum Server {
    /// Reads the call, and closes the connection without an answer.
    Closes,
    /// Refuses every call, and keeps the connection open for the next one.
    Refuses,
}

/// A server on this machine, and how many connections it took.
async fn serving(how: Server) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    if matches!(how, Server::Closes) {
                        return;
                    }
                    let refused = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
                    stream.write_all(refused.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (endpoint, taken)
}

#[tokio::test]
async fn a_call_is_never_taken_for_unsent_unless_no_connection_was_made() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refusing = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    for unreachable in [refusing.as_str(), "http://nowhere.invalid"] {
        let answer = call(&connection(unreachable)).await;
        assert_eq!(answer, Answer::NotConnected, "{unreachable}");
    }
    let (closing, _) = serving(Server::Closes).await;
    assert_eq!(call(&connection(&closing)).await, Answer::None, "it was read, and may have been executed");
}

#[tokio::test]
async fn no_mutating_call_is_ever_sent_over_a_connection_that_was_kept() {
    let (endpoint, taken) = serving(Server::Refuses).await;
    let connection = connection(&endpoint);
    for _ in 0..3 {
        assert!(matches!(call(&connection).await, Answer::Error { status: 400, .. }));
    }
    assert_eq!(taken.load(Ordering::Relaxed), 3);
}

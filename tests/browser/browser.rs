//! Browser: headless Chromium behind a `chromedriver` of its own, for one test.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use fantoccini::{
    Client, ClientBuilder, Locator,
    wd::{Capabilities, WebDriverCompatibleCommand},
};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

/// No deadline ends a test on a busy machine.
const DEADLINE_MS: u64 = 3_600_000;
/// So many drivers are started, one after the other, until one has a port.
const STARTS: usize = 20;

/// What the browser starts with: nothing of it calls home, and no name but that of this machine resolves.
const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
];

/// A browser with one window.
pub struct Browser {
    /// The session with its driver.
    pub client: Client,
    /// Both end with this, also when a test fails.
    _processes: Processes,
}

/// So often the folder of a browser is removed again while something still writes into it.
const MAX_TRIES: u32 = 500;

/// The browser and its driver. Dropping this ends them, by their ids.
struct Processes {
    driver: Child,
    /// Open as long as the driver may write into it.
    _said: BufReader<ChildStdout>,
    browser: Option<Pid>,
    profile: TempDir,
}

impl Drop for Processes {
    fn drop(&mut self) {
        // While its driver lives, which waits for it, no other process can have its id.
        if let (Some(browser), Ok(None)) = (self.browser, self.driver.try_wait()) {
            let _ = kill_process(browser, Signal::KILL);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        // The browser's helpers end when it is gone, and may write until then.
        for _ in 0..MAX_TRIES {
            if std::fs::remove_dir_all(self.profile.path()).is_ok() || !self.profile.path().exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The width of the window, in CSS pixels.
    pub width: u32,
    /// `screen` or `print`.
    pub media: &'static str,
    /// `light` or `dark`.
    pub scheme: &'static str,
}

impl View {
    /// A wide window of a light screen.
    pub const SCREEN: Self = Self { width: 1_280, media: "screen", scheme: "light" };
}

impl Browser {
    /// Runs a test with a new browser.
    pub async fn with(test: impl AsyncFnOnce(&Self)) {
        let browser = Self::start().await;
        test(&browser).await;
        // The browser removes its lock and ends before its profile is removed.
        browser.client.clone().close().await.expect("the session ends");
    }

    async fn start() -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder");
        let capabilities = capabilities(&profile);
        let (driver, said, port) =
            (0..STARTS).find_map(|_| driver(&profile)).expect("chromedriver finds a free port");
        let mut processes = Processes { driver, _said: said, browser: None, profile };
        let url = format!("http://127.0.0.1:{port}");
        let connected =
            ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&url).await;
        let client = connected.unwrap_or_else(|error| panic!("no session: {error}"));
        let id = client.capabilities().and_then(|of| of["goog:processID"].as_i64());
        processes.browser = id.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        assert!(processes.browser.is_some(), "a driver that does not say which process it started");
        Self { client, _processes: processes }
    }

    /// Opens a page, and waits until all of it is loaded.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Looks at pages in this way from now on.
    pub async fn view(&self, view: View) {
        let size = json!({ "width": view.width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = json!({ "name": "prefers-color-scheme", "value": view.scheme });
        let media = json!({ "media": view.media, "features": [scheme] });
        self.command("Emulation.setEmulatedMedia", media).await;
    }

    /// What a script returns; a list, or the test fails.
    pub async fn list(&self, script: &str) -> Vec<Value> {
        let answer = self.client.execute(script, Vec::new()).await;
        match answer.unwrap_or_else(|error| panic!("a script of this test: {error}")) {
            Value::Array(list) => list,
            other => panic!("a script of this test returned no list: {other}"),
        }
    }

    /// A picture of the first element of this selector, as PNG.
    pub async fn picture(&self, selector: &str) -> Vec<u8> {
        let element = self.client.find(Locator::Css(selector)).await.expect("the element is there");
        element.screenshot().await.expect("a picture of it")
    }

    /// What the page did since this was last asked: events of `Network` and `Page` in the protocol of
    /// Chrome's developer tools.
    pub async fn events(&self) -> Vec<Value> {
        let entries = self.extension("se/log", json!({ "type": "performance" })).await;
        let entries = entries.as_array().expect("the log is a list");
        let event = |entry: &Value| {
            let text = entry["message"].as_str().expect("an entry has a message");
            serde_json::from_str::<Value>(text).expect("a message is JSON")["message"].clone()
        };
        entries.iter().map(event).collect()
    }

    async fn command(&self, name: &str, parameters: Value) -> Value {
        self.extension("goog/cdp/execute", json!({ "cmd": name, "params": parameters })).await
    }

    async fn extension(&self, path: &'static str, body: Value) -> Value {
        let answer = self.client.issue_cmd(Extension { path, body }).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

fn capabilities(profile: &TempDir) -> Capabilities {
    let arguments = ARGUMENTS.map(str::to_owned).into_iter();
    let folder = format!("--user-data-dir={}", profile.path().join("profile").display());
    let arguments: Vec<String> = arguments.chain([folder]).collect();
    let wanted = json!({
        "browserName": "chrome",
        "goog:chromeOptions": { "args": arguments },
        "goog:loggingPrefs": { "performance": "ALL" },
        "timeouts": { "script": DEADLINE_MS, "pageLoad": DEADLINE_MS }
    });
    wanted.as_object().expect("an object").clone()
}

/// A driver, and the port on which it listens; none if it ended at once, as it does where another process has taken its port.
fn driver(profile: &TempDir) -> Option<(Child, BufReader<ChildStdout>, u16)> {
    const READY: &str = "ChromeDriver was started successfully on port ";
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", profile.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver starts");
    let mut said = BufReader::new(driver.stdout.take().expect("its output is piped"));
    let mut lines = said.by_ref().lines().map_while(Result::ok);
    let port = lines.find_map(|line| line.strip_prefix(READY)?.trim_end_matches('.').parse().ok());
    let Some(port) = port else {
        let _ = driver.kill();
        let _ = driver.wait();
        return None;
    };
    Some((driver, said, port))
}

/// A command that only `chromedriver` knows.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!("session/{}/{}", session_id.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _request_url: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

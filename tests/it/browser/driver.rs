//! A Chromium of our own for each story, through the one chromedriver of the test process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// What brings Chromium, its driver, fonts and axe-core.
const HINT: &str = "run scripts/setup, which brings it";
/// Shift and Control, and what releases them.
const HELD: [char; 2] = ['\u{E008}', '\u{E009}'];
const RELEASE: char = '\u{E000}';
/// A machine that is busy with other tests may need this long for a page.
const WITHIN: Duration = Duration::from_mins(1);

/// Runs chromedriver until standard input ends, which it does when the test process does, however that ends; then
/// its browsers end with it, and their files go.
const WATCH: &str = r#"
TMPDIR="$1" chromedriver --port=0 >"$1/log" 2>&1 &
cat >/dev/null
rm -rf "$1"
kill -KILL 0
"#;

struct Driver {
    url: String,
    /// Its standard input is open as long as this process lives.
    _watcher: Child,
}

fn driver() -> &'static Driver {
    static DRIVER: OnceLock<Driver> = OnceLock::new();
    DRIVER.get_or_init(|| {
        use std::os::unix::process::CommandExt as _;
        let folder = tempfile::Builder::new().prefix("red-mailbox-web").tempdir().unwrap().keep();
        let mut watcher = Command::new("/bin/sh")
            .args(["-c", WATCH, "watch"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let url = wait_until_ready(&folder, &mut watcher);
        Driver { url, _watcher: watcher }
    })
}

/// Where the driver listens, once it does.
fn wait_until_ready(folder: &Path, watcher: &mut Child) -> String {
    for _ in 0..1200 {
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(!log.contains("not found"), "no chromedriver on this machine: {HINT}");
        if let Some((_, rest)) = log.split_once("started successfully on port ") {
            let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
            return format!("http://127.0.0.1:{port}");
        }
        assert!(watcher.try_wait().unwrap().is_none(), "chromedriver ended: {HINT}");
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("chromedriver does not start: {HINT}");
}

/// The text of axe-core, which finds what keeps people out of a page.
fn axe() -> String {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    let file = cache.unwrap_or_else(home).join("red-mailbox/axe-core-4.14.1.js");
    std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("no {}: {HINT}", file.display()))
}

/// A command of Chromium's own protocol.
#[derive(Debug)]
struct Cdp(&'static str, Value);

impl WebDriverCompatibleCommand for Cdp {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"cmd": self.0, "params": self.1}).to_string()))
    }
}

/// What the browser wrote to its console.
#[derive(Debug)]
struct Console;

impl WebDriverCompatibleCommand for Console {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"type": "browser"}).to_string()))
    }
}

/// A window of a browser that knows nothing yet.
pub(super) struct Browser {
    client: Client,
    origin: String,
}

impl Browser {
    /// A window on the server at `origin`.
    pub(super) async fn open(origin: String) -> Self {
        let options = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
                "--hide-scrollbars", "--window-size=360,800",
                // A camera and a microphone that show and say something, and nobody who has to agree.
                "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]},
        });
        let Value::Object(options) = options else { unreachable!() };
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let opened = ClientBuilder::new(connector).capabilities(options).connect(&driver().url).await;
        let client = opened.unwrap_or_else(|fault| panic!("no Chromium: {fault}; {HINT}"));
        Self { client, origin }
    }

    pub(super) async fn cdp(&self, command: &'static str, params: Value) -> Value {
        self.client.issue_cmd(Cdp(command, params)).await.unwrap()
    }

    /// No script of a page runs from now on; what a test asks for does.
    pub(super) async fn without_scripts(&self) {
        self.cdp("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    }

    /// Every page from now on has axe-core beside it.
    pub(super) async fn with_axe(&self) {
        self.cdp("Page.addScriptToEvaluateOnNewDocument", json!({"source": axe()})).await;
    }

    pub(super) async fn width(&self, width: u32) {
        let metrics = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    pub(super) async fn is_dark(&self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        // What fades is measured when it has faded.
        let still = json!({"name": "prefers-reduced-motion", "value": "reduce"});
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}, still]});
        self.cdp("Emulation.setEmulatedMedia", features).await;
    }

    /// Takes the network away from the page, or gives it back.
    pub(super) async fn offline(&self, is_off: bool) {
        // Without it the page is told of the change and its requests go through all the same.
        self.cdp("Network.enable", json!({})).await;
        let network =
            json!({"offline": is_off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        self.cdp("Network.emulateNetworkConditions", network).await;
    }

    pub(super) async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.origin)).await.unwrap();
    }

    /// Ends the session of whoever is signed in, and keeps how pages look.
    pub(super) async fn forget(&self) {
        self.client.delete_cookie("__Host-session").await.unwrap();
    }

    pub(super) async fn back(&self) {
        self.client.back().await.unwrap();
    }

    /// The first element that fits, once it is there.
    #[track_caller]
    pub(super) fn find(&self, selector: &str) -> impl Future<Output = Element> {
        let (client, selector) = (self.client.clone(), selector.to_owned());
        let caller = std::panic::Location::caller();
        async move {
            let found = client.wait().at_most(WITHIN).for_element(Locator::Css(&selector)).await;
            match found {
                Ok(found) => found,
                Err(fault) => {
                    let page = client.source().await.unwrap_or_default();
                    panic!("{caller}: no {selector}: {fault}\n{page}")
                }
            }
        }
    }

    pub(super) async fn click(&self, selector: &str) {
        let found = self.find(selector).await;
        found.click().await.unwrap_or_else(|fault| panic!("cannot click {selector}: {fault}"));
    }

    /// Puts `text` in place of what stands in a field.
    pub(super) async fn fill(&self, selector: &str, text: &str) {
        let field = self.find(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap_or_else(|fault| panic!("cannot type in {selector}: {fault}"));
    }

    /// Presses keys where the focus is, one after the other; Shift and Control are held until a null.
    pub(super) async fn press(&self, keys: &str) {
        let (mut actions, mut held) = (KeyActions::new("keys".to_owned()), Vec::new());
        for value in keys.chars() {
            if value == RELEASE {
                for value in held.drain(..) {
                    actions = actions.then(KeyAction::Up { value });
                }
                continue;
            }
            actions = actions.then(KeyAction::Down { value });
            if HELD.contains(&value) {
                held.push(value);
            } else {
                actions = actions.then(KeyAction::Up { value });
            }
        }
        for value in held {
            actions = actions.then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Sends keys to what has the focus, all at once; Control is held until a null.
    pub(super) async fn type_in(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// Presses keys where nothing has the focus.
    pub(super) async fn press_anywhere(&self, keys: &str) {
        self.client.find(Locator::Css("body")).await.unwrap().send_keys(keys).await.unwrap();
    }

    /// What a script of ours gives on the page.
    pub(super) async fn ask(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// The same for a script that takes its time and calls `done`.
    pub(super) async fn ask_later(&self, script: &str) -> Value {
        let script = format!("const done = arguments[arguments.length - 1];{script}");
        self.client.execute_async(&script, Vec::new()).await.unwrap()
    }

    /// Waits for a page, drawn and with its scripts run, on which `script` is true; asked again of the next page when
    /// one goes away meanwhile.
    pub(super) async fn until(&self, script: &str) {
        let look = format!(
            "const done = arguments[arguments.length - 1]; const look = () => {{ \
             document.readyState === 'complete' && ({script}) ? done(true) : setTimeout(look, 20); }}; look();"
        );
        let mut fault = String::new();
        for _ in 0..3 {
            match self.client.execute_async(&look, Vec::new()).await {
                Ok(_) => return,
                Err(error) => fault = error.to_string(),
            }
        }
        panic!("never {script}: {fault}");
    }

    pub(super) async fn source(&self) -> String {
        self.client.source().await.unwrap()
    }

    /// Errors and policy reports since the last call. That a form was refused is an answer, not an error.
    pub(super) async fn complaints(&self) -> Vec<String> {
        let console = self.client.issue_cmd(Console).await.unwrap();
        let lines = console.as_array().cloned().unwrap_or_default().into_iter();
        let told = lines.filter(|it| it["level"] == "SEVERE" || it["level"] == "WARNING");
        let told = told.map(|it| it["message"].as_str().unwrap_or_default().to_owned());
        told.filter(|it| !it.contains("the server responded with a status of 4")).collect()
    }

    pub(super) async fn close(self) {
        self.client.close().await.unwrap();
    }
}

//! A browser that a test drives, by the WebDriver protocol (<https://www.w3.org/TR/webdriver2/>): Chromium, through its `chromedriver`.

#![allow(dead_code, reason = "each test binary uses a part")]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A page that takes longer has a fault, however slow the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends when dropped.
pub struct Browser {
    driver: Child,
    /// Where the driver listens, and what it calls the session.
    session: String,
}

impl Browser {
    /// None if there is no browser on this machine, which is said.
    pub fn start() -> Option<Browser> {
        let driver = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut driver) = driver else {
            println!("skipped: chromedriver is not installed");
            return None;
        };
        let mut lines = BufReader::new(driver.stdout.take().expect("piped")).lines();
        let port = lines.find_map(|line| {
            line.ok()?.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        let port: u16 = port.expect("the driver says its port");
        let mut browser = Browser { driver, session: format!("http://127.0.0.1:{port}/session") };
        let arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
        let options = json!({ "browserName": "chrome", "goog:chromeOptions": { "args": arguments } });
        let session = browser.ask("", &json!({ "capabilities": { "alwaysMatch": options } }));
        browser.session = format!("{}/{}", browser.session, session["sessionId"].as_str().expect("a session"));
        Some(browser)
    }

    /// What the driver answers to a command.
    fn ask(&self, command: &str, body: &Value) -> Value {
        let url = format!("{}{command}", self.session);
        let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
        let mut response =
            ureq::Agent::new_with_config(config).post(&url).send(body.to_string()).expect("the driver answers");
        let text = response.body_mut().read_to_string().expect("text");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        assert!(answer["value"]["error"].is_null(), "{command}: {answer:#}");
        answer["value"].clone()
    }

    /// Opens a page, and waits until it is there.
    pub fn open(&self, url: &str) {
        self.ask("/url", &json!({ "url": url }));
    }

    /// Gives the window this size.
    pub fn resize(&self, width: u32, height: u32) {
        self.ask("/window/rect", &json!({ "width": width, "height": height }));
    }

    /// What a script in the page returns.
    pub fn run(&self, script: &str) -> Value {
        self.ask("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits until a script returns something true.
    #[track_caller]
    pub fn until(&self, script: &str) {
        let begin = Instant::now();
        while self.run(&format!("return Boolean({script})")) != Value::Bool(true) {
            assert!(begin.elapsed() < PATIENCE, "never: {script}\n{}", self.run("return document.body.innerText"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver takes its browser along when it is told to, not when it is killed.
        let _ = ureq::delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

//! The page of the example `chat`, in a real browser: who enters there talks with everybody else.

#[path = "common/browser.rs"]
mod browser;
#[path = "common/server.rs"]
mod server;

use browser::Browser;
use server::Server;
use tungstenite::Message;

/// Types a line and sends it, as a click on the button does.
fn say(browser: &Browser, line: &str) {
    let line = serde_json::Value::from(line);
    browser
        .run(&format!("document.getElementById('text').value = {line}; document.querySelector('form button').click()"));
}

#[test]
fn who_enters_talks_with_the_others() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start("chat", &[]);
    let (mut other, _) = tungstenite::client(format!("ws://{}/chat", server.address), server.connect()).unwrap();
    other.send(Message::text("program")).unwrap();
    other.send(Message::text("said before <b>anybody</b> came")).unwrap();
    let mut hears = |words: &str| {
        loop {
            if let Message::Text(line) = other.read().unwrap()
                && line.as_str().contains(words)
            {
                return;
            }
        }
    };
    hears("said before");
    browser.open(&format!("http://{}/", server.address));
    // What was said before is on the page as it was said, script or not.
    browser.until("document.getElementById('lines').innerText.includes('said before <b>anybody</b> came')");
    say(&browser, "person");
    browser.until("document.getElementById('state').innerText.includes('You are person')");
    hears("person");
    say(&browser, "hello from a page");
    hears("hello from a page");
    other.send(Message::text("hello from a program")).unwrap();
    browser.until("document.getElementById('lines').innerText.includes('hello from a program')");
    // The other leaves, which the page is told, too.
    other.close(None).unwrap();
    other.flush().unwrap();
    browser.until("document.getElementById('lines').innerText.includes('program has gone')");
    drop(server);
    browser.until("document.getElementById('state').innerText.includes('Disconnected')");
}

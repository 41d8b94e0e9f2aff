//! Residents' pages in a real browser: each journey, each page's marks, nothing that runs but our own files.

mod desk;
mod driver;
mod fields;
mod journeys;
mod kiosk;
mod marks;

use self::driver::Browser;
use crate::builders::World;
use crate::harness::{Engine, run};

/// A community with a server, and a browser on it.
struct Visit {
    world: World,
    browser: Browser,
}

impl Visit {
    /// Puts a matter in from the first tile to the receipt; gives number and code.
    async fn put_in(&self, words: &str) -> (String, String) {
        let browser = &self.browser;
        self.browser.go("/report").await;
        self.choose_community().await;
        browser.click("[value='category:corridor_light']").await;
        browser.fill("#building", "3").await;
        browser.click("#answers button.main").await;
        browser.fill("#description", words).await;
        browser.click("#answers button.main").await;
        browser.find("#channel").await;
        browser.click("#answers button.main").await;
        browser.click("button[value=send]").await;
        self.receipt().await
    }

    async fn choose_community(&self) {
        self.browser.click("#community option[value=YD]").await;
        self.browser.click("#answers button.main").await;
        self.browser.find(".tiles").await;
    }

    /// Number and code of the receipt that is shown.
    async fn receipt(&self) -> (String, String) {
        let part = async |name: &str| {
            let found = self.browser.find(&format!("[data-{name}]")).await;
            found.attr(&format!("data-{name}")).await.unwrap().unwrap()
        };
        (part("number").await, part("code").await)
    }

    async fn track(&self, number: &str, code: &str) {
        self.browser.go("/track").await;
        self.browser.fill("#number", number).await;
        self.browser.fill("#code", code).await;
        self.browser.click("main button.main").await;
        self.browser.find(".state").await;
    }
}

/// Tells a story in a community and a browser of its own; at its end the browser has nothing to complain of.
fn browse(story: impl AsyncFnOnce(&Visit)) {
    let world = World::with(Engine::Sqlite, &[]);
    let origin = format!("http://{}", world.app.address);
    run(async {
        let visit = Visit { browser: Browser::open(origin).await, world };
        story(&visit).await;
        assert_eq!(visit.browser.complaints().await, Vec::<String>::new());
        let Visit { browser, world } = visit;
        browser.close().await;
        tokio::task::spawn_blocking(move || drop(world)).await.unwrap();
    });
}

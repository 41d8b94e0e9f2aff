//! Printed slips: one A4 page a sheet, with a stub to tear off.

use askama::Template;

use super::ASSETS;
use super::qr::Qr;
use crate::http::Problem;
use crate::notify::catalogue::{self, Language};
use crate::service::slips::Printed;
use crate::service::{App, Error};

const STYLE: &str = include_str!("../../../assets/slips.css");
/// Ways of answering that a letter can ask for.
const WAYS: [&str; 5] = ["call", "letter", "visit", "board", "none"];

struct Sheet {
    serial: String,
    first_half: String,
    second_half: String,
    qr: Option<Qr>,
}

#[derive(Template)]
#[template(path = "slips.html")]
struct SlipsPage<'a> {
    language: Language,
    community: &'a str,
    first: String,
    last: String,
    /// Where the style sheet is; empty puts it into the file.
    href: String,
    style: &'static str,
    ways: Vec<String>,
    slips: Vec<Sheet>,
}

impl SlipsPage<'_> {
    fn say(&self, key: &str) -> String {
        say(self.language, key)
    }
}

fn say(language: Language, key: &str) -> String {
    catalogue::say(language, "slip", key, &[]).unwrap_or_else(|_lacking| key.to_owned())
}

/// The sheets of printed slips as one HTML file: for a browser of the server, or to stand alone.
///
/// # Errors
/// Only when the page cannot be drawn.
pub fn sheets(app: &App, printed: &Printed, stands_alone: bool) -> Result<String, Problem> {
    let sheet = |(serial, code): &(crate::domain::number::Serial, String)| {
        let (first_half, second_half) = code.split_at(code.len() / 2);
        Sheet {
            serial: serial.to_string(),
            first_half: first_half.to_owned(),
            second_half: second_half.to_owned(),
            // The code stands in the fragment, which no server sees.
            qr: Qr::of(&format!("{}/r/{serial}#{code}", app.settings.public_url)),
        }
    };
    let language = Language::Chinese;
    let slips: Vec<Sheet> = printed.slips.iter().map(sheet).collect();
    let hashed = ASSETS.get("slips.css").filter(|_| !stands_alone);
    let page = SlipsPage {
        language,
        community: &printed.community.name,
        first: slips.first().map(|it| it.serial.clone()).unwrap_or_default(),
        last: slips.last().map(|it| it.serial.clone()).unwrap_or_default(),
        href: hashed.map(|it| format!("/assets/{}", it.hashed)).unwrap_or_default(),
        style: STYLE,
        ways: WAYS.iter().map(|it| say(language, it)).collect(),
        slips,
    };
    page.render().map_err(|error| Error::internal(format!("could not draw slips: {error}")).into())
}

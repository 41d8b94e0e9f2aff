//! Staff pages over plain HTTP, as a browser without scripts uses them: one cookie, forms, redirects.

mod admin;
mod door;
mod live;
mod mailboxes;
mod queue;
mod rights;
mod ticket;

use std::cell::RefCell;

use crate::app::Answer;
use crate::builders::{PASSWORD, World};

/// What a page must never run, whoever typed it where.
pub(crate) const EVIL: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}";

pub(crate) fn encoded(text: &str) -> String {
    let escaped: Vec<String> = text.bytes().map(|it| format!("%{it:02X}")).collect();
    escaped.concat()
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, text)| format!("{name}={}", encoded(text)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The value of the first hidden field with this name.
#[track_caller]
pub(crate) fn hidden(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let after = page.split_once(&start).unwrap_or_else(|| panic!("no {name} in {page}")).1;
    after.split('"').next().unwrap().to_owned()
}

/// A browser with its one cookie, on the server's own machine.
pub(crate) struct Browser<'a> {
    world: &'a World,
    cookie: RefCell<String>,
}

impl<'a> Browser<'a> {
    /// Somebody who is not signed in.
    pub(crate) fn new(world: &'a World) -> Self {
        Self { world, cookie: RefCell::default() }
    }

    /// `username`, signed in.
    pub(crate) fn of(world: &'a World, username: &str) -> Self {
        world.know(username);
        let browser = Self::new(world);
        browser.sign_in("/login", username, PASSWORD).expect(303);
        browser
    }

    pub(crate) fn sign_in(&self, path: &str, username: &str, password: &str) -> Answer {
        self.send(path, &[("username", username), ("password", password), ("totp", "")])
    }

    pub(crate) fn cookie(&self) -> String {
        self.cookie.borrow().clone()
    }

    pub(crate) fn with_cookie(self, cookie: &str) -> Self {
        cookie.clone_into(&mut self.cookie.borrow_mut());
        self
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let request = self.world.app.request("GET", path).header("Sec-Fetch-Site", "same-origin");
        self.kept(request.header("Accept", "text/html").header("Cookie", self.cookie()).send())
    }

    /// A page that is shown.
    #[track_caller]
    pub(crate) fn page(&self, path: &str) -> String {
        self.get(path).expect(200).text
    }

    /// A form as it is, without what our pages add.
    pub(crate) fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.world.app.request("POST", path).header("Sec-Fetch-Site", "same-origin");
        let request = request.header("Accept", "text/html").header("Cookie", self.cookie());
        self.kept(request.text("application/x-www-form-urlencoded", form(fields)).send())
    }

    /// A form of a page of one's own.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend(fields);
        self.send(path, &all)
    }

    /// A form with a file, as one's own page sends it.
    pub(crate) fn upload(&self, path: &str, fields: &[(&str, &str)], file: Option<(&str, &[u8])>) -> Answer {
        self.upload_with(path, &self.csrf(), fields, file)
    }

    pub(crate) fn upload_with(
        &self,
        path: &str,
        csrf: &str,
        fields: &[(&str, &str)],
        file: Option<(&str, &[u8])>,
    ) -> Answer {
        let mut body = Vec::new();
        for (name, text) in [("csrf", csrf)].iter().chain(fields) {
            let part = format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
            body.extend(part.into_bytes());
        }
        // A field in which nothing was chosen comes all the same, without a name.
        let (name, bytes) = file.unwrap_or(("", b""));
        let head = format!(
            "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        );
        body.extend(head.into_bytes());
        body.extend(bytes);
        body.extend(b"\r\n--cut--\r\n");
        let request = self.world.app.request("POST", path).header("Sec-Fetch-Site", "same-origin");
        let request = request.header("Accept", "text/html").header("Cookie", self.cookie());
        self.kept(request.text("multipart/form-data; boundary=cut", body).send())
    }

    pub(crate) fn csrf(&self) -> String {
        hidden(&self.page("/desk/account"), "csrf")
    }

    fn kept(&self, answer: Answer) -> Answer {
        let set = answer.header("set-cookie");
        if set.starts_with("__Host-session=") {
            set.split(';').next().unwrap().clone_into(&mut self.cookie.borrow_mut());
        }
        answer
    }
}

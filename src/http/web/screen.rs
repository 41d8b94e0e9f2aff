//! What every page has around it: language, text size, contrast, and the words of the catalogue.

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use actix_web::http::Method;

use super::ASSETS;
use crate::notify::catalogue::{self, Language};

/// The cookie that remembers how the pages look; it names nobody.
pub(super) const LOOK: &str = "look";
/// What a look may hold.
const SETTINGS: [&str; 5] = ["size-18", "size-24", "size-30", "strong", "en"];

/// How a page is drawn again after a change of look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Again {
    /// By its address.
    Asked,
    /// By sending its form, `answers`, as it is filled in.
    Answers,
    /// By sending these fields to `path`.
    Sent(Vec<(&'static str, String)>),
    /// Not at all.
    Never,
}

/// A button that changes how the pages look.
pub(super) struct Look {
    pub(super) set: &'static str,
    pub(super) label: String,
    /// What stands on it.
    pub(super) sign: String,
    pub(super) is_on: bool,
}

/// What surrounds a page.
pub(super) struct Screen {
    pub(super) language: Language,
    /// Where the page comes from again after a change of look.
    pub(super) path: String,
    pub(super) again: Again,
    settings: Vec<&'static str>,
}

impl Screen {
    /// The screen of a page that was asked for by its address.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let given = request.cookie(LOOK).map(|it: Cookie| it.value().to_owned()).unwrap_or_default();
        let settings: Vec<&'static str> =
            SETTINGS.into_iter().filter(|it| given.split('.').any(|word| word == *it)).collect();
        let language = if settings.contains(&"en") { Language::English } else { Language::Chinese };
        let again = if request.method() == Method::GET { Again::Asked } else { Again::Never };
        Self { language, path: request.path().to_owned(), again, settings }
    }

    /// The screen of a page that is the answer to a form.
    pub(super) fn again(self, path: &str, again: Again) -> Self {
        Self { path: path.to_owned(), again, ..self }
    }

    pub(super) fn is_answers(&self) -> bool {
        self.again == Again::Answers
    }

    pub(super) fn can_change(&self) -> bool {
        self.again != Again::Never
    }

    /// The buttons that change how the pages look.
    pub(super) fn looks(&self) -> Vec<Look> {
        let choices = ["size-18", "size-24", "size-30", "strong", "language"];
        let look = |set: &'static str| Look {
            set,
            label: self.say(&format!("look.{}", set.replace('-', "_"))),
            sign: self.say(if set == "language" { "look.language_short" } else { "look.letter" }),
            is_on: self.has(set),
        };
        choices.map(look).into()
    }

    /// What is sent to draw the page again; None when it cannot be.
    pub(super) fn sent(&self) -> Option<&[(&'static str, String)]> {
        match &self.again {
            Again::Asked => Some(&[]),
            Again::Sent(fields) => Some(fields),
            Again::Answers | Again::Never => None,
        }
    }

    /// The text `section.key`; the key itself where the catalogue lacks it, which a test finds.
    pub(super) fn say(&self, key: &str) -> String {
        self.say_with(key, &[])
    }

    /// The same with places filled in.
    pub(super) fn say_with(&self, key: &str, fields: &[(&str, &str)]) -> String {
        let (section, name) = key.split_once('.').unwrap_or((key, ""));
        catalogue::say(self.language, section, name, fields).unwrap_or_else(|_lacking| key.to_owned())
    }

    pub(super) fn asset(&self, name: &str) -> String {
        debug_assert!(self.path.starts_with('/'));
        ASSETS.get(name).map(|it| format!("/assets/{}", it.hashed)).unwrap_or_default()
    }

    pub(super) fn has(&self, setting: &str) -> bool {
        let is_default = setting == "size-18" && !self.settings.iter().any(|it| it.starts_with("size"));
        is_default || self.settings.contains(&setting)
    }

    pub(super) fn classes(&self) -> String {
        self.settings.join(" ")
    }

    pub(super) fn other_language(&self) -> &'static str {
        match self.language {
            Language::Chinese => Language::English.as_str(),
            Language::English => Language::Chinese.as_str(),
        }
    }

    /// The look after `choice`, as the cookie keeps it.
    pub(super) fn with(&self, choice: &str) -> String {
        let mut settings = self.settings.clone();
        let choice = if choice == "language" { "en" } else { choice };
        let Some(chosen) = SETTINGS.into_iter().find(|it| *it == choice) else {
            return settings.join(".");
        };
        if chosen.starts_with("size") {
            settings.retain(|it| !it.starts_with("size"));
            settings.push(chosen);
        } else if settings.contains(&chosen) {
            settings.retain(|it| *it != chosen);
        } else {
            settings.push(chosen);
        }
        settings.join(".")
    }
}

/// The half of a message in both languages that a reader of `language` wants: Chinese stands first.
pub(super) fn in_language(message: &str, language: Language) -> &str {
    match (message.rsplit_once("。 "), language) {
        (Some((chinese, _)), Language::Chinese) => chinese,
        (Some((_, english)), Language::English) => english,
        (None, _) => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_in_one_language() {
        assert_eq!(in_language("请写明。 Say it.", Language::Chinese), "请写明");
        assert_eq!(in_language("请写明。 Say it.", Language::English), "Say it.");
        assert_eq!(in_language("one", Language::Chinese), "one");
    }
}

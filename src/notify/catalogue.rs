//! The message catalogue: what residents read, by language and key, with places to fill in.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::words;

words! {
    /// A language of the catalogue.
    Language { Chinese = "zh-CN", English = "en" }
}

type Texts = BTreeMap<String, BTreeMap<String, String>>;

static CHINESE: LazyLock<Texts> = LazyLock::new(|| {
    read(concat!(
        include_str!("../../locales/zh-CN/mail.toml"),
        "\n",
        include_str!("../../locales/zh-CN/pages.toml"),
        "\n",
        include_str!("../../locales/zh-CN/kiosk.toml"),
        "\n",
        include_str!("../../locales/zh-CN/desk.toml"),
        "\n",
        include_str!("../../locales/zh-CN/boxes.toml"),
        "\n",
        include_str!("../../locales/zh-CN/lead.toml"),
        "\n",
        include_str!("../../locales/zh-CN/slips.toml")
    ))
});
static ENGLISH: LazyLock<Texts> = LazyLock::new(|| {
    read(concat!(
        include_str!("../../locales/en/mail.toml"),
        "\n",
        include_str!("../../locales/en/pages.toml"),
        "\n",
        include_str!("../../locales/en/kiosk.toml"),
        "\n",
        include_str!("../../locales/en/desk.toml"),
        "\n",
        include_str!("../../locales/en/boxes.toml"),
        "\n",
        include_str!("../../locales/en/lead.toml"),
        "\n",
        include_str!("../../locales/en/slips.toml")
    ))
});

/// An unreadable file is an empty catalogue, in which nothing is found; the tests read every file.
fn read(toml: &str) -> Texts {
    toml::from_str(toml).unwrap_or_default()
}

fn texts(language: Language) -> &'static Texts {
    match language {
        Language::Chinese => &CHINESE,
        Language::English => &ENGLISH,
    }
}

/// The text `section.key` in `language`, each `{name}` in it replaced by the field of that name.
///
/// What is filled in is not looked at again, so a resident's words cannot call for another field.
///
/// # Errors
/// A text naming what the catalogue lacks, or the field that the text asks for and was not given.
pub fn say(language: Language, section: &str, key: &str, fields: &[(&str, &str)]) -> Result<String, String> {
    let text = texts(language).get(section).and_then(|it| it.get(key));
    let text = text.ok_or_else(|| format!("no text {section}.{key} in {language}"))?;
    fill(text, fields).map_err(|name| format!("text {section}.{key} in {language} asks for {name}"))
}

/// The text with each `{name}` in it replaced by the field of that name, once.
///
/// # Errors
/// The name of a field that the text asks for and was not given.
pub fn fill(text: &str, fields: &[(&str, &str)]) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, left) = after.split_once('}').ok_or_else(|| after.to_owned())?;
        let (_, value) = fields.iter().find(|it| it.0 == name).ok_or_else(|| name.to_owned())?;
        filled.push_str(before);
        filled.push_str(value);
        rest = left;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_the_same_keys() {
        let keys = |language| {
            let sections = texts(language).iter();
            let keys =
                sections.flat_map(|(name, texts)| texts.keys().map(move |key| (name.clone(), key.clone())));
            keys.collect::<Vec<_>>()
        };

        assert!(!keys(Language::Chinese).is_empty());
        assert_eq!(keys(Language::Chinese), keys(Language::English));
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let filled = fill("{a} and {b}", &[("a", "{b}"), ("b", "{a}")]);

        assert_eq!(filled.as_deref(), Ok("{b} and {a}"));
    }

    #[test]
    fn a_field_that_was_not_given_is_named() {
        assert_eq!(fill("Dear {name}", &[]), Err("name".to_owned()));
        assert!(say(Language::English, "reply", "nothing", &[]).is_err());
    }
}

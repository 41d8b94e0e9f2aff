//! The forms a setting may be given in, and how its secrets are hidden when it is shown.

use crate::cidr::Cidr;

/// A TOML value as the text it would be in a variable; None for tables, times and mixed lists.
pub(super) fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(is_set) => Some(is_set.to_string()),
        toml::Value::Array(values) => {
            let texts: Option<Vec<&str>> = values.iter().map(toml::Value::as_str).collect();
            texts.map(|it| it.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

pub(super) fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[expect(clippy::option_option, reason = "unreadable, not given, given")]
pub(super) fn optional<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() { Some(None) } else { read(text).map(Some) }
}

pub(super) fn number<T: std::str::FromStr + PartialOrd>(text: &str, min: T, max: T) -> Option<T> {
    text.parse().ok().filter(|it| (min..=max).contains(it))
}

pub(super) fn database_url(text: &str) -> Option<String> {
    let path = text.strip_prefix("sqlite://");
    if path.is_some_and(|it| !it.is_empty()) { Some(text.to_owned()) } else { database_url_of_server(text) }
}

pub(super) fn database_url_of_server(text: &str) -> Option<String> {
    let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"))?;
    filled(rest).map(|_| text.to_owned())
}

pub(super) fn mail_url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("smtp://").or_else(|| text.strip_prefix("smtps://"))?;
    filled(rest).map(|_| text.to_owned())
}

pub(super) fn mail_address(text: &str) -> Option<String> {
    let (name, host) = text.rsplit_once('@')?;
    let is_right = !name.is_empty()
        && !host.is_empty()
        && !text.chars().any(|it| it.is_control() || it.is_whitespace() || "<>,;".contains(it));
    is_right.then(|| text.to_owned())
}

pub(super) fn log_filter(text: &str) -> Option<String> {
    let filter = tracing_subscriber::EnvFilter::builder().parse(text);
    filter.ok().map(|_| text.to_owned())
}

pub(super) fn web_url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let is_right = !rest.is_empty()
        && !rest.starts_with('/')
        && !rest.chars().any(|it| it.is_control() || it.is_whitespace() || "?#\"<>@".contains(it));
    is_right.then(|| text.trim_end_matches('/').to_owned())
}

/// A web address with places to fill in; what stands where is the gateway's to judge.
pub(super) fn web_template(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let is_right = !rest.is_empty() && !rest.chars().any(|it| it.is_control() || it.is_whitespace());
    is_right.then(|| text.to_owned())
}

/// The host of a web address, without its port.
pub(super) fn host_of(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    match authority.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|it| it.is_ascii_digit()) => Some(host),
        Some(_) | None => Some(authority),
    }
}

pub(super) fn networks(text: &str) -> Option<Vec<Cidr>> {
    text.split([',', ' ']).filter(|it| !it.is_empty()).map(Cidr::parse).collect()
}

/// The text with the password of a URL hidden.
pub(super) fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |it| rest.split_at(it));
    // A password may hold an unescaped slash; everything up to the last @ is then taken for it.
    let (authority, path) = if path.contains('@') { (rest, "") } else { (authority, path) };
    let masked_query = path.split_once("password=").map_or(path.to_owned(), |(before, after)| {
        let rest = after.find('&').map_or("", |it| &after[it..]);
        format!("{before}password=****{rest}")
    });
    match authority.rsplit_once('@') {
        Some((who, host)) => {
            let user = who.split_once(':').map_or(who.to_owned(), |it| format!("{}:****", it.0));
            format!("{scheme}://{user}@{host}{masked_query}")
        }
        None => format!("{scheme}://{authority}{masked_query}"),
    }
}

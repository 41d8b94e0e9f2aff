//! Contact data as staff see it before they ask for the whole, with a reason (PRODUCT §8).

use super::Contact;

impl Contact {
    /// 138****1234: enough to tell two residents apart, too little to call one.
    #[must_use]
    pub fn masked(self) -> Self {
        let phone = |it: String| if it.len() >= 11 { keep_ends(&it, 3, 4) } else { keep_ends(&it, 1, 2) };
        let email = |it: String| match it.split_once('@') {
            Some((local, domain)) => format!("{}@{}", keep_ends(local, 1, 0), keep_ends(domain, 1, 0)),
            None => "****".to_owned(),
        };
        Self {
            name: self.name.map(|it| keep_ends(&it, 1, 0)),
            phone: self.phone.map(phone),
            email: self.email.map(email),
            address: self.address.map(|_| "****".to_owned()),
            channel: self.channel,
        }
    }
}

/// The first and last characters around four stars, whatever the length between.
fn keep_ends(text: &str, n_first: usize, n_last: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= n_first + n_last {
        return "****".to_owned();
    }
    let first: String = chars[..n_first].iter().collect();
    let last: String = chars[chars.len() - n_last..].iter().collect();
    format!("{first}****{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_contact_tells_nothing_whole() {
        let whole = Contact {
            name: Some("李奶奶".to_owned()),
            phone: Some("13812341234".to_owned()),
            email: Some("li@example.org".to_owned()),
            address: Some("3号楼".to_owned()),
            channel: None,
        };

        let masked = whole.masked();

        assert_eq!(masked.name.as_deref(), Some("李****"));
        assert_eq!(masked.phone.as_deref(), Some("138****1234"));
        assert_eq!(masked.email.as_deref(), Some("l****@e****"));
        assert_eq!(masked.address.as_deref(), Some("****"));
        assert_eq!(keep_ends("12", 1, 2), "****");
    }
}

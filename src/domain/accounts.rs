//! Rules about staff accounts: names, passwords, lock-out, session lifetimes and one-time codes.

use chrono::TimeDelta;
use unicode_normalization::UnicodeNormalization;

use super::people::{Grant, Permission, Role, Staff, may};
use super::value::{AccountId, At};

/// Characters of a username, at least.
pub const USERNAME_CHARS_MIN: usize = 2;
/// Characters of a username, at most.
pub const USERNAME_CHARS_MAX: usize = 32;
/// Characters of a password, at least. Source: NIST SP 800-63B §5.1.1.2, ASVS 5.0 6.2.1.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Characters of a password, at most: long enough for any sentence, short enough to hash. Source: ASVS 5.0 6.2.9 asks for 64 or more.
pub const PASSWORD_CHARS_MAX: usize = 256;
/// Characters of a person's name, at most.
pub const NAME_CHARS_MAX: usize = 64;
/// Characters of an e-mail address, at most. Source: RFC 5321 §4.5.3.1.3.
pub const EMAIL_CHARS_MAX: usize = 254;
/// Roles one person may hold: more than every role at a street's every community.
pub const GRANTS_MAX: usize = 50;

/// A username: 2 to 32 of `a-z 0-9 . _ -`, lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Username(String);

impl Username {
    /// Reads a username; spaces around it and upper case are forgiven.
    ///
    /// # Errors
    /// What is wrong, in words for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = text.trim().to_ascii_lowercase();
        let is_word = name.chars().all(|it| matches!(it, 'a'..='z' | '0'..='9' | '.' | '_' | '-'));
        if is_word && (USERNAME_CHARS_MIN..=USERNAME_CHARS_MAX).contains(&name.len()) {
            Ok(Self(name))
        } else {
            Err("用户名须为 2 到 32 个小写字母、数字或 . _ - 。 A username is 2 to 32 of a-z, 0-9, . _ -"
                .to_owned())
        }
    }

    /// The username as it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads a person's name: trimmed, 1 to 64 characters, no control characters.
///
/// # Errors
/// What is wrong, in words for people.
pub fn parse_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(
            "姓名须为 1 到 64 个字，不含控制字符。 A name has 1 to 64 characters and no control characters."
                .to_owned(),
        );
    }
    Ok(name.to_owned())
}

/// Reads a staff e-mail address; only what would break a mail header or is plainly no address is refused.
///
/// # Errors
/// What is wrong, in words for people.
pub fn parse_email(text: &str) -> Result<String, String> {
    let email = text.trim();
    let is_plain =
        email.chars().all(|it| !it.is_control() && !it.is_whitespace() && !"<>,;:\"()[]\\".contains(it));
    let halves = email.split_once('@');
    let is_address = halves.is_some_and(|(local, host)| {
        !local.is_empty()
            && !host.contains('@')
            && host.contains('.')
            && !host.starts_with('.')
            && !host.ends_with('.')
    });
    if is_plain && is_address && email.len() <= EMAIL_CHARS_MAX {
        Ok(email.to_owned())
    } else {
        Err("邮箱地址不对，应为 name@example.org。 Not an e-mail address; it looks like name@example.org."
            .to_owned())
    }
}

/// A role held, with the codes people know its node and unit by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub grant: Grant,
    pub node_code: String,
    pub unit_code: Option<String>,
}

/// A member of staff's account, without what only signing in needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub username: String,
    pub name: String,
    pub email: Option<String>,
    /// True when signing in asks for a one-time code.
    pub has_totp: bool,
    /// Raised to end every access token given out.
    pub token_version: i64,
    pub version: i64,
    pub disabled_at: Option<At>,
    pub held: Vec<Held>,
}

impl Account {
    /// The same person as one who acts.
    pub fn staff(&self) -> Staff {
        let grants = self.held.iter().map(|it| it.grant.clone()).collect();
        Staff { account: self.id, username: self.username.clone(), grants }
    }

    /// True when some role is held at the nodes `paths` or below.
    pub fn is_seen_from(&self, paths: &[String]) -> bool {
        self.held.iter().any(|it| covers(paths, &it.grant.path))
    }

    /// True when every role is held at the nodes `paths` or below: only then may an admin of these change the account.
    pub fn is_within(&self, paths: &[String]) -> bool {
        self.held.iter().all(|it| covers(paths, &it.grant.path))
    }

    /// True for an enabled account with the admin role anywhere.
    pub fn is_working_admin(&self) -> bool {
        self.disabled_at.is_none() && self.held.iter().any(|it| it.grant.role == Role::Admin)
    }
}

/// True when `path` lies at one of `paths` or below.
pub fn covers(paths: &[String], path: &str) -> bool {
    paths.iter().any(|it| path.starts_with(it))
}

/// The places where this person manages accounts.
pub fn managed_paths(staff: &Staff) -> Vec<String> {
    staff.grants.iter().filter(|it| may(it.role, Permission::WriteSetup)).map(|it| it.path.clone()).collect()
}

/// A new password that may be set.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPassword(String);

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewPassword(…)")
    }
}

impl NewPassword {
    /// Takes a password for `username`: 8 to 256 characters, none of the commonest, not the username.
    ///
    /// No rules of composition. Source: NIST SP 800-63B §5.1.1.2.
    ///
    /// # Errors
    /// What is wrong, in words for people; never the password.
    pub fn parse(text: &str, username: &str) -> Result<Self, String> {
        let password = normal_password(text);
        let n_chars = password.chars().count();
        if n_chars < PASSWORD_CHARS_MIN {
            return Err(format!(
                "密码至少 {PASSWORD_CHARS_MIN} 个字符。 A password has at least {PASSWORD_CHARS_MIN} characters."
            ));
        }
        if n_chars > PASSWORD_CHARS_MAX {
            return Err(format!(
                "密码最多 {PASSWORD_CHARS_MAX} 个字符。 A password has at most {PASSWORD_CHARS_MAX} characters."
            ));
        }
        if password.chars().any(char::is_control) {
            return Err("密码不能含控制字符（换行、制表符等）。 A password has no control characters (line ends, tabs).".to_owned());
        }
        let plain = password.to_lowercase();
        let is_one_char = plain.chars().all(|it| plain.starts_with(it));
        if is_one_char
            || COMMONEST.split(' ').any(|it| it == plain)
            || (!username.is_empty() && plain.replace(username, "").chars().count() < 4)
        {
            return Err("这个密码太常见，容易被猜到，请换一个。 This password is among the commonest or close to the username; choose another.".to_owned());
        }
        Ok(Self(password))
    }

    /// The bytes to hash.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A password as it is hashed: NFC, so that one password is the same from every keyboard.
///
/// Source: NIST SP 800-63B §5.1.1.2 asks for a normalisation before hashing.
pub fn normal_password(text: &str) -> String {
    text.nfc().collect()
}

/// The commonest passwords of 8 characters and more, lower case, as published lists of leaked passwords rank them.
const COMMONEST: &str = "\
    0123456789 01234567 012345678 0987654321 11111111 111111111 1111111111 112233445566 11223344 \
    1122334455 12121212 12341234 1234512345 123123123 123321123 12344321 1234554321 12345678 123456789 \
    1234567890 12345678910 123456789a 123456789q 12345678a 123456abc 123456aa 12345qwert 1234qwer \
    123qweasd 123qwe123 13145200 1314520520 135792468 147258369 1q2w3e4r 1q2w3e4r5t 1qaz2wsx \
    1qaz2wsx3edc 1qazxsw2 20082008 25802580 31415926 52013140 5201314520 5201314a 66668888 741852963 \
    789456123 87654321 88888888 963852741 987654321 9876543210 a1234567 a12345678 a123456789 aa123456 \
    aa12345678 aa123456789 abc12345 abc123456 abcd1234 abcdefgh abcd12345 admin123 admin1234 admin12345 \
    admin123456 administrator adminadmin asd123456 asdasdasd asdf1234 asdfasdf asdfghjk asdfghjkl \
    baseball changeme changeme123 computer football gzqwerty iloveyou iloveyou1 internet jinanpassword \
    letmein1 letmein123 liverpool master123 michelle p@ssw0rd p@ssword passw0rd password password1 \
    password12 password123 password1234 princess q1w2e3r4 q1w2e3r4t5 qazwsx123 qazwsxedc qq123456 \
    qq123456789 qwe123456 qweasdzxc qwer1234 qwert12345 qwerty12 qwerty123 qwerty1234 qwertyui \
    qwertyuiop red-mailbox redmailbox redmailbox1 root1234 shequ123 starwars sunshine superman test1234 \
    trustno1 user1234 w123456789 wang123456 welcome1 welcome123 whatever woaini123 woaini1314 woaini520 \
    woaini521 woaiwojia xiaoqu123 z123456789 zhang123 zhang123456 zxc123456 zxcvbnm1 zxcvbnm123";

/// Tries allowed before the first lock, and the quiet after which counting begins anew.
pub const TRIES_BEFORE_LOCK: i64 = 5;
const TRIES_FORGOTTEN_AFTER: TimeDelta = TimeDelta::minutes(15);
const LOCK_FIRST: TimeDelta = TimeDelta::minutes(15);
/// A lock grows no longer than a day, so that an attacker cannot shut somebody out for ever.
const LOCK_MAX: TimeDelta = TimeDelta::hours(24);

/// Tries counted against one account: what the database keeps between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// How many were counted since the last success or the last forgetting.
    pub n_failed: i64,
    /// When the last one was counted.
    pub last_at: At,
    /// No try is heard before this moment.
    pub blocked_until: At,
}

impl Tries {
    /// Counts a try at `now`, before anything is checked: a success will clear it.
    ///
    /// Five tries, then a lock of 15 minutes; after each lock one try, then a lock twice as long, up to a day. Counting begins
    /// anew 15 minutes after the last try when no lock was reached, and a day after the end of a lock. As the quiet is measured
    /// from the last try, no stretch of 15 minutes ever holds more than five.
    ///
    /// # Errors
    /// The moment until which the account is locked; nothing is counted then.
    pub fn count(before: Option<Tries>, now: At) -> Result<Tries, At> {
        let first = Tries { n_failed: 1, last_at: now, blocked_until: now };
        let Some(tries) = before else { return Ok(first) };
        if tries.n_failed < TRIES_BEFORE_LOCK {
            if now - tries.last_at >= TRIES_FORGOTTEN_AFTER {
                return Ok(first);
            }
        } else if now < tries.blocked_until {
            return Err(tries.blocked_until);
        } else if now - tries.blocked_until >= LOCK_MAX {
            return Ok(first);
        }
        let n_failed = tries.n_failed.saturating_add(1);
        Ok(Tries { n_failed, last_at: now, blocked_until: now + lock_after(n_failed) })
    }

    /// Tries last counted before this moment no longer matter at `now`: the longest lock and the day after it are over.
    pub fn forgotten_before(now: At) -> At {
        now + (-(LOCK_MAX + LOCK_MAX))
    }
}

/// How long an account is locked after so many failed tries.
fn lock_after(n_failed: i64) -> TimeDelta {
    let Ok(n_doublings) = u32::try_from(n_failed - TRIES_BEFORE_LOCK) else { return TimeDelta::zero() };
    let factor = 2_i32.checked_pow(n_doublings).unwrap_or(i32::MAX);
    LOCK_FIRST.checked_mul(factor).unwrap_or(LOCK_MAX).min(LOCK_MAX)
}

/// How long an access token is good. Source: PRODUCT §8, "short".
pub const ACCESS_LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// A session not used so long has ended: two weeks, a holiday.
const SESSION_IDLE_MAX: TimeDelta = TimeDelta::days(14);
/// A session ends so long after the sign-in, however much it is used.
pub const SESSION_MAX: TimeDelta = TimeDelta::days(60);

/// When a session opened at `created_at` and used at `now` will end if it is not used again.
pub fn session_expires_at(created_at: At, now: At) -> At {
    (now + SESSION_IDLE_MAX).min(created_at + SESSION_MAX)
}

/// True when a one-time code of `step` may be taken after one of `last_step`: no code is good twice.
///
/// Source: RFC 6238 §5.2.
pub fn may_use_step(step: i64, last_step: Option<i64>) -> bool {
    last_step.is_none_or(|last| step > last)
}

/// True when a grant of `role` has to name a unit.
pub fn needs_unit(role: Role) -> bool {
    role == Role::Handler
}

/// True when a unit at the node with `unit_path` can handle for the node with `node_path`: the same node, one above or one below.
pub fn unit_fits(unit_path: &str, node_path: &str) -> bool {
    unit_path.starts_with(node_path) || node_path.starts_with(unit_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> At {
        At::from_micros(1_700_000_000_000_000) + TimeDelta::minutes(minutes)
    }

    #[test]
    fn five_tries_are_heard_then_the_lock_doubles_up_to_a_day() {
        let mut tries = None;
        for _ in 0..5 {
            tries = Some(Tries::count(tries, at(0)).unwrap());
        }
        let mut locks = Vec::new();
        let mut now = at(0);
        for _ in 0..9 {
            let until = Tries::count(tries, now).unwrap_err();
            locks.push((until - now).num_minutes());
            now = until;
            tries = Some(Tries::count(tries, now).unwrap());
        }
        assert_eq!(locks, [15, 30, 60, 120, 240, 480, 960, 1440, 1440]);
    }

    #[test]
    fn slow_tries_are_never_more_than_five_in_any_fifteen_minutes() {
        let mut tries = None;
        let mut heard = Vec::new();
        for minute in 0..600 {
            if let Ok(counted) = Tries::count(tries, at(minute)) {
                tries = Some(counted);
                heard.push(minute);
            }
        }
        assert!(heard.windows(6).all(|it| it[5] - it[0] >= 15), "{heard:?}");
    }

    #[test]
    fn quiet_is_forgiven() {
        let one = Tries::count(None, at(0)).ok();
        assert_eq!(Tries::count(one, at(15)).unwrap().n_failed, 1);
        assert_eq!(Tries::count(one, at(14)).unwrap().n_failed, 2);
    }

    #[test]
    fn usernames_are_lower_cased_and_bounded() {
        assert_eq!(Username::parse(" Wang.Li ").unwrap().as_str(), "wang.li");
        for wrong in ["", "a", "王丽", "a b", "a\nb", &"a".repeat(33)] {
            assert!(Username::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn common_short_and_username_passwords_are_refused() {
        for wrong in
            ["short", "12345678", "Password123", "aaaaaaaaaa", "wangli99", &"x1".repeat(200), "tab\tin it"]
        {
            assert!(NewPassword::parse(wrong, "wangli").is_err(), "{wrong:?}");
        }
        for right in ["correct horse", "信箱每天下午五点开", "Tr0ub4dor&3"] {
            assert!(NewPassword::parse(right, "wangli").is_ok(), "{right:?}");
        }
    }

    #[test]
    fn a_session_ends_idle_or_old() {
        assert_eq!((session_expires_at(at(0), at(0)) - at(0)).num_days(), 14);
        let day_50 = at(0) + TimeDelta::days(50);
        assert_eq!((session_expires_at(at(0), day_50) - at(0)).num_days(), 60);
    }

    #[test]
    fn a_code_is_good_once() {
        assert!(may_use_step(7, None) && may_use_step(8, Some(7)));
        assert!(!may_use_step(7, Some(7)) && !may_use_step(6, Some(7)));
    }
}

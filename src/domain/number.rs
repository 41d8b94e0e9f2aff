//! Ticket numbers that people can read out, slip serials, and receipt codes.

use std::fmt;

use chrono::NaiveDate;
use hmac::Mac;
use unicode_normalization::UnicodeNormalization;

use super::chain::mac;
use super::refusal::Refusal;

/// The shortest running number is written with this many digits (PRODUCT §3).
const RUNNING_DIGITS_MIN: usize = 4;
/// A community never reaches a billion letters a day; a longer number is a typing error.
const RUNNING_DIGITS_MAX: usize = 9;

/// The check digit over a string of digits, ISO 7064 MOD 11,10.
///
/// Characters other than `0`–`9` are passed over.
pub fn check_digit(digits: &str) -> u32 {
    let product = digits.chars().filter_map(|it| it.to_digit(10)).fold(10, |product, digit| {
        let sum = (product + digit) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10
}

/// A ticket's number, `YD-20261123-00426`: community, local day received, running number, check digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number {
    community: String,
    day: NaiveDate,
    running: u64,
}

impl Number {
    /// The number of the `running`th ticket (from 1) that `community` received on `day`.
    pub fn new(community: &str, day: NaiveDate, running: u64) -> Self {
        Self { community: community.to_owned(), day, running }
    }

    /// The community's code.
    pub fn community(&self) -> &str {
        &self.community
    }

    /// The day the ticket was received, in the community's time zone.
    pub fn day(&self) -> NaiveDate {
        self.day
    }

    /// The day's running number, from 1, without gaps.
    pub fn running(&self) -> u64 {
        self.running
    }

    /// Reads a number as people give it: spaces, missing dashes, lower case and full-width digits pass.
    ///
    /// # Errors
    /// `Malformed` when it is no number or its check digit does not fit: a misread number is never
    /// answered with another ticket.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let plain = plain(text);
        let digits_at = plain.find(|it: char| it.is_ascii_digit()).unwrap_or(plain.len());
        let (community, digits) = plain.split_at(digits_at);
        let shape = (2..=8).contains(&community.len())
            && community.bytes().all(|it| it.is_ascii_uppercase())
            && digits.bytes().all(|it| it.is_ascii_digit())
            && (8 + RUNNING_DIGITS_MIN + 1..=8 + RUNNING_DIGITS_MAX + 1).contains(&digits.len());
        if !shape {
            return Err(Refusal::Malformed(
                "编号的样子应为 YD-20261123-00426。请照回执核对。 A number looks like YD-20261123-00426; check it against the receipt."
                    .to_owned(),
            ));
        }
        let misread = || {
            Refusal::Malformed(
                "编号的校验位不对，可能看错或按错了一位。请照回执核对。 The number's check digit does not fit; one digit was probably misread. Check it against the receipt."
                    .to_owned(),
            )
        };
        let (body, check) = digits.split_at(digits.len() - 1);
        if check.parse() != Ok(check_digit(body)) {
            return Err(misread());
        }
        let day = NaiveDate::parse_from_str(&body[..8], "%Y%m%d").map_err(|_| misread())?;
        let running: u64 = body[8..].parse().map_err(|_| misread())?;
        // 0000 is never given out, and more zeros than needed would be a second name for a ticket.
        if running == 0 || (body.len() > 8 + RUNNING_DIGITS_MIN && body.as_bytes()[8] == b'0') {
            return Err(misread());
        }
        Ok(Self { community: community.to_owned(), day, running })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.day.format("%Y%m%d").to_string();
        let running = format!("{:0width$}", self.running, width = RUNNING_DIGITS_MIN);
        let check = check_digit(&format!("{day}{running}"));
        write!(f, "{}-{day}-{running}{check}", self.community)
    }
}

/// Full-width to half-width, upper case, without spaces, dashes and invisible characters.
fn plain(text: &str) -> String {
    text.nfkc().filter(|it| it.is_alphanumeric()).flat_map(char::to_uppercase).take(64).collect()
}

/// True for a well-formed slip serial, `YD-S0000013`: at least 6 digits, the last a check digit.
pub fn is_slip_serial(text: &str) -> bool {
    let plain = plain(text);
    let digits_at = plain.find(|it: char| it.is_ascii_digit()).unwrap_or(plain.len());
    let (letters, digits) = plain.split_at(digits_at);
    let Some(community) = letters.strip_suffix('S') else { return false };
    (2..=8).contains(&community.len())
        && community.bytes().all(|it| it.is_ascii_uppercase())
        && (6..=18).contains(&digits.len())
        && digits.bytes().all(|it| it.is_ascii_digit())
        && digits[digits.len() - 1..].parse() == Ok(check_digit(&digits[..digits.len() - 1]))
}

/// The 8-digit receipt code of a ticket: truncated HMAC over its number and issue count (PRODUCT §3).
///
/// The truncation is that of RFC 4226 §5.3, to 8 digits.
pub fn receipt_code(key: &[u8; 32], number: &str, issue: i64) -> String {
    let mut mac = mac(key);
    mac.update(b"red-mailbox receipt v1\0");
    mac.update(number.as_bytes());
    mac.update(&[0]);
    mac.update(&issue.to_be_bytes());
    let tag = mac.finalize().into_bytes();
    let offset = usize::from(tag[31] & 0x0f);
    let word =
        u32::from_be_bytes([tag[offset], tag[offset + 1], tag[offset + 2], tag[offset + 3]]) & 0x7fff_ffff;
    format!("{:08}", word % 100_000_000)
}

/// A receipt code as people give it: its eight digits, or None.
pub fn parse_receipt_code(text: &str) -> Option<String> {
    let digits: String = plain(text);
    (digits.len() == 8 && digits.bytes().all(|it| it.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn reads(text: &str, number: &str) {
        assert_eq!(Number::parse(text).map(|it| it.to_string()), Ok(number.to_owned()));
    }

    #[test]
    fn a_number_is_read_as_people_give_it() {
        let number = Number::new("YD", NaiveDate::from_ymd_opt(2026, 11, 23).unwrap(), 42).to_string();

        reads(&number, &number);
        reads(&number.to_lowercase(), &number);
        reads(&format!(" {} ", number.replace('-', " ")), &number);
        reads(&number.replace('-', ""), &number);
        let wide: String = number
            .chars()
            .map(|it| it.to_digit(10).map_or(it, |d| char::from_u32(0xFF10 + d).unwrap()))
            .collect();
        reads(&wide, &number);
    }

    proptest! {
        #[test]
        fn parse_is_the_inverse_of_display(day in 0..40_000i32, running in 1..100_000_000u64) {
            let day = NaiveDate::from_num_days_from_ce_opt(730_000 + day).unwrap();
            let number = Number::new("YD", day, running);
            prop_assert_eq!(Number::parse(&number.to_string()), Ok(number));
        }

        #[test]
        fn one_misread_digit_is_always_noticed(running in 1..10_000u64, place in 0..13usize, by in 1..10u32) {
            let day = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
            let text = Number::new("YD", day, running).to_string().replace('-', "");
            let mut digits: Vec<char> = text.chars().collect();
            let at = 2 + place;
            let digit = digits[at].to_digit(10).unwrap();
            digits[at] = char::from_digit((digit + by) % 10, 10).unwrap();
            let misread: String = digits.into_iter().collect();
            prop_assert!(Number::parse(&misread).is_err());
        }
    }
}

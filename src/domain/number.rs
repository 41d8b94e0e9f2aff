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

/// The shortest serial has this many digits, the check digit included (PRODUCT §3).
const SERIAL_DIGITS_MIN: usize = 6;
/// A longer serial is a typing error: nobody prints a million million slips.
const SERIAL_DIGITS_MAX: usize = 18;

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

/// A printed slip's serial, `YD-S000018`: community, running number of at least 5 digits, check digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial {
    community: String,
    /// The running number and its check digit, as they are written.
    digits: String,
}

impl Serial {
    /// The serial of the `running`th slip (from 1) of `community`.
    pub fn new(community: &str, running: u64) -> Self {
        let running = format!("{running:0width$}", width = SERIAL_DIGITS_MIN - 1);
        let check = check_digit(&running);
        Self { community: community.to_owned(), digits: format!("{running}{check}") }
    }

    /// The community's code.
    pub fn community(&self) -> &str {
        &self.community
    }

    /// The running number, from 1; None for one that no slip was ever printed with, as `YD-S0000018` with a zero
    /// too many.
    pub fn running(&self) -> Option<u64> {
        let running = self.digits[..self.digits.len() - 1].parse().ok()?;
        (Self::new(&self.community, running) == *self && running > 0).then_some(running)
    }

    /// Reads a serial as people give it: spaces, missing dashes, lower case and full-width digits pass.
    ///
    /// # Errors
    /// `Malformed` when it is no serial or its check digit does not fit.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let plain = plain(text);
        let digits_at = plain.find(|it: char| it.is_ascii_digit()).unwrap_or(plain.len());
        let (letters, digits) = plain.split_at(digits_at);
        let community = letters.strip_suffix('S').filter(|it| {
            (2..=8).contains(&it.len())
                && it.bytes().all(|it| it.is_ascii_uppercase())
                && (SERIAL_DIGITS_MIN..=SERIAL_DIGITS_MAX).contains(&digits.len())
                && digits.bytes().all(|it| it.is_ascii_digit())
        });
        let Some(community) = community else {
            return Err(Refusal::Malformed(
                "来信单编号的样子应为 YD-S000018。请照来信单核对。 A slip's serial looks like YD-S000018; check it against the slip."
                    .to_owned(),
            ));
        };
        if digits[digits.len() - 1..].parse() != Ok(check_digit(&digits[..digits.len() - 1])) {
            return Err(Refusal::Malformed(
                "来信单编号的校验位不对，可能看错了一位。请照来信单核对。 The serial's check digit does not fit; one digit was probably misread. Check it against the slip."
                    .to_owned(),
            ));
        }
        Ok(Self { community: community.to_owned(), digits: digits.to_owned() })
    }
}

/// What stands on a receipt or a stub: it names a ticket either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    Number(Number),
    Serial(Serial),
}

impl Reference {
    /// Reads either as people give it. A community's code may end in S, so what reads as a number is one.
    ///
    /// # Errors
    /// `Malformed`, in the words of what it was most likely meant to be.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let refusal = match Number::parse(text) {
            Ok(number) => return Ok(Self::Number(number)),
            Err(refusal) => refusal,
        };
        match Serial::parse(text) {
            Ok(serial) => Ok(Self::Serial(serial)),
            // A number has thirteen digits at least; a serial that long was never printed.
            Err(of_serial) => {
                let plain = plain(text);
                let letters = plain.trim_end_matches(|it: char| it.is_ascii_digit());
                let is_serial_like =
                    letters.len() > 2 && letters.ends_with('S') && plain.len() - letters.len() < 13;
                Err(if is_serial_like { of_serial } else { refusal })
            }
        }
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-S{}", self.community, self.digits)
    }
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

    #[test]
    fn a_serial_is_read_as_people_give_it_and_never_misread() {
        let serial = Serial::new("YD", 1);
        let text = serial.to_string();

        assert_eq!((text.len(), serial.community()), ("YD-S000018".len(), "YD"));
        for given in [text.to_lowercase(), text.replace('-', " "), text.replace('-', "")] {
            assert_eq!(Serial::parse(&given).as_ref(), Ok(&serial), "{given}");
        }
        for wrong in ["YD-S00018", "YD-000018", "Y-S000018", "YD-S00001A", "", "S000018"] {
            assert!(Serial::parse(wrong).is_err(), "{wrong}");
        }
        let digits = text.len() - 6..text.len();
        for (place, by) in digits.flat_map(|place| (1..10u8).map(move |by| (place, by))) {
            let mut misread = text.clone().into_bytes();
            misread[place] = b'0' + (misread[place] - b'0' + by) % 10;
            let misread = String::from_utf8(misread).unwrap();
            assert!(Serial::parse(&misread).is_err(), "{misread}");
        }
    }

    #[test]
    fn a_reference_is_told_by_what_it_was_meant_to_be() {
        let number = Number::new("YDS", NaiveDate::from_ymd_opt(2026, 11, 23).unwrap(), 42);
        assert_eq!(Reference::parse(&number.to_string()), Ok(Reference::Number(number)));
        assert_eq!(Reference::parse("yd s000018"), Ok(Reference::Serial(Serial::new("YD", 1))));
        for (wrong, part) in [("YD-S000017", "serial"), ("YD-20261123-00420", "number"), ("?", "number")] {
            let Err(Refusal::Malformed(words)) = Reference::parse(wrong) else { panic!("{wrong}") };
            assert!(words.contains(part), "{wrong}: {words}");
        }
        assert_eq!(Serial::parse("YD-S000018").unwrap().running(), Some(1));
        assert_eq!(Serial::parse(&format!("YD-S0000001{}", check_digit("0000001"))).unwrap().running(), None);
        assert_eq!(Serial::parse(&format!("YD-S00000{}", check_digit("00000"))).unwrap().running(), None);
    }

    proptest! {
        #[test]
        fn a_serial_parses_back_from_what_it_displays(running in 1..1_000_000_000_000u64) {
            let serial = Serial::new("YD", running);
            prop_assert_eq!(Serial::parse(&serial.to_string()), Ok(serial));
        }

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

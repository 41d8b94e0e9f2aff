//! Small values that are proof of themselves once parsed: times, ids, codes and numbers.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// A moment: whole microseconds since the Unix epoch, UTC.
///
/// Microseconds, because PostgreSQL keeps no finer and a moment must read back as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct At(i64);

/// The earliest and latest moment the product takes: years 1 to 9999, as RFC 3339 can write them.
const AT_MIN: i64 = -62_135_596_800_000_000;
const AT_MAX: i64 = 253_402_300_799_999_999;

impl At {
    /// The moment so many microseconds after the epoch, held within the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(AT_MIN, AT_MAX))
    }

    /// Microseconds since the Unix epoch, UTC.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// The moment of a chrono time, finer parts than a microsecond cut off.
    pub fn from_utc(time: DateTime<Utc>) -> Self {
        Self::from_micros(time.timestamp_micros())
    }

    /// The same moment as a chrono time.
    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The calendar day of this moment in `zone`.
    pub fn local_date(self, zone: Tz) -> NaiveDate {
        self.to_utc().with_timezone(&zone).date_naive()
    }

    /// The first moment of `day` in `zone`.
    pub fn of_day(day: NaiveDate, zone: Tz) -> Self {
        let midnight = day.and_time(NaiveTime::MIN);
        let local = zone.from_local_datetime(&midnight).earliest();
        Self::from_utc(local.map_or_else(|| midnight.and_utc(), |it| it.to_utc()))
    }

    /// Reads an RFC 3339 time with offset.
    ///
    /// # Errors
    /// None when the text is no such time or lies outside the years 1 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let micros = DateTime::parse_from_rfc3339(text.trim()).ok()?.timestamp_micros();
        (AT_MIN..=AT_MAX).contains(&micros).then_some(Self(micros))
    }

    /// RFC 3339 in UTC, with as many fraction digits as the value has.
    pub fn to_rfc3339(self) -> String {
        self.to_utc().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    }
}

impl std::ops::Add<TimeDelta> for At {
    type Output = At;
    fn add(self, span: TimeDelta) -> At {
        At::from_micros(self.0.saturating_add(span.num_microseconds().unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub for At {
    type Output = TimeDelta;
    fn sub(self, earlier: At) -> TimeDelta {
        TimeDelta::microseconds(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
    )+};
}
ids! {
    /// A node of the organisation tree.
    NodeId,
    /// Any set-up entry: unit, category, mailbox, kiosk, template, policy, calendar or official year.
    SetupId,
    /// A staff account.
    AccountId,
    /// A ticket, as the database knows it; people use its number.
    TicketId,
    /// A collection: one opening of one mailbox.
    CollectionId,
}

/// A closed set of words with one code each, the same in JSON, tables and code.
#[macro_export]
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $code)] $variant),+ }
        impl $name {
            /// Every word of the set, in its order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// The code in JSON, URLs and tables.
            pub fn as_str(self) -> &'static str { match self { $($name::$variant => $code),+ } }
            /// The inverse of `as_str`; None for a word that is not in the set.
            pub fn parse(code: &str) -> Option<Self> { match code { $($code => Some($name::$variant),)+ _ => None } }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
    };
}

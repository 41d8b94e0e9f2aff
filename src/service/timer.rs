//! What time does by itself: everything that is due at a moment, done once.

use super::{App, Error};
use crate::domain::value::At;

/// Does what is due at `now`.
///
/// # Errors
/// `Unavailable` when the database is away; what was not done stays due.
#[expect(clippy::unused_async, reason = "the things that time does arrive with their rooms")]
pub async fn tick(_app: &App, _now: At) -> Result<(), Error> {
    Ok(())
}

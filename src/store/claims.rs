//! Messages that wait in a table to be sent: claimed before they are tried, settled after. Replies and other messages
//! each have a table of their own, with these columns in common.

use chrono::TimeDelta;

/// No pause and no lease is longer: the longest pause is 24 h and a fifth. What is set farther ahead was set while the
/// machine's clock was wrong, and is due.
pub(super) const AHEAD_MAX: TimeDelta = TimeDelta::hours(30);

/// Due and not leased by another; a macro, because the two engines' queries are two types.
macro_rules! due_of {
    ($table:ident, $channel:expr, $now:expr, $limit:expr) => {
        $table::table
            .filter($table::channel.eq($channel))
            // Word for word as the index says: one that is asked by a bound value is not used.
            .filter(::diesel::dsl::sql::<::diesel::sql_types::Bool>(concat!(
                stringify!($table),
                ".state IN ('queued', 'sending')"
            )))
            .filter(
                $table::next_attempt_at
                    .le($now.micros())
                    .or($table::next_attempt_at.gt(($now + $crate::store::claims::AHEAD_MAX).micros())),
            )
            .filter(
                $table::leased_until
                    .is_null()
                    .or($table::leased_until.le($now.micros()))
                    .or($table::leased_until.gt(($now + $crate::store::claims::AHEAD_MAX).micros())),
            )
            .order(($table::next_attempt_at, $table::id))
            .limit($limit)
            .select(Message::as_select())
    };
}
pub(super) use due_of;

/// Writes `has_due`, `claim`, `settle` and `postpone` for `Message`s of a table.
macro_rules! claims {
    ($table:ident) => {
        /// True when a message of `channel` could be claimed at `now`.
        ///
        /// # Errors
        /// Only those of the database.
        pub fn has_due(db: &mut Db, channel: &str, now: At) -> Result<bool, StoreError> {
            let due: Vec<Message> = on!(db, |c| due_of!($table, channel, now, 1).load(c))?;
            Ok(!due.is_empty())
        }

        /// Claims up to `limit` messages of `channel` whose time has come: counts the attempt, sets the next one, leases them.
        ///
        /// Ordered by next attempt, so that the same failing rows do not starve the rest.
        ///
        /// # Errors
        /// Only those of the database.
        pub fn claim(
            db: &mut Db,
            channel: &str,
            now: At,
            lease_until: At,
            limit: i64,
            next_attempt: impl Fn(&Message) -> At,
        ) -> Result<Vec<Message>, StoreError> {
            let due: Vec<Message> = match db {
                Db::Lite(c) => due_of!($table, channel, now, limit).load(c)?,
                Db::Pg(c) => due_of!($table, channel, now, limit).for_update().skip_locked().load(c)?,
            };
            let mut claimed = Vec::with_capacity(due.len());
            for mut message in due {
                message.n_attempts += 1;
                on!(db, |c| diesel::update($table::table.find(message.id))
                    .set((
                        $table::state.eq("sending"),
                        $table::n_attempts.eq(message.n_attempts),
                        $table::next_attempt_at.eq(next_attempt(&message).micros()),
                        $table::leased_until.eq(Some(lease_until.micros())),
                    ))
                    .execute(c))?;
                claimed.push(message);
            }
            Ok(claimed)
        }

        /// Settles a message that is done with: `delivered`, `given_up` or `cancelled`.
        ///
        /// One that was delivered stays so: a repeat that comes later settles nothing.
        ///
        /// # Errors
        /// Only those of the database.
        pub fn settle(
            db: &mut Db,
            id: i64,
            state: &str,
            last_error: Option<&str>,
            now: At,
        ) -> Result<(), StoreError> {
            on!(db, |c| diesel::update($table::table.find(id).filter($table::state.ne("delivered")))
                .set((
                    $table::state.eq(state),
                    $table::leased_until.eq(None::<i64>),
                    $table::last_error.eq(last_error),
                    $table::settled_at.eq(Some(now.micros())),
                ))
                .execute(c))?;
            Ok(())
        }

        /// Puts a message back until its next attempt, with what went wrong.
        ///
        /// # Errors
        /// Only those of the database.
        pub fn postpone(db: &mut Db, id: i64, last_error: &str) -> Result<(), StoreError> {
            on!(db, |c| diesel::update($table::table.find(id).filter($table::state.eq("sending")))
                .set((
                    $table::state.eq("queued"),
                    $table::leased_until.eq(None::<i64>),
                    $table::last_error.eq(Some(last_error)),
                ))
                .execute(c))?;
            Ok(())
        }
    };
}
pub(super) use claims;

//! How often one may ask: per address for the public's submissions, per person and per device.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::people::Actor;
use crate::domain::refusal::Refusal;

/// Requests a minute of one member of staff or one device (PRODUCT §10), unless the setting is higher.
const SIGNED_IN_PER_MINUTE: u32 = 1_200;
/// Tries at signing in, and renewals, a minute from one network: an office behind one address has enough, and
/// whoever guesses at many accounts has not. A setting above its default lifts this limit too.
const SIGN_INS_PER_MINUTE: u32 = 60;
/// What one address may submit a minute unless the setting differs.
const INTAKE_PER_MINUTE_DEFAULT: u32 = 120;
/// Keys one limiter remembers; those that are idle are forgotten first.
const KEYS_MAX: usize = 50_000;
/// The longest wait we ask for: a full minute's share is back by then.
const RETRY_S_MAX: u64 = 60;

/// The limits of one server.
pub(super) struct Limits {
    intake: Limiter<IpAddr>,
    staff: Limiter<i64>,
    devices: Limiter<i64>,
    sign_ins: Limiter<IpAddr>,
}

impl Limits {
    /// Limits where one address may submit `intake_per_minute` times; a higher number lifts the others.
    pub(super) fn new(intake_per_minute: u32) -> Self {
        let signed_in = intake_per_minute.max(SIGNED_IN_PER_MINUTE);
        let is_raised = intake_per_minute > INTAKE_PER_MINUTE_DEFAULT;
        let sign_ins = if is_raised { intake_per_minute } else { SIGN_INS_PER_MINUTE };
        Self {
            intake: Limiter::new(intake_per_minute),
            staff: Limiter::new(signed_in),
            devices: Limiter::new(signed_in),
            sign_ins: Limiter::new(sign_ins),
        }
    }

    /// Counts one try at signing in from `address`.
    ///
    /// # Errors
    /// `TooMany` with the seconds to wait.
    pub(super) fn check_sign_in(&self, address: IpAddr) -> Result<(), Refusal> {
        self.sign_ins.check(&network_of(address))
    }

    /// Counts one request of `actor` from `address`.
    ///
    /// # Errors
    /// `TooMany` with the seconds to wait.
    pub(super) fn check(&self, actor: &Actor, address: IpAddr, is_submission: bool) -> Result<(), Refusal> {
        match actor {
            Actor::Staff(staff) => self.staff.check(&staff.account.0),
            Actor::Kiosk { id, .. } => self.devices.check(&id.0),
            Actor::Resident if is_submission => self.intake.check(&network_of(address)),
            Actor::Resident | Actor::Timer | Actor::System => Ok(()),
        }
    }
}

/// An IPv6 household has a whole /64 to choose addresses from; it counts as one.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(it) => Ipv6Addr::from_bits(it.to_bits() & (u128::MAX << 64)).into(),
    }
}

struct Limiter<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(per_minute: u32) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    fn check(&self, key: &K) -> Result<(), Refusal> {
        // Beyond the bound everyone's history is forgotten rather than memory given to whoever asks for it.
        if self.limiter.len() > KEYS_MAX {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now()) + Duration::from_millis(999);
            Refusal::TooMany { retry_after_s: wait.as_secs().clamp(1, RETRY_S_MAX) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_held_back_and_another_is_not() {
        let limits = Limits::new(3);
        let ask = |address: &str| limits.check(&Actor::Resident, address.parse().expect("an address"), true);

        for _ in 0..3 {
            assert_eq!(ask("2001:db8::1"), Ok(()));
        }

        assert!(matches!(ask("2001:db8::2"), Err(Refusal::TooMany { retry_after_s: 1..=20 })));
        assert_eq!(ask("2001:db8:0:1::1"), Ok(()));
    }

    #[test]
    fn one_network_signs_in_sixty_times_a_minute_unless_the_setting_is_raised() {
        let n_heard = |intake_per_minute| {
            let limits = Limits::new(intake_per_minute);
            let address = "203.0.113.7".parse().expect("an address");
            (0..100).filter(|_| limits.check_sign_in(address).is_ok()).count()
        };

        assert_eq!((n_heard(120), n_heard(100_000)), (60, 100));
    }
}

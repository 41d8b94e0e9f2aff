//! Sums of contributions: counts that add and take away exactly, and times in buckets that do too.

use super::{Exclusion, Figure, Milestone};

/// The most a percentile is off, as a share of the true one: half a bucket's width.
pub const PERCENTILE_ERROR: f64 = 1.0 / 128.0;

/// Plain counts before those of the rates.
const INTAKE: usize = 0;
const OPEN: usize = 1;
const SEALED: usize = 2;
const PLAIN: usize = 3;
/// Numerator, denominator, and one for each exclusion.
const OF_RATE: usize = 2 + Exclusion::ALL.len();
const COUNTS: usize = PLAIN + Figure::RATES.len() * OF_RATE;
/// Each milestone in calendar and in working time.
const TIMES: usize = 2 * Milestone::ALL.len();
/// Buckets double in width every so many: each is at most 1/64 of its times wide.
const PER_DOUBLING: u64 = 64;
/// Longer times count as this, some 136 years.
const SECONDS_MAX: u64 = (1 << 32) - 1;
/// The last bucket there is.
const BUCKET_MAX: usize = 27 * 64 + 63;

/// Sums for every figure; of one ticket or of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    counts: Vec<i64>,
    /// Times in buckets, without zeros at the end.
    times: Vec<Vec<i64>>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: vec![0; COUNTS], times: vec![Vec::new(); TIMES] }
    }
}

fn slot(figure: Figure) -> Option<usize> {
    Figure::RATES.iter().position(|it| *it == figure).map(|it| PLAIN + it * OF_RATE)
}

fn time_slot(milestone: Milestone, is_working: bool) -> usize {
    let place = Milestone::ALL.iter().position(|it| *it == milestone).unwrap_or(0);
    place * 2 + usize::from(is_working)
}

/// The bucket of a time: exact below 128 s, then 64 buckets to every doubling.
fn bucket(seconds: u64) -> usize {
    let seconds = seconds.min(SECONDS_MAX);
    if seconds < PER_DOUBLING {
        return usize::try_from(seconds).unwrap_or(BUCKET_MAX);
    }
    let shift = seconds.ilog2() - PER_DOUBLING.ilog2();
    let within = (seconds >> shift) - PER_DOUBLING;
    usize::try_from(PER_DOUBLING * (u64::from(shift) + 1) + within).unwrap_or(BUCKET_MAX)
}

/// The middle of a bucket, in seconds.
fn middle(bucket: usize) -> i64 {
    let bucket = i64::try_from(bucket).unwrap_or(0);
    if bucket < 64 {
        return bucket;
    }
    let shift = bucket / 64 - 1;
    let low = (bucket % 64 + 64) << shift;
    low + ((1 << shift) - 1) / 2
}

impl Tally {
    pub(super) fn add_intake(&mut self) {
        self.counts[INTAKE] += 1;
    }

    pub(super) fn add_open(&mut self) {
        self.counts[OPEN] += 1;
    }

    pub(super) fn add_sealed(&mut self) {
        self.counts[SEALED] += 1;
    }

    /// One more in the denominator of a rate, and in its numerator when it counts for it.
    pub(super) fn add_to_rate(&mut self, figure: Figure, counts: bool) {
        if let Some(slot) = slot(figure) {
            self.counts[slot] += i64::from(counts);
            self.counts[slot + 1] += 1;
        }
    }

    /// One more that a rate leaves out.
    pub(super) fn add_excluded(&mut self, figure: Figure, why: Exclusion) {
        let place = Exclusion::ALL.iter().position(|it| *it == why).unwrap_or(0);
        if let Some(slot) = slot(figure) {
            self.counts[slot + 2 + place] += 1;
        }
    }

    /// One more time to a milestone, in whole seconds; a negative one counts as none.
    pub(super) fn add_time(&mut self, milestone: Milestone, is_working: bool, seconds: i64) {
        let bucket = bucket(u64::try_from(seconds).unwrap_or(0));
        let times = &mut self.times[time_slot(milestone, is_working)];
        if times.len() <= bucket {
            times.resize(bucket + 1, 0);
        }
        times[bucket] += 1;
    }

    /// Tickets received.
    pub fn intake(&self) -> i64 {
        self.counts[INTAKE]
    }

    /// Tickets that are open now.
    pub fn open(&self) -> i64 {
        self.counts[OPEN]
    }

    /// Tickets among those received that are sealed: counted, never listed.
    pub fn sealed(&self) -> i64 {
        self.counts[SEALED]
    }

    /// Numerator and denominator of a rate; zeros for a figure that is none.
    pub fn rate(&self, figure: Figure) -> (i64, i64) {
        slot(figure).map_or((0, 0), |it| (self.counts[it], self.counts[it + 1]))
    }

    /// What a rate leaves out, and how many of each; none of it is zero.
    pub fn excluded(&self, figure: Figure) -> impl Iterator<Item = (Exclusion, i64)> {
        let counts = slot(figure).map_or(&[][..], |it| &self.counts[it + 2..it + OF_RATE]);
        Exclusion::ALL.iter().copied().zip(counts.iter().copied()).filter(|(_, n)| *n != 0)
    }

    /// How many tickets reached a milestone in their first cycle.
    pub fn n_timed(&self, milestone: Milestone) -> i64 {
        self.times[time_slot(milestone, false)].iter().sum()
    }

    /// The time within which `percent` of 100 reached a milestone, by nearest rank; None of none.
    ///
    /// In seconds, off by at most [`PERCENTILE_ERROR`] of itself.
    pub fn percentile(&self, milestone: Milestone, is_working: bool, percent: i64) -> Option<i64> {
        let times = &self.times[time_slot(milestone, is_working)];
        let n: i64 = times.iter().sum();
        let rank = (n * percent + 99) / 100;
        let mut passed = 0;
        let found = times.iter().position(|it| {
            passed += it;
            passed >= rank.max(1)
        });
        found.filter(|_| n > 0).map(middle)
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Tally) {
        self.combine(other, 1);
    }

    /// Takes away another tally that was added before.
    pub fn take_away(&mut self, other: &Tally) {
        self.combine(other, -1);
    }

    fn combine(&mut self, other: &Tally, sign: i64) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += sign * theirs;
        }
        for (mine, theirs) in self.times.iter_mut().zip(&other.times) {
            if mine.len() < theirs.len() {
                mine.resize(theirs.len(), 0);
            }
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine += sign * theirs;
            }
            trim(mine);
        }
    }

    /// The counts in few bytes; empty when all are zero.
    pub fn counts_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_sparse(&self.counts, &mut bytes);
        bytes
    }

    /// The times in few bytes; empty when there are none.
    pub fn times_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.times.iter().all(Vec::is_empty) {
            return bytes;
        }
        for times in &self.times {
            let n_set = times.iter().filter(|it| **it != 0).count();
            write_number(u64::try_from(n_set).unwrap_or(0), &mut bytes);
            write_sparse(times, &mut bytes);
        }
        bytes
    }

    /// Adds counts as [`Self::counts_bytes`] wrote them; false, and changed in part, when they are none.
    #[must_use]
    pub fn add_counts_bytes(&mut self, mut bytes: &[u8], sign: i64) -> bool {
        read_sparse(&mut bytes, usize::MAX, |place, n| {
            self.counts.get_mut(place).map(|it| *it += sign * n).is_some()
        })
    }

    /// Adds times as [`Self::times_bytes`] wrote them; false, and changed in part, when they are none.
    #[must_use]
    pub fn add_times_bytes(&mut self, mut bytes: &[u8], sign: i64) -> bool {
        if bytes.is_empty() {
            return true;
        }
        for times in &mut self.times {
            let Some(n_set) = read_number(&mut bytes).and_then(|it| usize::try_from(it).ok()) else {
                return false;
            };
            let is_read = read_sparse(&mut bytes, n_set, |place, n| {
                if place > BUCKET_MAX {
                    return false;
                }
                if times.len() <= place {
                    times.resize(place + 1, 0);
                }
                times[place] += sign * n;
                true
            });
            if !is_read {
                return false;
            }
            trim(times);
        }
        bytes.is_empty()
    }
}

fn trim(times: &mut Vec<i64>) {
    while times.last() == Some(&0) {
        times.pop();
    }
}

/// Each number that is not zero, after how many zeros it comes.
fn write_sparse(numbers: &[i64], bytes: &mut Vec<u8>) {
    let mut n_zeros = 0;
    for number in numbers {
        if *number == 0 {
            n_zeros += 1;
        } else {
            write_number(n_zeros, bytes);
            // Small numbers of either sign stay small.
            let folded = number.unsigned_abs() << 1 | u64::from(*number < 0);
            write_number(folded, bytes);
            n_zeros = 0;
        }
    }
}

fn read_sparse(bytes: &mut &[u8], n_set: usize, mut put: impl FnMut(usize, i64) -> bool) -> bool {
    let (mut place, mut n_read) = (0_usize, 0);
    while n_read < n_set && !(n_set == usize::MAX && bytes.is_empty()) {
        let (Some(n_zeros), Some(folded)) = (read_number(bytes), read_number(bytes)) else { return false };
        place = place.saturating_add(usize::try_from(n_zeros).unwrap_or(usize::MAX));
        let size = i64::try_from(folded >> 1).unwrap_or(i64::MAX);
        if !put(place, if folded & 1 == 1 { -size } else { size }) {
            return false;
        }
        place = place.saturating_add(1);
        n_read += 1;
    }
    true
}

/// Seven bits a byte, the lowest first.
fn write_number(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or(0));
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(times: &[i64]) -> Tally {
        let mut tally = Tally::default();
        for seconds in times {
            tally.add_intake();
            tally.add_to_rate(Figure::OnTimeRate, seconds % 2 == 0);
            tally.add_excluded(Figure::ReplyRate, Exclusion::NotConcluded);
            tally.add_time(Milestone::Resolved, true, *seconds);
        }
        tally
    }

    proptest! {
        #[test]
        fn a_percentile_is_off_by_no_more_than_is_said(
            mut times in prop::collection::vec(0_i64..400_000_000, 1..200), percent in 1_i64..=100,
        ) {
            let told = of(&times).percentile(Milestone::Resolved, true, percent).unwrap();
            times.sort_unstable();
            let rank = (usize::try_from(percent).unwrap() * times.len()).div_ceil(100);
            let truth = times[rank - 1];

            // Whole numbers: |told - truth| * 128 ≤ truth.
            prop_assert!((told - truth).abs() * 128 <= truth, "{told} for {truth}");
        }

        #[test]
        fn what_is_added_and_taken_away_leaves_nothing_behind(
            first in prop::collection::vec(0_i64..4_000_000, 0..50),
            second in prop::collection::vec(0_i64..4_000_000, 0..50),
        ) {
            let mut sum = of(&first);
            sum.add(&of(&second));
            prop_assert_eq!(&sum, &of(&[first.clone(), second.clone()].concat()));
            sum.take_away(&of(&second));
            prop_assert_eq!(&sum, &of(&first));

            let mut read = Tally::default();
            prop_assert!(read.add_counts_bytes(&sum.counts_bytes(), 1));
            prop_assert!(read.add_times_bytes(&sum.times_bytes(), 1));
            prop_assert_eq!(read, sum);
        }

        #[test]
        fn bytes_that_are_no_tally_are_told(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut tally = Tally::default();
            let (is_counts, is_times) = (tally.add_counts_bytes(&bytes, 1), tally.add_times_bytes(&bytes, 1));
            prop_assert!(is_counts || is_times || !bytes.is_empty());
        }
    }

    #[test]
    fn nothing_has_no_percentile_and_no_bytes() {
        let tally = Tally::default();

        assert_eq!(tally.percentile(Milestone::Replied, false, 50), None);
        assert_eq!((tally.counts_bytes().len(), tally.times_bytes().len()), (0, 0));
    }

    #[test]
    fn short_times_are_exact() {
        for seconds in 0..128 {
            assert_eq!(of(&[seconds]).percentile(Milestone::Resolved, true, 90), Some(seconds));
        }
    }
}

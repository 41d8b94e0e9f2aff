//! Figures as of an event: the roll-ups as they are, with what moved since put back to what it was.

use std::collections::BTreeMap;
use std::time::Instant;

use super::frame::{By, Frame};
use super::sums::{Plan, Tallies, WITHIN};
use crate::domain::event::Stream;
use crate::domain::refusal::Refusal;
use crate::domain::setup::{Entry, Node, SetupState, fold};
use crate::domain::statistics::Dimension;
use crate::domain::value::{At, NodeId, SetupId};
use crate::service::Error;
use crate::store::statistics::{self, Counted, Group};
use crate::store::{Db, StoreError, events, setup};

/// Tickets put back at once.
const TICKETS_AT_ONCE: usize = 500;
/// Events of the set-up read at once.
const EVENTS_PAGE: i64 = 2_000;

/// Everything up to an event, and nothing after it.
pub(in crate::service) struct AsOf {
    /// Events up to this id count.
    pub event: i64,
    /// When it was recorded; UTC.
    pub at: At,
    /// Tickets that moved since: as the roll-ups have them, and as they were.
    moved: Vec<(Option<Counted>, Option<Counted>)>,
    /// The set-up as it was; None when it has not moved since.
    setup: Option<SetupState>,
}

impl AsOf {
    /// As of `event`, or of the last there is.
    ///
    /// # Errors
    /// `Invalid` for an event that is not there yet, or lies too far back; `Busy` when reading took too long.
    pub(in crate::service) fn read(db: &mut Db, event: Option<i64>) -> Result<Self, Error> {
        let latest = events::latest_id(db)?;
        let event = event.unwrap_or(latest);
        let at = statistics::recorded_at(db, event)?.filter(|_| event <= latest);
        let Some(at) = at else {
            let words = format!(
                "还没有这条留痕；最新的是 {latest}。 There is no such event yet; the latest is {latest}."
            );
            return Err(Refusal::field("as_of", words).into());
        };
        let mut ids = moved(db, Stream::Ticket, event)?;
        ids.extend(statistics::waiting(db)?);
        ids.sort_unstable();
        ids.dedup();
        let (mut tickets, began) = (Vec::new(), Instant::now());
        for some in ids.chunks(TICKETS_AT_ONCE) {
            if began.elapsed() > WITHIN {
                return Err(StoreError::Busy.into());
            }
            let mut now = statistics::counted_now(db, some)?;
            let mut then = statistics::counted_at(db, some, event)?;
            tickets.extend(some.iter().map(|id| (now.remove(id), then.remove(id))));
        }
        let is_setup_moved = !moved(db, Stream::Setup, event)?.is_empty();
        let setup = is_setup_moved.then(|| setup_at(db, event)).transpose()?;
        Ok(Self { event, at, moved: tickets, setup })
    }

    /// Each ticket that moved, taken out as it is (-1) and put in as it was (1).
    fn swaps(&self) -> impl Iterator<Item = (&Counted, i64)> {
        self.moved
            .iter()
            .flat_map(|(now, then)| now.iter().map(|it| (it, -1)).chain(then.iter().map(|it| (it, 1))))
    }

    /// Puts the tallies of these spans back.
    pub(super) fn put_back(
        &self,
        frame: &Frame,
        spans: &[(At, At)],
        by: Option<By>,
        found: &mut [Tallies],
    ) -> Result<(), Error> {
        let plan = Plan::of(frame, by);
        for (ticket, sign) in self.swaps().filter(|it| it.0.is_wanted(&frame.wanted)) {
            let received = ticket.received_at();
            for (tallies, _) in
                found.iter_mut().zip(spans).filter(|(_, (from, to))| *from <= received && received < *to)
            {
                plan.add(tallies, &ticket.kept(plan.dimension()), sign)?;
            }
        }
        Ok(())
    }

    /// Puts the numbers of open tickets back.
    pub(super) fn put_back_open(&self, frame: &Frame, by: Option<By>, found: &mut BTreeMap<String, i64>) {
        for (ticket, sign) in self.swaps().filter(|it| it.0.is_open() && it.0.is_wanted(&frame.wanted)) {
            let value = match by {
                Some(By::Node) => ticket.kept(Dimension::All).node.to_string(),
                Some(by) => ticket.value(by.dimension().unwrap_or(Dimension::All)).to_owned(),
                None => String::new(),
            };
            *found.entry(value).or_default() += sign;
        }
        found.retain(|_, n| *n != 0);
    }

    /// Puts the groups of a span back.
    pub(super) fn put_back_groups(&self, frame: &Frame, (from, to): (At, At), groups: &mut Vec<Group>) {
        let is_within = |it: &Counted| from <= it.received_at() && it.received_at() < to;
        for (ticket, sign) in self.swaps().filter(|it| it.0.is_wanted(&frame.wanted) && is_within(it.0)) {
            groups.push(Group { n: sign, ..Group::of(ticket) });
        }
    }

    /// Code and name of an entry as they were; None for one there was not.
    pub(super) fn label(&self, db: &mut Db, id: SetupId) -> Result<Option<(String, String)>, Error> {
        Ok(self.entry(db, id)?.map(|it| (it.code, it.name)))
    }

    /// An entry as it was; None for one there was not.
    pub(in crate::service) fn entry(&self, db: &mut Db, id: SetupId) -> Result<Option<Entry>, Error> {
        match &self.setup {
            Some(state) => Ok(state.entries.get(&id).cloned()),
            None => Ok(Some(setup::find_entry(db, id)?)),
        }
    }

    /// A node as it was; None for one there was not.
    pub(in crate::service) fn node(&self, db: &mut Db, id: NodeId) -> Result<Option<Node>, Error> {
        match &self.setup {
            Some(state) => Ok(state.nodes.get(&id).cloned()),
            None => Ok(Some(setup::find_node(db, id)?)),
        }
    }
}

/// What of `stream` moved since `event`.
pub(in crate::service) fn moved(db: &mut Db, stream: Stream, event: i64) -> Result<Vec<i64>, Error> {
    let moved = statistics::moved_since(db, stream, event)?;
    moved.ok_or_else(|| {
        let words =
            "这条留痕之后的留痕太多，无法回到当时。 Too many events came after this one to go back to it.";
        Refusal::field("as_of", words).into()
    })
}

fn setup_at(db: &mut Db, event: i64) -> Result<SetupState, Error> {
    let (mut state, mut after) = (SetupState::default(), 0);
    loop {
        let page = events::list(db, Stream::Setup, 0, after, EVENTS_PAGE)?;
        let Some(last) = page.last() else { return Ok(state) };
        after = last.seq;
        for it in page.iter().filter(|it| it.id <= event) {
            let fields = serde_json::from_str(&it.data).unwrap_or_default();
            fold(&mut state, &it.kind, &fields)
                .map_err(|fault| StoreError::Corrupt(format!("event {} of the set-up: {fault}", it.seq)))?;
        }
    }
}

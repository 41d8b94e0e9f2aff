//! What a collection may become.

use chrono::NaiveDate;

use super::*;
use crate::domain::people::{Actor, Staff};
use crate::domain::refusal::Refusal;
use crate::domain::value::{AccountId, At, CollectionId, NodeId, SetupId, TicketId};

fn staff(id: i64) -> Actor {
    Actor::Staff(Staff { account: AccountId(id), username: format!("user{id}"), grants: Vec::new() })
}

fn opening(letters_counted: u32) -> Opening {
    Opening {
        mailbox: "M1".to_owned(),
        community: None,
        opened_at: At::from_micros(1_000_000),
        openers: ["王丽".to_owned(), "陈伯".to_owned()],
        seal_before: None,
        seal_after: None,
        letters_counted,
    }
}

fn doing(actor: &Actor) -> Doing<'_> {
    Doing { actor, from: None, now: At::from_micros(2_000_000) }
}

fn collection(letters_counted: u32, accounts: [Option<AccountId>; 2]) -> Collection {
    let recorder = staff(1);
    let opening = opening(letters_counted);
    let change =
        Collection::open(CollectionId(1), SetupId(7), NodeId(3), &opening, accounts, &doing(&recorder));
    change.collection().clone()
}

fn slug(refused: Result<Change, Refusal>) -> &'static str {
    match refused {
        Err(Refusal::Rule { slug, .. }) => slug,
        Err(Refusal::Illegal { .. }) => "illegal",
        Err(Refusal::Forbidden(_)) => "forbidden",
        other => panic!("{other:?}"),
    }
}

#[test]
fn three_counted_letters_close_at_three_and_never_take_a_fourth() {
    let clerk = staff(1);
    let register = |it: Collection| {
        it.register(vec![TicketId(1)], None, None, &doing(&clerk)).map(|it| it.collection().clone())
    };
    let two = register(register(collection(3, [None; 2])).unwrap()).unwrap();
    assert_eq!(slug(two.clone().close(None, true, &doing(&clerk))), "not-accounted-for");

    let three = two.set_aside(SetAside::Thanks, None, &doing(&clerk)).unwrap().collection().clone();

    assert_eq!(slug(three.clone().register(vec![], None, None, &doing(&clerk))), "all-accounted-for");
    let closed = three.close(None, false, &doing(&clerk)).unwrap().collection().clone();
    assert_eq!((closed.n_registered(), closed.n_set_aside(), closed.unaccounted()), (2, 1, 0));
    assert_eq!(closed.exceptions(), []);
    assert_eq!(slug(closed.clone().register(vec![], None, None, &doing(&clerk))), "illegal");
    assert_eq!(slug(closed.close(None, true, &doing(&clerk))), "illegal");
}

#[test]
fn only_a_supervisor_closes_it_short_and_it_stays_an_exception() {
    let clerk = staff(1);
    let reason = || Some("信被雨水泡烂".to_owned());
    assert_eq!(slug(collection(2, [None; 2]).close(reason(), false, &doing(&clerk))), "forbidden");

    let closed = collection(2, [None; 2]).close(reason(), true, &doing(&clerk)).unwrap();

    assert_eq!(closed.collection().exceptions(), [Exception::Unaccounted]);
    assert_eq!(closed.collection().n_unaccounted, Some(2));
}

#[test]
fn an_opener_with_an_account_confirms_once_and_nobody_else_does() {
    let opened = collection(0, [Some(AccountId(1)), Some(AccountId(2))]);
    // Who recorded it and opened the box has confirmed by that.
    assert!(opened.openers[0].confirmed_at.is_some());
    assert_eq!(opened.exceptions(), [Exception::Unconfirmed]);

    let (second, stranger) = (staff(2), staff(3));
    assert!(matches!(opened.clone().confirm(&doing(&stranger)), Err(Refusal::NotYours(_))));
    let confirmed = opened.confirm(&doing(&second)).unwrap().unwrap().collection().clone();

    assert_eq!(confirmed.exceptions(), []);
    assert_eq!(confirmed.confirm(&doing(&second)), Ok(None));
}

#[test]
fn folding_the_events_gives_the_collection() {
    let clerk = staff(1);
    let recorder = staff(1);
    let change = Collection::open(
        CollectionId(1),
        SetupId(7),
        NodeId(3),
        &opening(2),
        [Some(AccountId(1)), Some(AccountId(2))],
        &doing(&recorder),
    );
    let mut changes = vec![change];
    let last = |changes: &[Change]| changes.last().unwrap().collection().clone();
    let day = NaiveDate::from_ymd_opt(2026, 11, 20);
    changes.push(last(&changes).register(vec![TicketId(4), TicketId(5)], day, None, &doing(&clerk)).unwrap());
    changes.push(last(&changes).set_aside(SetAside::Blank, None, &doing(&clerk)).unwrap());
    changes.push(last(&changes).confirm(&doing(&staff(2))).unwrap().unwrap());
    changes.push(last(&changes).close(None, false, &doing(&clerk)).unwrap());

    let mut folded: Option<Collection> = None;
    for change in &changes {
        let (kind, fields) = change.event().to_parts().unwrap();
        let event = CollectionEvent::from_parts(&kind, &fields.to_string()).unwrap();
        match &mut folded {
            None => folded = event.begin(CollectionId(1), change.at()),
            Some(folded) => event.apply(folded, change.at()),
        }
    }

    assert_eq!(folded.as_ref(), Some(&last(&changes)));
    assert_eq!(folded.map(|it| it.version), Some(5));
}

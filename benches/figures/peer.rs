//! The peer: plain diesel on the same disk, one transaction and one commit per ticket, a connection per client.
//!
//! It writes what a simple program would: a ticket and an event, with the same durability and no HTTP.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::postgres;

diesel::table! {
    peer_ticket (id) {
        id -> BigInt,
        subject -> Text,
        description -> Text,
        building -> Text,
        received_at -> BigInt,
    }
}

diesel::table! {
    peer_event (id) {
        id -> BigInt,
        ticket_id -> BigInt,
        kind -> Text,
        data -> Text,
    }
}

/// Both rows of one ticket.
macro_rules! insert {
    ($conn:ident) => {{
        let id: i64 = diesel::insert_into(peer_ticket::table)
            .values((
                peer_ticket::subject.eq("12号楼楼道灯不亮了"),
                peer_ticket::description.eq(
                    "三楼到四楼的灯已经坏了一个星期，晚上老人上下楼看不清台阶，前天还有人差点摔倒。请帮忙催一下。",
                ),
                peer_ticket::building.eq("12"),
                peer_ticket::received_at.eq(1_764_000_000_000_000_i64),
            ))
            .returning(peer_ticket::id)
            .get_result($conn)?;
        diesel::insert_into(peer_event::table)
            .values((
                peer_event::ticket_id.eq(id),
                peer_event::kind.eq("received"),
                peer_event::data.eq("{}"),
            ))
            .execute($conn)?;
        diesel::QueryResult::Ok(())
    }};
}
/// Writes from `n_clients` threads until `span` is over; gives how many were committed.
pub(crate) fn submit_for(url: Option<&str>, n_clients: usize, span: Duration) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("peer.db").display().to_string();
    let key = if url.is_some() { "BIGSERIAL PRIMARY KEY" } else { "INTEGER PRIMARY KEY AUTOINCREMENT" };
    let tables = format!(
        "CREATE TABLE peer_ticket (id {key}, subject TEXT NOT NULL, description TEXT NOT NULL,
                                   building TEXT NOT NULL, received_at BIGINT NOT NULL);
         CREATE TABLE peer_event (id {key}, ticket_id BIGINT NOT NULL REFERENCES peer_ticket (id),
                                  kind TEXT NOT NULL, data TEXT NOT NULL)"
    );
    match url {
        Some(url) => postgres::run(url, &tables),
        None => lite(&file).batch_execute(&tables).unwrap(),
    }
    let end = Instant::now() + span;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..n_clients)
            .map(|_| {
                scope.spawn(|| {
                    if let Some(url) = url {
                        let mut conn = postgres::connect(url);
                        count_until(end, || conn.transaction(|c| insert!(c)).map(|()| true))
                    } else {
                        let mut conn = lite(&file);
                        // What waits longer than the busy timeout is not counted, as a program would retry.
                        count_until(end, || Ok(conn.immediate_transaction(|c| insert!(c)).is_ok()))
                    }
                })
            })
            .collect();
        clients.into_iter().map(|it| it.join().unwrap()).sum()
    })
}

fn count_until(end: Instant, mut insert: impl FnMut() -> QueryResult<bool>) -> u64 {
    let mut n = 0;
    while Instant::now() < end {
        n += u64::from(insert().unwrap());
    }
    n
}

/// With the durability the product has.
fn lite(file: &str) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(file).unwrap();
    conn.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON",
    )
    .unwrap();
    conn
}

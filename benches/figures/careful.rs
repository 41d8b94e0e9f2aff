//! The careful peer: a server in plain diesel that does the same job with one commit per ticket.
//!
//! The same HTTP framework, body, tables, indexes, triggers and durability, and the same facts written: counter,
//! ticket, clock, event with its hash and head, texts, phone index, search words, idempotency key. What it leaves out
//! only makes it faster: rights, limits, rules of the job, careful errors.

use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use crossbeam_channel::{Receiver, Sender};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;
use red_mailbox::domain::chain::{GENESIS, SealKey, commitment, event_hash, keyed_hash};
use red_mailbox::domain::event::{Recorded, Stream};
use red_mailbox::domain::number::{Number, receipt_code};
use red_mailbox::domain::search::{document_tsvector, document_words};
use red_mailbox::domain::ticket::position;
use red_mailbox::domain::value::{At, TicketId};
use red_mailbox::store::db::PgConn;
use red_mailbox::store::schema::{
    clock, day_counter, event, event_head, event_text, idempotency, node, phone_index, sla_rules, ticket,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use crate::postgres;

/// Stands for the rules a clock is counted by; the peer does not look them up.
const RULES: &str = "00000000000000000000000000000000";
const KEY: [u8; 32] = [7; 32];

diesel::table! {
    ticket_search (rowid) {
        rowid -> BigInt,
        words -> Text,
    }
}

#[derive(Deserialize)]
struct Submission {
    community: String,
    kind: String,
    subject: String,
    description: String,
    location: Location,
    contact: Contact,
}

#[derive(Deserialize)]
struct Location {
    building: String,
    unit: String,
    room: String,
}

#[derive(Deserialize)]
struct Contact {
    phone: String,
    channel: String,
}

#[derive(Serialize)]
struct Answer {
    number: String,
    receipt_code: String,
    status: &'static str,
    received_at: String,
}

/// A submission on its way to a connection, and whoever waits for its receipt.
struct Job {
    submission: Submission,
    idempotency_key: String,
    answer: oneshot::Sender<QueryResult<Answer>>,
}

/// Where tickets are written: a pool of connections, each with a thread, as `web::block` over a pool would have.
enum Conn {
    Lite(Box<SqliteConnection>),
    Pg(Box<PgConn>),
}

/// Everything a ticket writes on either engine, in one transaction of its own.
macro_rules! write_ticket {
    ($conn:ident, $job:ident, $next_id:expr, $next_event_id:expr, $index:ident) => {{
        let now = At::from_micros(chrono::Utc::now().timestamp_micros());
        let submission = &$job.submission;
        let (node_id, zone): (i64, String) = node::table
            .filter(node::code.eq(&submission.community))
            .select((node::id, node::time_zone))
            .first($conn)?;
        let key_hash = Sha256::digest(&$job.idempotency_key).to_vec();
        let kept: Option<i64> = idempotency::table
            .find(("tickets:public", &key_hash))
            .select(idempotency::ticket_id)
            .first($conn)
            .optional()?;
        if kept.is_some() {
            return Err(diesel::result::Error::RollbackTransaction);
        }
        let day = now.local_date(zone.parse().unwrap());
        let running: i64 = diesel::insert_into(day_counter::table)
            .values((
                day_counter::node_id.eq(node_id),
                day_counter::day.eq(day.to_string()),
                day_counter::last_number.eq(1),
            ))
            .on_conflict((day_counter::node_id, day_counter::day))
            .do_update()
            .set(day_counter::last_number.eq(day_counter::last_number + 1))
            .returning(day_counter::last_number)
            .get_result($conn)?;
        let id: i64 = $next_id;
        let number = Number::new(&submission.community, day, running.cast_unsigned()).to_string();
        let at = now.micros();
        let place = position(now, TicketId(id));
        let due_at = at + 86_400_000_000;
        diesel::insert_into(ticket::table)
            .values((
                ticket::id.eq(id),
                ticket::number.eq(&number),
                ticket::node_id.eq(node_id),
                ticket::handling_node_id.eq(node_id),
                ticket::position.eq(place),
                ticket::version.eq(1),
                ticket::status.eq("received"),
                ticket::cycle.eq(1),
                ticket::kind.eq(&submission.kind),
                ticket::source.eq("web"),
                ticket::building.eq(&submission.location.building),
                ticket::channel.eq(&submission.contact.channel),
                (
                    ticket::designated.eq(false),
                    ticket::returned_in_cycle.eq(false),
                    ticket::sealed.eq(false),
                    ticket::suspected_emergency.eq(false),
                    ticket::may_publish.eq(false),
                    ticket::published.eq(false),
                    ticket::attachments_expected.eq(0),
                    ticket::receipt_issue.eq(1),
                    ticket::n_urges.eq(0),
                    ticket::received_at.eq(at),
                    ticket::registered_at.eq(at),
                    ticket::due_at.eq(due_at),
                    ticket::next_alarm_at.eq(due_at),
                    ticket::rules.eq(RULES),
                    ticket::updated_at.eq(at),
                ),
            ))
            .execute($conn)?;
        diesel::insert_into(clock::table)
            .values((
                clock::ticket_id.eq(id),
                clock::place.eq(1),
                clock::stage.eq("accept"),
                clock::cycle.eq(1),
                clock::nth.eq(1),
                clock::state.eq("running"),
                clock::started_at.eq(at),
                clock::due_at.eq(due_at),
                clock::alarm_at.eq(due_at),
                clock::alarm.eq("breach"),
                clock::rules.eq(RULES),
                clock::details.eq("{}"),
            ))
            .execute($conn)?;
        let location = format!(
            r#"{{"unit":"{}","room":"{}"}}"#,
            submission.location.unit, submission.location.room
        );
        let contact = format!(r#"{{"phone":"{}"}}"#, submission.contact.phone);
        let texts = [
            ("subject", submission.subject.as_str()),
            ("description", submission.description.as_str()),
            ("location", location.as_str()),
            ("contact", contact.as_str()),
        ]
        .map(|(name, body)| (name, body, rand::random::<[u8; 16]>()));
        let commitments: serde_json::Map<String, serde_json::Value> = texts
            .iter()
            .map(|(name, body, salt)| ((*name).to_owned(), commitment(salt, name, body).into()))
            .collect();
        let data = serde_json::json!({
            "number": number, "node": node_id, "position": place, "kind": submission.kind, "source": "web",
            "building": submission.location.building, "channel": submission.contact.channel, "received_at": at,
            "clocks": [{"started": {"stage": "accept", "due_at": due_at, "rules": RULES}}],
            "commitments": commitments,
        })
        .to_string();
        let mut recorded = Recorded {
            id: $next_event_id,
            stream: "ticket".to_owned(),
            stream_id: id,
            seq: 1,
            kind: "ticket.received".to_owned(),
            at: now,
            actor_kind: "resident".to_owned(),
            actor_id: None,
            actor_name: None,
            place: None,
            data,
            prev_hash: GENESIS.to_vec(),
            hash: vec![],
        };
        let hash = event_hash(&recorded);
        recorded.hash = hash.to_vec();
        diesel::insert_into(event::table)
            .values((
                event::id.eq(recorded.id),
                event::stream.eq(&recorded.stream),
                event::stream_id.eq(id),
                event::seq.eq(1),
                event::kind.eq(&recorded.kind),
                event::at.eq(at),
                event::actor_kind.eq(&recorded.actor_kind),
                event::data.eq(&recorded.data),
                event::prev_hash.eq(&recorded.prev_hash),
                event::hash.eq(&recorded.hash),
            ))
            .execute($conn)?;
        for (name, body, salt) in &texts {
            diesel::insert_into(event_text::table)
                .values((
                    event_text::ticket_id.eq(id),
                    event_text::seq.eq(1),
                    event_text::name.eq(name),
                    event_text::salt.eq(salt.as_slice()),
                    event_text::body.eq(body),
                ))
                .execute($conn)?;
        }
        diesel::insert_into(event_head::table)
            .values((
                event_head::stream.eq("ticket"),
                event_head::stream_id.eq(id),
                event_head::seq.eq(1),
                event_head::hash.eq(&recorded.hash),
                event_head::seal.eq(SealKey::new("peer", KEY).seal(Stream::Ticket, id, 1, &hash).to_vec()),
                event_head::key_id.eq("peer"),
            ))
            .execute($conn)?;
        diesel::insert_into(phone_index::table)
            .values((
                phone_index::ticket_id.eq(id),
                phone_index::phone_hmac.eq(keyed_hash(&KEY, &submission.contact.phone).to_vec()),
            ))
            .execute($conn)?;
        let words = [submission.subject.as_str(), submission.description.as_str(), location.as_str()];
        $index($conn, node_id, place, &words)?;
        diesel::insert_into(idempotency::table)
            .values((
                idempotency::scope.eq("tickets:public"),
                idempotency::key_hash.eq(&key_hash),
                idempotency::fingerprint.eq(Sha256::digest(&submission.description).to_vec()),
                idempotency::ticket_id.eq(id),
                idempotency::created_at.eq(at),
                idempotency::expires_at.eq(at + 172_800_000_000),
            ))
            .execute($conn)?;
        Ok(Answer {
            receipt_code: receipt_code(&KEY, &number, 1),
            number,
            status: "received",
            received_at: now.to_rfc3339(),
        })
    }};
}

impl Conn {
    fn open(file: &str, url: Option<&str>) -> Self {
        match url {
            Some(url) => Self::Pg(Box::new(postgres::connect(url))),
            None => Self::Lite(Box::new(lite(file))),
        }
    }

    fn write(&mut self, job: &Job) -> QueryResult<Answer> {
        match self {
            Self::Lite(conn) => conn.immediate_transaction(|c| {
                write_ticket!(
                    c,
                    job,
                    ticket::table.select(diesel::dsl::max(ticket::id)).first::<Option<i64>>(c)?.unwrap_or(0)
                        + 1,
                    event::table.select(diesel::dsl::max(event::id)).first::<Option<i64>>(c)?.unwrap_or(0)
                        + 1,
                    index_lite
                )
            }),
            Self::Pg(conn) => conn.transaction(|c| {
                write_ticket!(
                    c,
                    job,
                    diesel::select(diesel::dsl::sql::<BigInt>("nextval('ticket_id_seq')")).first(c)?,
                    diesel::select(diesel::dsl::sql::<BigInt>("nextval('event_id_seq')")).first(c)?,
                    index_pg
                )
            }),
        }
    }
}

fn index_lite(c: &mut SqliteConnection, node: i64, place: i64, texts: &[&str]) -> QueryResult<usize> {
    diesel::insert_into(ticket_search::table)
        .values((ticket_search::rowid.eq(place), ticket_search::words.eq(document_words(node, texts))))
        .execute(c)
}

fn index_pg(c: &mut PgConn, node: i64, place: i64, texts: &[&str]) -> QueryResult<usize> {
    diesel::sql_query("INSERT INTO ticket_search (rowid, node_id, words) VALUES ($1, $2, $3::tsvector)")
        .bind::<BigInt, _>(place)
        .bind::<BigInt, _>(node)
        .bind::<Text, _>(document_tsvector(node, place, texts))
        .execute(c)
}

/// With the durability the product has.
fn lite(file: &str) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(file).unwrap();
    conn.batch_execute(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY",
    )
    .unwrap();
    conn
}

async fn submit(
    pool: web::Data<Sender<Job>>,
    body: web::Json<Submission>,
    request: actix_web::HttpRequest,
) -> HttpResponse {
    let idempotency_key = request.headers().get("idempotency-key").unwrap().to_str().unwrap().to_owned();
    let (answer, receipt) = oneshot::channel();
    pool.send(Job { submission: body.into_inner(), idempotency_key, answer }).unwrap();
    match receipt.await.unwrap() {
        Ok(answer) => HttpResponse::Created()
            .insert_header(("Location", format!("/api/v1/tickets/{}", answer.number)))
            .json(answer),
        // SQLite's "locked" after five seconds of waiting; a client would try again.
        Err(_busy) => HttpResponse::ServiceUnavailable().finish(),
    }
}

/// The peer, answering over HTTP from a database that was made and given its community by the product.
pub(crate) struct Careful {
    pub(crate) address: String,
    handle: ServerHandle,
    threads: Vec<JoinHandle<()>>,
}

impl Careful {
    /// Serves from `n_connections`, each on a thread, as `web::block` over a pool would.
    pub(crate) fn serve(file: &str, url: Option<&str>, n_connections: usize) -> Self {
        let rules = (sla_rules::digest.eq(RULES), sla_rules::body.eq("{}"));
        let keep_rules = diesel::insert_into(sla_rules::table).values(rules).on_conflict_do_nothing();
        let kept = std::thread::scope(|scope| {
            let keep = || match Conn::open(file, url) {
                Conn::Lite(mut conn) => keep_rules.execute(&mut *conn),
                Conn::Pg(mut conn) => keep_rules.execute(&mut *conn),
            };
            scope.spawn(keep).join().unwrap()
        });
        kept.unwrap();
        let (jobs, pool) = crossbeam_channel::bounded::<Job>(1024);
        let mut threads: Vec<_> = (0..n_connections)
            .map(|_| {
                let (pool, file, url) = (pool.clone(), file.to_owned(), url.map(str::to_owned));
                std::thread::spawn(move || serve_pool(&pool, Conn::open(&file, url.as_deref())))
            })
            .collect();
        let (bound, is_bound) = std::sync::mpsc::channel();
        threads.push(std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let jobs = web::Data::new(jobs);
                let server = HttpServer::new(move || {
                    App::new().app_data(jobs.clone()).route("/api/v1/tickets", web::post().to(submit))
                })
                .workers(2)
                .disable_signals()
                .bind("127.0.0.1:0")
                .unwrap();
                let address = server.addrs()[0].to_string();
                let running = server.run();
                bound.send((address, running.handle())).unwrap();
                running.await.unwrap();
            });
        }));
        let (address, handle) = is_bound.recv().unwrap();
        Self { address, handle, threads }
    }
}

fn serve_pool(pool: &Receiver<Job>, mut connection: Conn) {
    while let Ok(job) = pool.recv() {
        let receipt = connection.write(&job);
        // A client that has gone away hears nothing.
        drop(job.answer.send(receipt));
    }
}

impl Drop for Careful {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        // The server's thread ends first and lets go of the queue, which ends the others.
        for thread in self.threads.drain(..).rev() {
            thread.join().unwrap();
        }
    }
}

//! Live lists: who looks at one hears within a second which tickets moved (Server-Sent Events, WHATWG HTML §9.2).
//!
//! One reader of the trail serves every open page of the process: it asks the database twice a second while
//! anybody listens, whichever process wrote. Each listener hears only of tickets that they may see, and no fact
//! but the number and what happened; the page asks for the rest.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{FromRequest as _, HttpRequest, HttpResponse, rt, web};
use tokio::sync::{broadcast, mpsc, watch};

use super::web::desk::{PageCaller, Turned};
use super::{Problem, StaffCaller};
use crate::domain::people::{Permission, Staff};
use crate::domain::refusal::Refusal;
use crate::service::live::{self, Moved};
use crate::service::{App, Error};

/// How often the trail is asked while anybody listens.
const ASKED_EVERY: Duration = Duration::from_millis(400);
/// A line that says nothing keeps proxies from closing the connection.
const QUIET_MAX: Duration = Duration::from_secs(15);
/// A stream ends so soon that an ended session does not hear for long; the browser comes back by itself.
const STREAM_MAX: Duration = Duration::from_mins(5);
/// Moves that a slow listener may lag behind; one that lags more is told to ask for the list again.
const LAG_MAX: usize = 1_024;
/// Lines that wait for a slow connection.
const LINES_MAX: usize = 64;
/// Listeners of one process: five times the desks of a district.
const LISTENERS_MAX: usize = 1_000;
/// Who was away longer than so many rounds asks for the list again.
const ROUNDS_MISSED_MAX: usize = 4;

type Shared = Arc<Moved>;
/// Event ids are drawn before the transaction commits, so a lower one may come after a higher one: so many are
/// looked at again.
const OVERLAP: i64 = 100;

/// What every listener of this process shares.
pub(super) struct Live {
    sender: broadcast::Sender<Shared>,
    is_asking: Mutex<bool>,
    closed: watch::Sender<bool>,
}

impl Live {
    pub(super) fn new() -> Self {
        Self {
            sender: broadcast::channel(LAG_MAX).0,
            is_asking: Mutex::new(false),
            closed: watch::channel(false).0,
        }
    }

    /// Ends every stream, so that the server can stop.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Listens from event `from` on; the first listener starts the asking.
    fn listen(this: &web::Data<Self>, app: &App, from: i64) -> broadcast::Receiver<Shared> {
        let receiver = this.sender.subscribe();
        let mut is_asking = this.is_asking.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_asking {
            *is_asking = true;
            rt::spawn(ask(this.clone(), app.clone(), from));
        }
        receiver
    }

    /// True when nobody listens any more; then asking has ended.
    fn ends_asking(&self) -> bool {
        let mut is_asking = self.is_asking.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = self.sender.receiver_count() == 0 || *self.closed.borrow();
        *is_asking = !is_over;
        is_over
    }
}

/// Asks the trail until nobody listens.
async fn ask(live: web::Data<Live>, app: App, from: i64) {
    let (mut last, mut seen) = (from, BTreeSet::new());
    while !live.ends_asking() {
        match live::since(&app, last - OVERLAP, seen.clone()).await {
            Ok(round) => {
                // What was there before the first look is nobody's news.
                for it in round.moved.into_iter().filter(|it| it.event > from) {
                    // Nobody listening is no fault: the loop looks next.
                    drop(live.sender.send(Arc::new(it)));
                }
                last = round.events.last().copied().unwrap_or(last).max(last);
                seen.extend(round.events);
                seen = seen.split_off(&(last - OVERLAP));
            }
            Err(error) => tracing::warn!("could not look for moves: {error}"),
        }
        tokio::time::sleep(ASKED_EVERY).await;
    }
}

/// Lines on their way to a listener.
struct Lines(mpsc::Receiver<Bytes>);

impl MessageBody for Lines {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.0.poll_recv(context).map(|it| it.map(Ok))
    }
}

/// Who listens: an access token, or the session of a page.
async fn listener(request: &HttpRequest) -> Result<Staff, Turned> {
    if request.headers().contains_key(header::AUTHORIZATION) {
        let mut none = actix_web::dev::Payload::None;
        return Ok(StaffCaller::from_request(request, &mut none).await?.staff().clone());
    }
    let caller = PageCaller::find(request).await?;
    Ok(caller.ok_or_else(|| Problem::from(Refusal::Unauthenticated))?.staff().clone())
}

/// Which tickets of one's nodes and units move, as they move. `Last-Event-ID` goes on from there; `event: reset`
/// says that too much happened meanwhile, so that lists are asked for again.
#[utoipa::path(get, path = "/api/v1/events/stream", tag = "tickets",
    params(("Last-Event-ID" = Option<i64>, Header, description = "The last `id` heard")),
    responses((status = 200, description = "`event: ticket` with `data: {\"number\",\"type\"}` for each",
        content_type = "text/event-stream", body = String)), security(("bearer" = [])))]
pub(super) async fn stream(
    app: web::Data<App>,
    live: web::Data<Live>,
    request: HttpRequest,
) -> Result<HttpResponse, Turned> {
    let staff = listener(&request).await?;
    if !staff.may_somewhere(Permission::ReadTicket) {
        return Err(Refusal::Forbidden(Permission::ReadTicket).into());
    }
    if live.sender.receiver_count() >= LISTENERS_MAX {
        return Err(Refusal::TooMany { retry_after_s: 30 }.into());
    }
    let heard = request.headers().get("last-event-id").and_then(|it| it.to_str().ok());
    let heard: Option<i64> = heard.and_then(|it| it.trim().parse().ok());
    let latest = live::latest(&app).await?;
    let receiver = Live::listen(&live, &app, latest);
    let (lines, waiting) = mpsc::channel(LINES_MAX);
    let from = heard.unwrap_or(latest).clamp(0, latest);
    rt::spawn(tell(app, live.closed.subscribe(), staff, receiver, lines, (from, latest)));
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // nginx passes each line on at once.
        .insert_header(("X-Accel-Buffering", "no"))
        .body(Lines(waiting)))
}

fn line(event: &str, id: i64, data: &str) -> Bytes {
    Bytes::from(format!("id: {id}\nevent: {event}\ndata: {data}\n\n"))
}

fn told(moved: &Moved) -> Bytes {
    let data = serde_json::json!({ "number": moved.number(), "type": moved.kind });
    line("ticket", moved.event, &data.to_string())
}

/// Tells what was missed, then what comes, until the listener goes or the stream has lasted long enough.
async fn tell(
    app: web::Data<App>,
    mut closed: watch::Receiver<bool>,
    staff: Staff,
    mut receiver: broadcast::Receiver<Shared>,
    lines: mpsc::Sender<Bytes>,
    (from, latest): (i64, i64),
) {
    let ends = tokio::time::Instant::now() + STREAM_MAX;
    let begun = lines.send(line("begin", from, "{}")).await;
    if begun.is_err() || catch_up(&app, &staff, &lines, from, latest).await.is_err() {
        return;
    }
    loop {
        let next = tokio::select! {
            _ = closed.changed() => return,
            () = tokio::time::sleep_until(ends) => return,
            next = tokio::time::timeout(QUIET_MAX, receiver.recv()) => next,
        };
        let line = match next {
            Err(_quiet) => Bytes::from_static(b": still here\n\n"),
            Ok(Ok(moved)) if moved.is_seen_by(&staff) => told(&moved),
            Ok(Ok(_)) => continue,
            Ok(Err(broadcast::error::RecvError::Lagged(_))) => line("reset", latest, "{}"),
            Ok(Err(broadcast::error::RecvError::Closed)) => return,
        };
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

/// What happened between the last event heard and now.
async fn catch_up(
    app: &App,
    staff: &Staff,
    lines: &mpsc::Sender<Bytes>,
    from: i64,
    latest: i64,
) -> Result<(), Error> {
    let gone = |_| Error::internal("the listener has gone");
    let mut after = from;
    for _ in 0..ROUNDS_MISSED_MAX {
        if after >= latest {
            return Ok(());
        }
        let round = live::since(app, after, BTreeSet::new()).await?;
        for it in round.moved.iter().filter(|it| it.is_seen_by(staff)) {
            lines.send(told(it)).await.map_err(gone)?;
        }
        let Some(last) = round.events.last() else { return Ok(()) };
        after = *last;
    }
    lines.send(line("reset", latest, "{}")).await.map_err(gone)
}

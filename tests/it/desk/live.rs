//! Live lists: who listens hears what moves, and nothing of what they may not see.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Browser;
use crate::builders::World;
use crate::harness::both_worlds;

/// A connection that hears.
struct Ear {
    stream: TcpStream,
    heard: String,
}

impl Ear {
    fn open(world: &World, header: (&str, &str), last: Option<i64>) -> Self {
        let mut stream = TcpStream::connect(world.app.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let last = last.map(|it| format!("Last-Event-ID: {it}\r\n")).unwrap_or_default();
        let (name, value) = header;
        write!(
            stream,
            "GET /api/v1/events/stream HTTP/1.1\r\nHost: red-mailbox.test\r\n{name}: {value}\r\n{last}\r\n"
        )
        .unwrap();
        Self { stream, heard: String::new() }
    }

    /// Listens until `words` were heard; gives how long that took, or None after `within`.
    fn hear(&mut self, words: &str, within: Duration) -> Option<Duration> {
        let began = Instant::now();
        let mut bytes = [0_u8; 4096];
        while began.elapsed() < within {
            if self.heard.contains(words) {
                return Some(began.elapsed());
            }
            if let Ok(n) = self.stream.read(&mut bytes) {
                self.heard.push_str(&String::from_utf8_lossy(&bytes[..n]));
            }
        }
        self.heard.contains(words).then(|| began.elapsed())
    }

    fn begun(mut self) -> Self {
        assert!(self.hear("event: begin", Duration::from_secs(10)).is_some(), "{}", self.heard);
        self
    }

    fn last_id(&self) -> i64 {
        self.heard.rsplit_once("id: ").unwrap().1.lines().next().unwrap().trim().parse().unwrap()
    }
}

const LONG: Duration = Duration::from_secs(10);

both_worlds! {
    fn who_may_read_hears_of_the_own_tickets_and_of_no_others(world) {
        let (bearer, other) = (format!("Bearer {}", world.token("triager")), format!("Bearer {}", world.token("other")));
        world.app.get("/api/v1/events/stream").send().expect(401);
        world.app.get("/api/v1/events/stream").bearer("x.y.z").send().expect(401);
        world.app.get("/api/v1/events/stream").bearer(&world.token("admin")).send().expect(403);

        let mut mine = Ear::open(&world, ("Authorization", &bearer), None).begun();
        let mut others = Ear::open(&world, ("Authorization", &other), None).begun();
        let browser = Browser::of(&world, "triager");
        let mut page = Ear::open(&world, ("Cookie", &browser.cookie()), None).begun();

        let sealed = world.submit(json!({"kind": "report"}));
        let receipt = world.submit(json!({}));

        let told = format!("{{\"number\":\"{}\",\"type\":\"ticket.received\"}}", receipt.number);
        assert!(mine.hear(&told, LONG).is_some(), "{}", mine.heard);
        assert!(page.hear(&told, LONG).is_some(), "{}", page.heard);
        assert!(!mine.heard.contains(&sealed.number) && !mine.heard.contains("路灯"), "{}", mine.heard);
        assert!(others.hear("YD-", Duration::from_millis(900)).is_none(), "{}", others.heard);
        assert!(mine.heard.contains("text/event-stream"), "{}", mine.heard);
    }

    fn who_was_away_hears_what_was_missed(world) {
        let bearer = format!("Bearer {}", world.token("triager"));
        let mut first = Ear::open(&world, ("Authorization", &bearer), None).begun();
        let one = world.submit(json!({}));
        assert!(first.hear(&one.number, LONG).is_some());
        let last = first.last_id();
        drop(first);
        let two = world.submit(json!({}));

        let mut again = Ear::open(&world, ("Authorization", &bearer), Some(last)).begun();

        assert!(again.hear(&two.number, LONG).is_some(), "{}", again.heard);
        assert!(!again.heard.contains(&one.number), "{}", again.heard);
    }

    fn two_hundred_desks_hear(world) {
        let bearer = format!("Bearer {}", world.token("triager"));
        let mut ears: Vec<Ear> = (0..200).map(|_| Ear::open(&world, ("Authorization", &bearer), None)).collect();
        ears = ears.into_iter().map(Ear::begun).collect();

        let receipt = world.submit(json!({}));
        for ear in &mut ears {
            assert!(ear.hear(&receipt.number, LONG).is_some(), "{}", ear.heard);
        }
    }
}

//! The closer look as it is drawn: heat by building and month, recurring matters, hints, custody; each opens its tickets.

use super::LeadAsked;
use crate::domain::statistics::Figure;
use crate::http::reply::segment;
use crate::http::web::desk::Frame;
use crate::service::statistics::{Closer, Heat, Matter, SameReply};

/// A number that opens its tickets.
pub(super) struct Spot {
    pub(super) n: i64,
    /// From 0, nothing, to 5, the most of the table.
    pub(super) level: i64,
    pub(super) link: String,
}

/// One row of a table: its name, what stands behind it in words, and a number.
pub(super) struct Told {
    pub(super) name: String,
    pub(super) words: String,
    pub(super) n: i64,
    pub(super) link: String,
    /// Numbers of tickets.
    pub(super) tickets: Vec<String>,
}

/// Letters of one mailbox.
pub(super) struct Box {
    pub(super) name: String,
    pub(super) counts: [i64; 6],
    pub(super) link: String,
}

/// A closer look, to be drawn.
pub(super) struct Look {
    pub(super) months: Vec<String>,
    pub(super) buildings: Vec<(String, Vec<Spot>)>,
    pub(super) matters: Vec<Told>,
    pub(super) hints: Vec<Told>,
    pub(super) replies: Vec<Told>,
    pub(super) boxes: Vec<Box>,
}

impl Look {
    pub(super) fn of(frame: &Frame, asked: &LeadAsked, bounds: &(String, String), it: Closer) -> Self {
        let hints = it.hints.iter().map(|it| {
            let units: Vec<String> = it.units.iter().map(|(name, n)| format!("{name} {n}")).collect();
            Told {
                name: frame.say(&format!("lead_hint.{}", it.hint)),
                words: units.join("、"),
                n: it.n,
                link: asked.hinted(it.hint.as_str(), bounds),
                tickets: Vec::new(),
            }
        });
        let boxes = it.custody.iter().map(|it| {
            let letters = it.letters;
            let unaccounted = letters.counted - letters.registered - letters.set_aside;
            Box {
                name: it.name.clone(),
                counts: [
                    letters.counted,
                    letters.registered,
                    letters.set_aside,
                    unaccounted,
                    it.late.into(),
                    it.missed.into(),
                ],
                link: asked.tickets(Figure::Intake, "numerator", bounds, &[("mailbox", &it.mailbox)]),
            }
        });
        Self {
            hints: hints.collect(),
            boxes: boxes.collect(),
            matters: it.matters.iter().map(|it| matter(frame, asked, bounds, it)).collect(),
            replies: it.replies.into_iter().map(reply).collect(),
            months: it.heat.months.iter().map(|(from, _)| local(frame, *from, "%y-%m")).collect(),
            buildings: buildings(asked, &it.heat),
        }
    }
}

fn local(frame: &Frame, at: crate::domain::value::At, form: &str) -> String {
    at.to_utc().with_timezone(&frame.zone).format(form).to_string()
}

fn buildings(asked: &LeadAsked, heat: &Heat) -> Vec<(String, Vec<Spot>)> {
    let most = heat.buildings.iter().flat_map(|it| &it.1).copied().max().unwrap_or(0).max(1);
    let spot = |building: &str, n: i64, place: usize| {
        let bounds = heat.months.get(place).map(|(from, to)| (from.to_rfc3339(), to.to_rfc3339()));
        let bounds = bounds.unwrap_or_default();
        Spot {
            n,
            level: (n * 5 + most - 1) / most,
            link: asked.tickets(Figure::Intake, "numerator", &bounds, &[("building", building)]),
        }
    };
    let row = |(building, counts): &(String, Vec<i64>)| {
        let spots = counts.iter().enumerate().map(|(place, n)| spot(building, *n, place));
        (building.clone(), spots.collect())
    };
    heat.buildings.iter().map(row).collect()
}

fn matter(frame: &Frame, asked: &LeadAsked, bounds: &(String, String), it: &Matter) -> Told {
    let (code, name) = it.category.clone().unwrap_or_default();
    let mut filter = vec![("category", code.as_str())];
    filter.extend(it.building.as_deref().map(|it| ("building", it)));
    let done = it.done.iter().map(|(done, n)| format!("{} {n}", frame.say(&format!("bulletin_done.{done}"))));
    let done = done.collect::<Vec<_>>().join(" · ");
    Told {
        name: [Some(name), it.building.clone()].into_iter().flatten().collect::<Vec<_>>().join(" · "),
        words: if it.is_repeated() { frame.say_with("bulletin.repeated", &[("done", &done)]) } else { done },
        n: it.n,
        link: asked.tickets(Figure::Intake, "numerator", bounds, &filter),
        tickets: Vec::new(),
    }
}

fn reply(it: SameReply) -> Told {
    Told { name: it.text, words: String::new(), n: it.n, link: String::new(), tickets: it.numbers }
}

impl LeadAsked {
    /// The tickets that give a hint.
    fn hinted(&self, hint: &str, bounds: &(String, String)) -> String {
        let node = self.node.as_deref().map_or_else(String::new, |it| format!("&node={}", segment(it)));
        format!("/lead/tickets?hint={hint}&from={}&to={}{node}", segment(&bounds.0), segment(&bounds.1))
    }
}

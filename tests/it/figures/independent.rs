//! The same figures by another road: an export of events, plain JSON, and no code of the statistics room.

use std::collections::BTreeMap;

use serde_json::Value;

/// 2026-11-23T00:00:00+08:00, a Monday, in microseconds.
const MONDAY: i64 = 1_795_363_200_000_000;
const SECOND: i64 = 1_000_000;

/// A ticket as its events tell it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Told {
    pub(crate) number: String,
    pub(crate) node: i64,
    pub(crate) received_at: i64,
    pub(crate) unit: Option<i64>,
    pub(crate) category: Option<i64>,
    pub(crate) building: Option<String>,
    pub(crate) kind: String,
    pub(crate) priority: Option<String>,
    pub(crate) sealed: bool,
    status: String,
    status_before: String,
    cycle: i64,
    /// Stage and state, in the order in which they started.
    clocks: Vec<(String, &'static str)>,
    ever_concluded: bool,
    ever_replied: bool,
    rating: Option<(bool, Option<i64>, i64)>,
    reached: BTreeMap<&'static str, i64>,
    reply_cycles: BTreeMap<i64, i64>,
}

/// Reads every ticket of an export.
pub(crate) fn read(export: &str) -> Vec<Told> {
    let mut tickets: BTreeMap<i64, Told> = BTreeMap::new();
    for line in export.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let event = &line["event"];
        if event["stream"] != "ticket" {
            continue;
        }
        let data: Value = serde_json::from_str(event["data"].as_str().unwrap()).unwrap();
        let ticket = tickets.entry(event["stream_id"].as_i64().unwrap()).or_default();
        ticket.hear(event["type"].as_str().unwrap(), event["at"].as_i64().unwrap(), &data);
    }
    tickets.into_values().collect()
}

impl Told {
    fn hear(&mut self, kind: &str, at: i64, data: &Value) {
        let text = |name: &str| data[name].as_str().map(str::to_owned);
        match kind {
            "ticket.received" => {
                self.number = text("number").unwrap();
                self.node = data["node"].as_i64().unwrap();
                self.received_at = data["received_at"].as_i64().unwrap();
                self.cycle = 1;
                "received".clone_into(&mut self.status);
                self.facts(data);
            }
            "ticket.amended" => {
                self.facts(data);
                if data["taken_from"].is_i64() {
                    self.unit = None;
                    if ["assigned", "in_progress", "waiting"].contains(&self.status.as_str()) {
                        "accepted".clone_into(&mut self.status);
                    }
                }
            }
            "ticket.accepted" => {
                "accepted".clone_into(&mut self.status);
                self.category = data["category"].as_i64();
                self.priority = text("priority");
                self.reach("accepted", at);
            }
            "ticket.declined" => {
                "declined".clone_into(&mut self.status);
                self.ever_concluded = true;
            }
            "ticket.assigned" => {
                "assigned".clone_into(&mut self.status);
                self.unit = data["unit"].as_i64();
                self.reach("assigned", at);
            }
            "ticket.returned" => {
                "accepted".clone_into(&mut self.status);
                self.unit = None;
            }
            "ticket.acknowledged" | "ticket.resumed" => "in_progress".clone_into(&mut self.status),
            "ticket.waiting" => "waiting".clone_into(&mut self.status),
            "ticket.resolved" => {
                "resolved".clone_into(&mut self.status);
                self.ever_concluded = true;
                self.reach("resolved", at);
            }
            "ticket.sent_back" => {
                "in_progress".clone_into(&mut self.status);
                if self.cycle == 1 {
                    self.reached.remove("resolved");
                }
            }
            "ticket.reply_written" => {
                self.reply_cycles.insert(data["reply"].as_i64().unwrap(), self.cycle);
            }
            "ticket.replied" => {
                self.ever_replied = true;
                if self.reply_cycles[&data["reply"].as_i64().unwrap()] == self.cycle {
                    self.reach("replied", at);
                    if self.status == "resolved" {
                        "replied".clone_into(&mut self.status);
                    }
                }
            }
            "ticket.rated" => {
                self.rating =
                    Some((data["solved"].as_bool().unwrap(), data["satisfaction"].as_i64(), self.cycle));
            }
            "ticket.reopened" => {
                self.begin(text("to").unwrap(), data["cycle"].as_i64().unwrap());
            }
            "ticket.split" => {
                let cycle = data["cycle"].as_i64().unwrap();
                if cycle > self.cycle {
                    self.begin(text("to").unwrap(), cycle);
                    self.unit = data["unit"].as_i64();
                    self.category = data["category"].as_i64();
                    if self.status == "assigned" {
                        self.priority = text("priority");
                    }
                } else {
                    self.status = text("to").unwrap();
                }
            }
            "ticket.closed" => "closed".clone_into(&mut self.status),
            "ticket.merged" => {
                self.status_before = std::mem::replace(&mut self.status, "merged".to_owned());
            }
            "ticket.withdrawn" => "withdrawn".clone_into(&mut self.status),
            "clock.breached" => {
                let stage = data["stage"].as_str().unwrap();
                self.latest(stage, |_| "breached");
            }
            _ => {}
        }
        for effect in data["clocks"].as_array().into_iter().flatten() {
            self.move_clock(effect);
        }
    }

    fn facts(&mut self, data: &Value) {
        data["kind"].as_str().unwrap().clone_into(&mut self.kind);
        self.category = data["category"].as_i64();
        self.priority = data["priority"].as_str().map(str::to_owned);
        self.building = data["building"].as_str().map(str::to_owned);
        self.sealed = data["sealed"].as_bool().unwrap();
    }

    fn begin(&mut self, to: String, cycle: i64) {
        if to == "received" {
            self.unit = None;
        }
        self.status = to;
        self.cycle = cycle;
    }

    fn reach(&mut self, what: &'static str, at: i64) {
        if self.cycle == 1 {
            self.reached.entry(what).or_insert(at);
        }
    }

    fn latest(&mut self, stage: &str, becomes: impl Fn(&str) -> &'static str) {
        if let Some(clock) = self.clocks.iter_mut().rev().find(|it| it.0 == stage) {
            clock.1 = becomes(clock.1);
        }
    }

    fn move_clock(&mut self, effect: &Value) {
        let Some(stage) = effect["stage"].as_str() else { return };
        match effect["do"].as_str().unwrap() {
            "started" => {
                let first = if effect["void"] == true { "void" } else { "running" };
                self.clocks.push((stage.to_owned(), first));
            }
            "met" => self.latest(stage, |it| match it {
                "breached" => "breached",
                "void" => "void",
                _ => "met",
            }),
            "voided" => self.latest(stage, |it| if it == "breached" { "breached" } else { "void" }),
            "ran_on" => self.latest(stage, |it| if it == "breached" { "breached" } else { "running" }),
            _ => {}
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !["closed", "declined", "merged", "withdrawn"].contains(&self.status.as_str())
    }

    /// Numerator and denominator of a rate.
    pub(crate) fn rate(&self, name: &str) -> (i64, i64) {
        let one = |of: bool, counts: bool| (i64::from(of && counts), i64::from(of));
        let clocks = |stage: &str| {
            let count = |state| {
                let of = self.clocks.iter().filter(|it| it.0 == stage && it.1 == state);
                i64::try_from(of.count()).unwrap()
            };
            (count("met"), count("met") + count("breached"))
        };
        let is_merged = self.status == "merged";
        match name {
            "response_rate" => clocks("contact"),
            "acceptance_on_time_rate" => clocks("accept"),
            "on_time_rate" => clocks("resolve"),
            "resolution_rate" => one(self.rating.is_some(), self.rating.is_some_and(|it| it.0)),
            "satisfaction_rate" => {
                let answer = self.rating.and_then(|it| it.1);
                one(answer.is_some(), answer.is_some_and(|it| it >= 4))
            }
            "reply_rate" => {
                let with_main = is_merged && self.clocks.iter().any(|it| it.0 == "reply");
                one(self.ever_concluded || self.ever_replied || with_main, self.ever_replied)
            }
            "rework_rate" => one(self.ever_replied && !is_merged, self.cycle > 1),
            "first_time_resolution_rate" => {
                one(self.rating.is_some(), self.rating.is_some_and(|it| it.0 && it.2 == 1))
            }
            other => panic!("no rate: {other}"),
        }
    }

    /// Calendar and working seconds to where the first cycle got.
    pub(crate) fn time_to(&self, what: &str) -> Option<(i64, i64)> {
        let at = *self.reached.get(what)?;
        Some(((at - self.received_at) / SECOND, (open_until(at) - open_until(self.received_at)) / SECOND))
    }
}

/// Open microseconds from a Monday on, by the usual hours; no holiday lies between it and the end of 2026.
fn open_until(at: i64) -> i64 {
    let hour = 3_600 * SECOND;
    let (weeks, within) = ((at - MONDAY).div_euclid(7 * 24 * hour), (at - MONDAY).rem_euclid(7 * 24 * hour));
    let (day, time) = (within / (24 * hour), within % (24 * hour));
    let morning = (time - 17 * hour / 2).clamp(0, 7 * hour / 2);
    let afternoon = (time - 29 * hour / 2).clamp(0, 3 * hour);
    let today = if day < 5 { morning + afternoon } else { 0 };
    weeks * 5 * 13 * hour / 2 + day.min(5) * 13 * hour / 2 + today
}

/// The `percent`th percentile of some times by nearest rank.
pub(crate) fn percentile(mut times: Vec<i64>, percent: usize) -> Option<i64> {
    times.sort_unstable();
    let rank = (percent * times.len()).div_ceil(100);
    rank.checked_sub(1).map(|it| times[it])
}

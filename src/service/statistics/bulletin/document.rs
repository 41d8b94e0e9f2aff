//! A bulletin in words: one composition for the page, the mail and the files.

use super::{Bulletin, LOW_RATES, Line, Matter, Share};
use crate::domain::statistics::{Figure, Milestone, Rhythm, Tally, percent};
use crate::domain::value::At;
use crate::notify::catalogue::{Language, say};
use crate::service::Error;

/// One cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Nothing,
    Text(String),
    Count(i64),
    /// Numerator and denominator; true when it is below the floor.
    Rate(i64, i64, bool),
    /// So many of all: drawn as a bar too.
    Share(i64, i64),
    /// Working seconds.
    Time(Option<i64>),
}

/// A table under its heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub title: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
    /// Under the table; in place of an empty one.
    pub note: String,
}

/// A bulletin in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub title: String,
    /// Which days.
    pub days: String,
    /// As of which event.
    pub as_of: String,
    /// What matters first, in whole sentences.
    pub lead: Vec<String>,
    pub sections: Vec<Section>,
    /// How the figures are defined.
    pub notes: Vec<String>,
    /// What stands over the columns of a flat file.
    pub columns: Vec<String>,
}

impl Cell {
    /// As people read it.
    pub fn in_words(&self) -> String {
        match self {
            Cell::Nothing => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Count(n) => n.to_string(),
            Cell::Rate(numerator, denominator, _) | Cell::Share(numerator, denominator) => {
                percent(*numerator, *denominator)
            }
            Cell::Time(seconds) => hours(*seconds),
        }
    }

    /// What a rate is made of.
    pub fn parts(&self) -> String {
        match self {
            Cell::Rate(numerator, denominator, _) if *denominator != 0 => {
                format!("{numerator}/{denominator}")
            }
            Cell::Rate(..)
            | Cell::Nothing
            | Cell::Text(_)
            | Cell::Count(_)
            | Cell::Share(..)
            | Cell::Time(_) => String::new(),
        }
    }

    pub fn is_low(&self) -> bool {
        matches!(self, Cell::Rate(_, _, true))
    }

    /// The length of its bar, of 100.
    pub fn bar(&self) -> Option<i64> {
        if let Cell::Share(n, of) = self { Some(if *of == 0 { 0 } else { n * 100 / of }) } else { None }
    }
}

/// Hours of working time with one decimal.
fn hours(seconds: Option<i64>) -> String {
    seconds
        .map(|it| (it + 180) / 360)
        .map_or_else(|| "—".to_owned(), |it| format!("{}.{} h", it / 10, it % 10))
}

/// The bulletin in words.
///
/// # Errors
/// `Internal` for a text that the catalogue lacks.
pub fn document(bulletin: &Bulletin, language: Language) -> Result<Document, Error> {
    Writer { it: bulletin, language }.document().map_err(Error::Internal)
}

struct Writer<'a> {
    it: &'a Bulletin,
    language: Language,
}

type Said<T> = Result<T, String>;

impl Writer<'_> {
    fn say(&self, key: &str) -> Said<String> {
        self.fill(key, &[])
    }

    fn fill(&self, key: &str, fields: &[(&str, &str)]) -> Said<String> {
        say(self.language, "bulletin", key, fields)
    }

    fn figure(&self, figure: Figure) -> Said<String> {
        say(self.language, "lead_figure", figure.as_str(), &[])
    }

    fn head(&self, keys: &[&str]) -> Said<Vec<String>> {
        keys.iter()
            .map(|key| match Figure::parse(key) {
                Some(figure) => self.figure(figure),
                None => self.say(key),
            })
            .collect()
    }

    fn document(&self) -> Said<Document> {
        let it = self.it;
        let names: Vec<&str> = it.nodes.iter().map(|(_, name)| name.as_str()).collect();
        let title = match it.days.rhythm() {
            Some(Rhythm::Week) => "title_week",
            Some(Rhythm::Month) => "title_month",
            None => "title_days",
        };
        let (first, last) = (it.days.first.to_string(), it.days.last.to_string());
        let (position, at) = (it.as_of.to_string(), self.moment(it.as_of_at));
        let mut sections = vec![
            self.figures()?,
            self.low()?,
            self.shares("kinds", "kind", &it.kinds)?,
            self.shares("categories", "category", &it.categories)?,
            self.matters()?,
            self.custody()?,
        ];
        if !it.nodes_below.is_empty() {
            sections.push(self.lines("nodes", "node", &it.nodes_below)?);
        }
        sections.push(self.lines("units", "unit", &it.units)?);
        Ok(Document {
            title: self.fill(title, &[("name", &names.join("、"))])?,
            days: self.fill("days", &[("first", &first), ("last", &last)])?,
            as_of: self.fill("as_of", &[("position", &position), ("at", &at)])?,
            lead: self.lead()?,
            sections,
            notes: self.notes()?,
            columns: self.head(&[
                "csv_section",
                "csv_item",
                "csv_figure",
                "csv_value",
                "csv_numerator",
                "csv_denominator",
            ])?,
        })
    }

    fn moment(&self, at: At) -> String {
        at.to_utc().with_timezone(&self.it.zone).format("%Y-%m-%d %H:%M").to_string()
    }

    fn lead(&self) -> Said<Vec<String>> {
        let it = self.it;
        let (n, before) = (it.now.intake(), it.then.intake());
        let change = match n - before {
            0 => self.say("same")?,
            more @ 1.. => self.fill("more", &[("n", &more.to_string())])?,
            fewer => self.fill("fewer", &[("n", &(-fewer).to_string())])?,
        };
        let (n, before, backlog) = (n.to_string(), before.to_string(), it.backlog.to_string());
        let fields = [("n", n.as_str()), ("before", &before), ("change", &change), ("backlog", &backlog)];
        let mut lead = vec![self.fill("received", &fields)?];
        let rates = LOW_RATES.map(|figure| {
            let (numerator, denominator) = it.now.rate(figure);
            Ok::<_, String>(format!("{} {}", self.figure(figure)?, percent(numerator, denominator)))
        });
        let rates = rates.into_iter().collect::<Said<Vec<String>>>()?.join(&self.say("comma")?);
        lead.push(self.fill("rates", &[("rates", &rates)])?);
        let low: Vec<&Line> = it.units.iter().filter(|line| line.low(it.floor).next().is_some()).collect();
        let floor = it.floor.to_string();
        if low.is_empty() {
            lead.push(self.fill("none_low", &[("floor", &floor)])?);
        } else {
            let names: Vec<String> = low.iter().map(|it| self.name(it)).collect::<Said<_>>()?;
            let names = names.join(&self.say("list_comma")?);
            lead.push(self.fill("some_low", &[("floor", &floor), ("names", &names)])?);
        }
        if !it.custody.is_empty() {
            lead.push(self.custody_in_words()?);
        }
        Ok(lead)
    }

    fn custody_in_words(&self) -> Said<String> {
        let custody = &self.it.custody;
        let sum = |part: &dyn Fn(&crate::service::mailboxes::Custody) -> i64| {
            custody.iter().map(part).sum::<i64>().to_string()
        };
        self.fill(
            "letters",
            &[
                ("counted", sum(&|it| it.letters.counted).as_str()),
                ("registered", &sum(&|it| it.letters.registered)),
                ("set_aside", &sum(&|it| it.letters.set_aside)),
                ("unaccounted", &sum(&|it| unaccounted(it))),
                ("late", &sum(&|it| it.late.into())),
                ("missed", &sum(&|it| it.missed.into())),
            ],
        )
    }

    fn figures(&self) -> Said<Section> {
        let it = self.it;
        let mut rows = vec![vec![
            Cell::Text(self.figure(Figure::Intake)?),
            Cell::Count(it.now.intake()),
            Cell::Nothing,
            Cell::Count(it.then.intake()),
        ]];
        for figure in Figure::RATES {
            let cell = |tally: &Tally| {
                let (numerator, denominator) = tally.rate(figure);
                Cell::Rate(numerator, denominator, false)
            };
            let now = cell(&it.now);
            rows.push(vec![
                Cell::Text(self.figure(figure)?),
                now.clone(),
                Cell::Text(now.parts()),
                cell(&it.then),
            ]);
        }
        for (milestone, figure) in
            [(Milestone::Accepted, Figure::TimeToAccepted), (Milestone::Resolved, Figure::TimeToResolved)]
        {
            let median = |tally: &Tally| Cell::Time(tally.percentile(milestone, true, 50));
            let n = self.fill("timed", &[("n", &it.now.n_timed(milestone).to_string())])?;
            let name = self.fill("median", &[("name", &self.figure(figure)?)])?;
            rows.push(vec![Cell::Text(name), median(&it.now), Cell::Text(n), median(&it.then)]);
        }
        rows.push(vec![
            Cell::Text(self.figure(Figure::Backlog)?),
            Cell::Count(it.backlog),
            Cell::Nothing,
            Cell::Nothing,
        ]);
        let head = self.head(&["figure", "now", "made_of", "before"])?;
        Ok(Section {
            title: self.say("figures")?,
            head,
            rows,
            note: self.fill("before_is", &[("days", &it.before.in_words())])?,
        })
    }

    fn low(&self) -> Said<Section> {
        let it = self.it;
        let mut rows = Vec::new();
        for line in &it.units {
            for figure in line.low(it.floor) {
                let (numerator, denominator) = line.tally.rate(figure);
                let rate = Cell::Rate(numerator, denominator, true);
                let parts = Cell::Text(rate.parts());
                rows.push(vec![Cell::Text(self.name(line)?), Cell::Text(self.figure(figure)?), rate, parts]);
            }
        }
        let floor = it.floor.to_string();
        let note = if rows.is_empty() { self.fill("none_low", &[("floor", &floor)])? } else { String::new() };
        let head = self.head(&["unit", "figure", "now", "made_of"])?;
        Ok(Section { title: self.fill("low", &[("floor", &floor)])?, head, rows, note })
    }

    fn shares(&self, title: &str, of: &str, shares: &[Share]) -> Said<Section> {
        let all = self.it.now.intake();
        let mut rows = Vec::with_capacity(shares.len());
        for it in shares {
            let name = match (&it.name, &it.value) {
                (Some(name), _) => name.clone(),
                (None, Some(word)) if of == "kind" => say(self.language, "lead_kind", word, &[])?,
                (None, Some(word)) => word.clone(),
                (None, None) => self.say("without")?,
            };
            rows.push(vec![
                Cell::Text(name),
                Cell::Count(it.n),
                Cell::Share(it.n, all),
                Cell::Count(it.n_before),
            ]);
        }
        let head = self.head(&[of, "intake", "share", "before"])?;
        let note = if rows.is_empty() { self.say("none")? } else { String::new() };
        Ok(Section { title: self.say(title)?, head, rows, note })
    }

    fn matters(&self) -> Said<Section> {
        let mut rows = Vec::with_capacity(self.it.matters.len());
        for it in &self.it.matters {
            let category =
                it.category.as_ref().map_or_else(|| self.say("without"), |(_, name)| Ok(name.clone()))?;
            let building = it.building.clone().unwrap_or_else(|| "—".to_owned());
            rows.push(vec![
                Cell::Text(category),
                Cell::Text(building),
                Cell::Count(it.n),
                Cell::Count(it.n_before),
                Cell::Text(self.done(it)?),
            ]);
        }
        let note = if rows.is_empty() { self.say("no_matters")? } else { self.say("matters_are")? };
        let head = self.head(&["category", "building", "intake", "before", "done"])?;
        Ok(Section { title: self.say("matters")?, head, rows, note })
    }

    /// What became of a matter's tickets.
    fn done(&self, matter: &Matter) -> Said<String> {
        let each = matter.done.iter().map(|(done, n)| {
            Ok::<_, String>(format!("{} {n}", say(self.language, "bulletin_done", done.as_str(), &[])?))
        });
        let each = each.collect::<Said<Vec<String>>>()?.join(" · ");
        if matter.is_repeated() { self.fill("repeated", &[("done", &each)]) } else { Ok(each) }
    }

    fn custody(&self) -> Said<Section> {
        let rows: Vec<Vec<Cell>> = self
            .it
            .custody
            .iter()
            .map(|it| {
                vec![
                    Cell::Text(it.name.clone()),
                    Cell::Count(it.letters.counted),
                    Cell::Count(it.letters.registered),
                    Cell::Count(it.letters.set_aside),
                    Cell::Count(unaccounted(it)),
                    Cell::Count(it.late.into()),
                    Cell::Count(it.missed.into()),
                ]
            })
            .collect();
        let note = if rows.is_empty() { self.say("no_mailboxes")? } else { String::new() };
        let head =
            self.head(&["mailbox", "counted", "registered", "set_aside", "unaccounted", "late", "missed"])?;
        Ok(Section { title: self.say("custody")?, head, rows, note })
    }

    fn name(&self, line: &Line) -> Said<String> {
        match (&line.name, &line.value) {
            (Some(name), _) => Ok(name.clone()),
            (None, Some(code)) => Ok(code.clone()),
            (None, None) => self.say("without_unit"),
        }
    }

    fn lines(&self, title: &str, of: &str, lines: &[Line]) -> Said<Section> {
        let shown = [
            Figure::ResponseRate,
            Figure::OnTimeRate,
            Figure::ResolutionRate,
            Figure::SatisfactionRate,
            Figure::ReplyRate,
            Figure::ReworkRate,
        ];
        let mut rows = Vec::with_capacity(lines.len());
        for line in lines {
            let mut row = vec![Cell::Text(self.name(line)?), Cell::Count(line.tally.intake())];
            for figure in shown {
                let (numerator, denominator) = line.tally.rate(figure);
                let is_low = line.value.is_some() && line.low(self.it.floor).any(|it| it == figure);
                row.push(Cell::Rate(numerator, denominator, is_low));
            }
            row.push(Cell::Count(line.backlog));
            rows.push(row);
        }
        let mut head = self.head(&[of, "intake"])?;
        head.extend(shown.into_iter().map(|it| self.figure(it)).collect::<Said<Vec<_>>>()?);
        head.push(self.figure(Figure::Backlog)?);
        let note = if rows.is_empty() { self.say("none")? } else { String::new() };
        Ok(Section { title: self.say(title)?, head, rows, note })
    }

    fn notes(&self) -> Said<Vec<String>> {
        let mut notes = vec![self.say("whose")?];
        for figure in LOW_RATES {
            let (zh, en) = figure.definition();
            let definition = if self.language == Language::Chinese { zh } else { en };
            notes.push(
                self.fill("definition", &[("name", &self.figure(figure)?), ("definition", definition)])?,
            );
        }
        Ok(notes)
    }
}

fn unaccounted(it: &crate::service::mailboxes::Custody) -> i64 {
    it.letters.counted - it.letters.registered - it.letters.set_aside
}

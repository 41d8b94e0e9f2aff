//! The page of one question.

use askama::Template;

use super::answers::{ReportForm, Step};
use super::enclosed::Shown;
use super::tiles::{Tiles, name_of};
use crate::domain::refusal::FieldFault;
use crate::domain::ticket::{Channel, Kind};
use crate::http::web::screen::{Screen, in_language};
use crate::service::guide::{Guide, Neighbours};

/// Questions that are counted: danger is none, and a community is rarely asked for.
const COUNTED: [Step; 5] = [Step::What, Step::Where, Step::Words, Step::Hear, Step::Check];

#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct ReportPage {
    pub(super) screen: Screen,
    pub(super) form: ReportForm,
    pub(super) step: Step,
    pub(super) guide: Guide,
    pub(super) neighbours: Neighbours,
    /// The id of the field at fault, empty for none, and what to do.
    pub(super) faults: Vec<(String, String)>,
    pub(super) tiles: Tiles,
    /// Kinds that are chosen instead of a category.
    pub(super) kinds: [Kind; 5],
    pub(super) channels: Vec<(&'static str, String)>,
    pub(super) enclosed: Vec<Shown>,
}

impl ReportPage {
    pub(super) fn new(screen: Screen, guide: Guide, form: ReportForm, step: Step) -> Self {
        let offered = [Channel::None, Channel::Call, Channel::Sms, Channel::Visit, Channel::Letter];
        let offered = offered.into_iter().chain([Channel::Email, Channel::Board]);
        let channels = offered.map(|it| (it.as_str(), screen.say(&format!("channel.{it}")))).collect();
        let tiles = Tiles::of(&guide, screen.language);
        let kinds = [Kind::Suggestion, Kind::Enquiry, Kind::Praise, Kind::Complaint, Kind::Report];
        let (neighbours, faults) = (Neighbours::default(), Vec::new());
        let enclosed = Vec::new();
        Self { screen, form, step, guide, neighbours, faults, tiles, kinds, channels, enclosed }
    }

    pub(super) fn with_faults(mut self, faults: &[FieldFault]) -> Self {
        let told = faults.iter().map(|it| {
            let id = it.field.rsplit('.').next().unwrap_or_default();
            let id = if id == "file" { "photos" } else { id }.to_owned();
            (id, in_language(&it.message, self.screen.language).to_owned())
        });
        self.faults = told.collect();
        self
    }

    fn is_words(&self) -> bool {
        self.step == Step::Words
    }

    fn is_wrong(&self, id: &str) -> bool {
        self.faults.iter().any(|it| it.0 == id)
    }

    fn heading(&self) -> String {
        self.screen.say(&format!("report.ask_{}", self.step))
    }

    /// "Question 2 of 5", empty for what is not counted.
    fn progress(&self) -> String {
        let Some(at) = COUNTED.iter().position(|it| *it == self.step) else { return String::new() };
        let (n, of) = ((at + 1).to_string(), COUNTED.len().to_string());
        self.screen.say_with("report.progress", &[("n", &n), ("of", &of)])
    }

    /// The question before this one, for the way back; empty on the first.
    fn before(&self) -> &'static str {
        match self.step {
            Step::What if self.guide.communities.len() > 1 => Step::Community.as_str(),
            Step::Community | Step::What => "",
            Step::Danger if self.form.after_danger() == Step::Hear => Step::Words.as_str(),
            Step::Danger | Step::Where => Step::What.as_str(),
            Step::Words => Step::Where.as_str(),
            Step::Hear => Step::Words.as_str(),
            Step::Check => Step::Hear.as_str(),
        }
    }

    /// The tile that was chosen, in words.
    fn chosen(&self) -> String {
        if let Some(choice) = self.guide.category(&self.form.category) {
            return name_of(choice, self.screen.language);
        }
        match Kind::parse(&self.form.kind) {
            Some(kind) => self.screen.say(&format!("kind.{kind}")),
            None => self.screen.say("report.other"),
        }
    }

    fn is_chosen(&self, code: &str) -> bool {
        self.form.category == code
    }

    /// Building, unit, room and place as one line.
    fn whereabouts(&self) -> String {
        let form = &self.form;
        let parts = [("building", &form.building), ("unit", &form.unit), ("room", &form.room)];
        let parts = parts.into_iter().filter(|it| !it.1.trim().is_empty());
        let parts =
            parts.map(|(name, text)| format!("{} {text}", self.screen.say(&format!("report.{name}"))));
        let place = Some(form.place.clone()).filter(|it| !it.trim().is_empty());
        parts.chain(place).collect::<Vec<_>>().join(" · ")
    }

    /// What is enclosed, in words; empty for nothing.
    fn enclosures(&self) -> String {
        let all = self.form.enclosures.list();
        let n_voices = all.iter().filter(|it| it.duration().is_some()).count();
        let told = |key: &str, n: usize| {
            (n > 0).then(|| self.screen.say_with(&format!("report.{key}"), &[("n", &n.to_string())]))
        };
        let parts = [told("n_photos", all.len() - n_voices), told("n_voices", n_voices)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// The words, or what stands for them.
    fn words(&self) -> String {
        let words = self.form.description.trim();
        if words.is_empty() && !self.form.enclosures.is_empty() && self.form.category.is_empty() {
            return String::new();
        }
        if words.is_empty() { self.chosen() } else { words.to_owned() }
    }

    fn channel(&self) -> String {
        let chosen = Channel::parse(&self.form.channel).unwrap_or(Channel::None);
        self.screen.say(&format!("channel.{chosen}"))
    }

    /// Name and addresses that were given, one a line.
    fn contacts(&self) -> Vec<&str> {
        let form = &self.form;
        let all = [&form.name, &form.phone, &form.email, &form.address];
        all.into_iter().map(|it| it.trim()).filter(|it| !it.is_empty()).collect()
    }

    fn alike(&self) -> String {
        let n = self.neighbours.n_alike.to_string();
        self.screen.say_with("report.alike", &[("n", &n)])
    }
}

//! The answers given so far, and which question comes next.

use serde::Deserialize;

use crate::domain::category::suspects_danger;
use crate::domain::people::Actor;
use crate::domain::refusal::{FieldFault, Refusal};
use crate::domain::ticket::intake::{Contact, Location, OnBehalfOf, Submission};
use crate::domain::ticket::{Channel, Kind};
use crate::domain::value::At;
use crate::notify::catalogue::{self, Language};
use crate::service::enclosures::Enclosures;
use crate::service::guide::Guide;
use crate::words;

words! {
    /// A question, in the order in which they are asked; danger stands between any two.
    Step {
        Community = "community", What = "what", Danger = "danger", Where = "where", Words = "words",
        Hear = "hear", Check = "check",
    }
}

/// Where a button of the last page leads.
const SEND: &str = "send";
/// Fewer characters are no random key.
const KEY_CHARS_MIN: usize = 16;

/// What happens next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Show(Step),
    Wrong(Step, Vec<FieldFault>),
    Send,
}

/// What is put in, as it was typed. Every part may be left out.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReportForm {
    /// At least 16 random characters: a form sent twice is one ticket.
    pub(super) key: String,
    pub(super) community: String,
    /// The tile that was chosen: `category:CODE`, `kind:KIND`, or `other`.
    pub(super) what: String,
    pub(super) category: String,
    pub(super) kind: String,
    pub(super) description: String,
    pub(super) building: String,
    pub(super) unit: String,
    pub(super) room: String,
    pub(super) place: String,
    pub(super) channel: String,
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) email: String,
    pub(super) address: String,
    /// `yes` when it is put in for someone else.
    pub(super) for_other: String,
    pub(super) for_name: String,
    pub(super) for_relation: String,
    pub(super) about_staff: String,
    pub(super) may_publish: String,
    /// `yes` once the emergency numbers were shown.
    pub(super) danger_seen: String,
    /// The question that the form answers.
    pub(super) here: String,
    /// The question that the button leads to; `send` or nothing on the last one.
    pub(super) go: String,
    /// What was enclosed on an earlier page, sealed; the files themselves come as `photo`, `photos` and `voice`.
    pub(super) enclosed: String,
    /// Which of the enclosed files is taken out again, from 0.
    pub(super) take_out: String,
    #[serde(skip)]
    #[schema(ignore)]
    pub(super) enclosures: Enclosures,
    /// After a change of look the page is drawn again.
    pub(super) set: String,
    pub(super) back: String,
}

fn given(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|it| !it.trim().is_empty())
}

impl ReportForm {
    /// An empty form with a key of its own.
    pub(super) fn begun(guide: &Guide) -> Self {
        let community = guide.community.as_ref().map(|it| it.0.clone()).unwrap_or_default();
        Self { community, ..Self::default() }.with_new_key()
    }

    pub(super) fn with_new_key(self) -> Self {
        Self { key: format!("{:032x}", rand::random::<u128>()), ..self }
    }

    /// The first question where nothing was answered.
    pub(super) fn first(guide: &Guide) -> Step {
        if guide.community.is_none() && guide.communities.len() > 1 { Step::Community } else { Step::What }
    }

    /// The form with its tile put where it belongs.
    pub(super) fn read(mut self, guide: &Guide) -> Self {
        if let Some(community) = &guide.community {
            self.community.clone_from(&community.0);
        }
        let what = std::mem::take(&mut self.what);
        if let Some(code) = what.strip_prefix("category:") {
            (self.category, self.kind) = (code.to_owned(), String::new());
        } else if let Some(kind) = what.strip_prefix("kind:") {
            (self.category, self.kind) = (String::new(), kind.to_owned());
        } else if !what.is_empty() {
            (self.category, self.kind) = (String::new(), String::new());
        }
        if Channel::parse(&self.channel) == Some(Channel::Board) {
            // The choice says so in its own words.
            "yes".clone_into(&mut self.may_publish);
        }
        self
    }

    /// What the form asks for: the page again, another question, or to be sent.
    pub(super) fn turn(&self, guide: &Guide, now: At) -> Turn {
        let here = Step::parse(&self.here);
        if !self.set.is_empty() {
            return Turn::Show(here.unwrap_or(Step::What));
        }
        if !self.take_out.is_empty() {
            return Turn::Show(Step::Words);
        }
        let Some(target) = self.target(here) else { return self.last(guide, now) };
        let is_back = here.is_some_and(|it| target < it);
        if !is_back {
            let wrong = here.map(|it| (it, self.faults_of(it, guide, now))).filter(|it| !it.1.is_empty());
            if let Some((step, faults)) = wrong {
                return Turn::Wrong(step, faults);
            }
            if target > Step::Danger && self.is_danger_unseen(guide) {
                return Turn::Show(Step::Danger);
            }
        }
        Turn::Show(target)
    }

    /// The question that comes next; None when it is to be sent.
    fn target(&self, here: Option<Step>) -> Option<Step> {
        if self.go == SEND {
            return None;
        }
        if let Some(asked) = Step::parse(&self.go) {
            return Some(asked);
        }
        match here? {
            Step::Community => Some(Step::What),
            Step::What | Step::Danger => Some(self.after_danger()),
            Step::Where => Some(Step::Words),
            Step::Words => Some(Step::Hear),
            Step::Hear => Some(Step::Check),
            Step::Check => None,
        }
    }

    /// Where to go on after the emergency numbers were shown.
    pub(super) fn after_danger(&self) -> Step {
        if self.description.trim().is_empty() { Step::Where } else { Step::Hear }
    }

    /// Sending is the last word only when the emergency numbers were shown.
    fn last(&self, guide: &Guide, now: At) -> Turn {
        let faults = self.faults(guide, now);
        if !faults.is_empty() {
            return Turn::Wrong(step_of(&faults), faults);
        }
        if self.is_danger_unseen(guide) { Turn::Show(Step::Danger) } else { Turn::Send }
    }

    fn is_danger_unseen(&self, guide: &Guide) -> bool {
        self.danger_seen.is_empty() && self.is_danger(guide)
    }

    /// True when the tile or the words tell of danger.
    pub(super) fn is_danger(&self, guide: &Guide) -> bool {
        guide.category(&self.category).is_some_and(|it| it.is_danger) || suspects_danger(&self.description)
    }

    fn faults_of(&self, step: Step, guide: &Guide, now: At) -> Vec<FieldFault> {
        let mut faults = self.faults(guide, now);
        faults.retain(|it| step_of(std::slice::from_ref(it)) == step);
        faults
    }

    /// All that is wrong, as sending would say; what only the database knows is said then.
    fn faults(&self, guide: &Guide, now: At) -> Vec<FieldFault> {
        let parsed = self.submission(guide).parse(&Actor::Resident, now);
        let mut faults = match parsed {
            Err(Refusal::Invalid(faults)) => faults.0,
            Ok(_) | Err(_) => Vec::new(),
        };
        if guide.community.is_none() {
            let message = "请选一个社区。 Choose a community.".to_owned();
            faults.insert(0, FieldFault { field: "community".to_owned(), message });
        }
        faults
    }

    /// The submission that the form stands for. Without words the tile speaks.
    pub(super) fn submission(&self, guide: &Guide) -> Submission {
        let tile = guide.category(&self.category).map(|it| it.name.clone());
        let on_behalf_of = OnBehalfOf { name: given(&self.for_name), relation: given(&self.for_relation) };
        Submission {
            community: self.community.clone(),
            kind: Kind::parse(&self.kind),
            category: given(&self.category),
            subject: self.enclosures_speak().then(|| self.subject()),
            description: given(&self.description).or(tile),
            attachments_expected: Some(self.enclosures.count()).filter(|it| *it > 0),
            location: Some(Location {
                building: given(&self.building),
                unit: given(&self.unit),
                room: given(&self.room),
                place: given(&self.place),
                ..Location::default()
            }),
            contact: Some(Contact {
                name: given(&self.name),
                phone: given(&self.phone),
                email: given(&self.email),
                address: given(&self.address),
                channel: Channel::parse(&self.channel),
            }),
            on_behalf_of: Some(on_behalf_of).filter(|_| !self.for_other.is_empty()),
            may_publish: Some(!self.may_publish.is_empty()),
            about_staff: Some(!self.about_staff.is_empty()),
            ..Submission::default()
        }
    }

    /// True when there are neither words nor a tile, and what is enclosed says it.
    fn enclosures_speak(&self) -> bool {
        !self.enclosures.is_empty() && self.description.trim().is_empty() && self.category.is_empty()
    }

    /// Says what stands for the words. In Chinese always: staff read it, and a form sent twice says the same.
    fn subject(&self) -> String {
        let n_voices = self.enclosures.list().iter().filter(|it| it.duration().is_some()).count();
        let key = match (n_voices, self.enclosures.list().len()) {
            (0, _) => "only_photos",
            (n_voices, n) if n_voices == n => "only_voice",
            _ => "only_files",
        };
        catalogue::say(Language::Chinese, "report", key, &[]).unwrap_or_else(|_lacking| key.to_owned())
    }

    /// What the page of `step` carries along and does not ask.
    pub(super) fn carried(&self, step: Step) -> Vec<(&'static str, &str)> {
        fn asked<'a>(step: Step, name: &'static str, text: &'a str) -> (&'static str, &'a str, Option<Step>) {
            (name, text, Some(step))
        }
        let all: [(&'static str, &str, Option<Step>); 21] = [
            ("key", &self.key, None),
            ("category", &self.category, None),
            ("kind", &self.kind, None),
            ("enclosed", &self.enclosed, None),
            asked(Step::Danger, "danger_seen", &self.danger_seen),
            asked(Step::Community, "community", &self.community),
            asked(Step::Where, "building", &self.building),
            asked(Step::Where, "unit", &self.unit),
            asked(Step::Where, "room", &self.room),
            asked(Step::Where, "place", &self.place),
            asked(Step::Words, "description", &self.description),
            asked(Step::Words, "for_other", &self.for_other),
            asked(Step::Words, "for_name", &self.for_name),
            asked(Step::Words, "for_relation", &self.for_relation),
            asked(Step::Hear, "channel", &self.channel),
            asked(Step::Hear, "name", &self.name),
            asked(Step::Hear, "phone", &self.phone),
            asked(Step::Hear, "email", &self.email),
            asked(Step::Hear, "address", &self.address),
            asked(Step::Check, "about_staff", &self.about_staff),
            asked(Step::Check, "may_publish", &self.may_publish),
        ];
        let carried = all.into_iter().filter(|(_, text, asked)| !text.is_empty() && *asked != Some(step));
        carried.map(|(name, text, _)| (name, text)).collect()
    }

    /// True for a key that nobody else has by chance.
    pub(super) fn has_key(&self) -> bool {
        self.key.len() >= KEY_CHARS_MIN
    }
}

/// The question that the first of `faults` belongs to.
pub(super) fn step_of(faults: &[FieldFault]) -> Step {
    let field = faults.first().map_or("", |it| it.field.as_str());
    match field.split('.').next().unwrap_or_default() {
        "community" => Step::Community,
        "category" | "kind" => Step::What,
        "location" => Step::Where,
        "description" | "subject" | "for" | "file" => Step::Words,
        "contact" => Step::Hear,
        _ => Step::Check,
    }
}

//! What holds for a matter: how long each stage may take, who set it, and why (时限规定).

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Frame, PageCaller, Told, Turned, answered};
use crate::domain::setup::{Node, PolicyInForce};
use crate::domain::sla::Target;
use crate::domain::ticket::{Kind, Priority};
use crate::http::Query;
use crate::notify::catalogue::Language;
use crate::service::App;
use crate::service::in_force::{self, InForce, MatterAsked, TargetTold};
use crate::service::setup::{self, PAGE_MAX, Page};

/// Which matter; a request of normal priority at the reader's first node unless told.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimesAsked {
    /// Code of a node.
    node: Option<String>,
    kind: Option<Kind>,
    priority: Option<Priority>,
}

/// A choice of the form: its value, its words, and whether it is the one shown.
type Choice = (String, String, bool);

/// A stage's time.
struct Line {
    stage: String,
    target: String,
    source: String,
}

#[derive(Template)]
#[template(path = "desk/times.html")]
struct TimesPage {
    frame: Frame,
    nodes: Vec<Choice>,
    kinds: Vec<Choice>,
    priorities: Vec<Choice>,
    lines: Vec<Line>,
    /// Other figures of the policy in force, each with its words.
    figures: Vec<(String, String)>,
}

/// `5 个工作日`, `24 小时（昼夜连续）`.
fn in_words(frame: &Frame, target: Target) -> String {
    let (key, n) = match target {
        Target::WorkingDays(n) => ("times.working_days", n),
        Target::WorkingMinutes(n) => ("times.working_minutes", n),
        Target::CalendarMinutes(n) if n % 60 == 0 => ("times.calendar_hours", n / 60),
        Target::CalendarMinutes(n) => ("times.calendar_minutes", n),
    };
    frame.say_with(key, &[("n", &n.to_string())])
}

fn line(frame: &Frame, it: TargetTold) -> Line {
    let source = it.source.map(|it| if frame.language == Language::Chinese { it.zh } else { it.en });
    Line {
        stage: it.stage.map_or_else(|| frame.say("times.rework"), |it| frame.say(&format!("stage.{it}"))),
        target: it.target.map_or_else(|| frame.say("times.none"), |it| in_words(frame, it)),
        source: source.unwrap_or_default(),
    }
}

fn figures(frame: &Frame, policy: &PolicyInForce) -> Vec<(String, String)> {
    let days = [
        ("close_after_days", policy.close_after_days),
        ("reopen_within_days", policy.reopen_within_days),
        ("waiting_max_working_days", policy.waiting_max_working_days),
        ("return_within_working_days", policy.return_within_working_days),
        ("extension_max_working_days", policy.extension_max_working_days),
    ];
    days.iter().map(|(name, n)| (frame.say(&format!("set.{name}")), n.to_string())).collect()
}

/// How long each stage may take, and why.
#[utoipa::path(get, path = "/desk/times", tag = "pages", params(TimesAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    asked: Query<TimesAsked>,
) -> Result<HttpResponse, Turned> {
    let TimesAsked { node, kind, priority } = asked.read()?;
    let nodes = setup::list_nodes(&app, &caller, true, Page { after: 0, limit: PAGE_MAX }).await?;
    let nodes: Vec<Node> = nodes.items.into_iter().map(|it| it.node).collect();
    let first = nodes.first().map(|it| it.code.clone());
    let node = node.or(first).unwrap_or_default();
    let asked = MatterAsked { node, category: None, kind, priority };
    let found = in_force::in_force(&app, &caller, asked).await?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let page = told(frame, &nodes, found);
    Ok(answered(Told::default().builder(), &page)?)
}

fn told(frame: Frame, nodes: &[Node], found: InForce) -> TimesPage {
    let (kind, priority, _) = found.matter;
    let kinds = Kind::ALL.iter().map(|it| (it.to_string(), frame.say(&format!("kind.{it}")), *it == kind));
    let priorities = Priority::ALL.iter();
    let priorities =
        priorities.map(|it| (it.to_string(), frame.say(&format!("priority.{it}")), *it == priority));
    let choice = |it: &Node| (it.code.clone(), format!("{} {}", it.code, it.name), it.code == found.node);
    TimesPage {
        nodes: nodes.iter().map(choice).collect(),
        kinds: kinds.collect(),
        priorities: priorities.collect(),
        lines: found.targets.into_iter().map(|it| line(&frame, it)).collect(),
        figures: figures(&frame, &found.policy),
        frame,
    }
}

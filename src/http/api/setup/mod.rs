//! The set-up over JSON: nodes, and one collection per kind of entry.
//!
//! Bodies are plain JSON objects: `domain::setup` reads them, so that all faults are told at once; the types
//! here say in the OpenAPI document what may stand in them.

mod entries;
pub mod in_force;
pub mod nodes;
pub mod views;
pub mod years;

pub use entries::{calendars, categories, kiosks, mailboxes, policies, rosters, templates, units};

use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::refusal::Refusal;
use crate::service::setup::Page;

/// A JSON object, as it came.
type Fields = serde_json::Map<String, serde_json::Value>;

/// Which part of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Only what is in use at the node with this code: its own, those above, installation-wide ones.
    node: Option<String>,
    /// `false` lists what is retired.
    active: Option<bool>,
    /// 1 to 200, 50 unless told.
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Asked {
    fn page(&self) -> Result<Page, Refusal> {
        Page::parse(self.limit, self.cursor.as_deref())
    }
}

/// Which of several entries with one code.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AtNode {
    /// Code of the node whose entry is meant, when several nodes have the code.
    node: Option<String>,
}

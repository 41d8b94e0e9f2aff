//! The shapes of set-up resources in JSON.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::setup::{Details, NodeKind};
use crate::domain::value::At;
use crate::service::setup::{Device, EntryCard, NodeCard, PageOf};

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageView<T> {
    pub items: Vec<T>,
    /// For `cursor`; null on the last page.
    pub next_cursor: Option<String>,
}

impl<T> PageView<T> {
    pub(super) fn of<C>(page: PageOf<C>, view: impl Fn(C) -> T) -> Self {
        let next_cursor = page.next.map(|it| it.to_string());
        Self { items: page.items.into_iter().map(view).collect(), next_cursor }
    }
}

/// An entry of the set-up with the fields `D` of its kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryView<D> {
    pub code: String,
    pub name: String,
    /// Code of the node it hangs at; null for the whole installation.
    pub node: Option<String>,
    /// Categories only: code of the one above.
    pub parent: Option<String>,
    #[serde(flatten)]
    pub details: D,
    pub version: i64,
    /// False once it is retired.
    pub active: bool,
    /// Kiosks only: what is known of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceView>,
}

/// What is known of a kiosk's device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Device)]
pub struct DeviceView {
    /// False once its token was taken back.
    has_token: bool,
    last_seen_at: Option<String>,
    /// When it last said how it is.
    heard_at: Option<String>,
    /// How far its clock was ahead then, in milliseconds; negative when it was behind.
    clock_skew_ms: Option<i64>,
    /// Submissions that waited in its queue then.
    waiting: Option<i64>,
}

impl DeviceView {
    fn of(it: Device) -> Self {
        Self {
            has_token: it.has_token,
            last_seen_at: it.last_seen_at.map(At::to_rfc3339),
            heard_at: it.heard.map(|it| it.heard_at.to_rfc3339()),
            clock_skew_ms: it.heard.map(|it| it.clock_skew_ms),
            waiting: it.heard.map(|it| it.n_waiting),
        }
    }
}

impl EntryView<Details> {
    pub(super) fn of(card: EntryCard) -> Self {
        let EntryCard { entry, node, parent, device } = card;
        Self {
            device: device.map(DeviceView::of),
            code: entry.code,
            name: entry.name,
            node,
            parent,
            details: entry.details,
            version: entry.version,
            active: entry.retired_at.is_none(),
        }
    }
}

/// A kiosk whose token was just issued.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssuedView<D> {
    #[serde(flatten)]
    pub kiosk: EntryView<D>,
    /// Goes into the device; it is never shown again.
    pub device_token: String,
}

/// A category as anyone may see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicCategoryView {
    pub code: String,
    pub name: String,
    pub parent: Option<String>,
    /// The emergency numbers are shown before anything is sent.
    pub danger: bool,
}

impl PublicCategoryView {
    pub(super) fn of(card: EntryCard) -> Self {
        let danger = matches!(&card.entry.details, Details::Category(category) if category.danger);
        Self { code: card.entry.code, name: card.entry.name, parent: card.parent, danger }
    }
}

/// A new entry with the fields `D` of its kind, for the document.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewEntry<D> {
    /// `[A-Za-z0-9_-]{1,32}`, unique at its node.
    pub code: String,
    /// 1 to 80 characters.
    pub name: String,
    /// Code of the node; an admin of one node may leave it out.
    pub node: Option<String>,
    /// Categories only: code of the one above.
    pub parent: Option<String>,
    #[serde(flatten)]
    pub details: D,
}

/// A change of an entry, for the document: what is left out stays, null removes.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryChange<D> {
    pub name: Option<String>,
    /// Categories only: code of the one above, null for the top.
    pub parent: Option<String>,
    /// `false` retires, `true` brings back.
    pub active: Option<bool>,
    #[serde(flatten)]
    pub details: D,
}

/// A node of the organisation tree.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeView {
    pub code: String,
    pub name: String,
    pub kind: NodeKind,
    /// Code of the node above; null at the top.
    pub parent: Option<String>,
    /// IANA name.
    pub time_zone: &'static str,
    pub version: i64,
    /// False once it is retired.
    pub active: bool,
}

impl NodeView {
    pub(super) fn of(card: NodeCard) -> Self {
        let NodeCard { node, parent } = card;
        Self {
            code: node.code,
            name: node.name,
            kind: node.kind,
            parent,
            time_zone: node.time_zone.name(),
            version: node.version,
            active: node.retired_at.is_none(),
        }
    }
}

/// A new node, for the document.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewNode {
    /// `[A-Z]{2,8}` for a community, `[A-Z0-9-]{2,16}` for others; unique everywhere.
    pub code: String,
    /// 1 to 80 characters.
    pub name: String,
    pub kind: NodeKind,
    /// Code of the node above. Only a command on the server adds a node without one.
    pub parent: Option<String>,
    /// IANA name; the parent's unless told.
    pub time_zone: Option<String>,
}

/// A change of a node, for the document: what is left out stays.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeChange {
    pub name: Option<String>,
    /// Code of the node above it moves to, with all below it.
    pub parent: Option<String>,
    pub time_zone: Option<String>,
    /// `false` retires, `true` brings back.
    pub active: Option<bool>,
}

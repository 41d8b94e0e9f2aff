//! What a community sets up: the organisation tree and the entries that hang on it.
//!
//! A node is a place in the tree (district, street, community …); an entry is a unit, category, mailbox,
//! kiosk, template, policy, calendar or duty roster at a node, or installation-wide; official years are always installation-wide. Codes are looked up at the node first,
//! then in its ancestors, then installation-wide.

mod details;
mod draft;
mod fold;
mod history;
mod policy;
mod roster;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use details::{
    Category, Details, Kiosk, Mailbox, PLACEHOLDERS, Schedule, Template, TemplateChannel, Unit, UnitKind,
    Weekday,
};
pub use draft::{EntryChange, NewEntry, NewNode, NodeChange, ParentChange};
pub use fold::{DeviceToken, FoldFault, SetupState, SlipBatch, fold};
pub use history::SetupHistory;
pub use policy::{ClockStart, Escalations, Policy, PolicyInForce};
pub use roster::{DutyDay, Roster, Shift};

use super::value::{At, NodeId, SetupId};
use crate::words;

/// Characters of a name, at most: one line on a screen.
pub const NAME_CHARS_MAX: usize = 80;
/// Characters of an entry's code, at most.
pub const CODE_CHARS_MAX: usize = 32;
/// Levels of the category tree, at most: a kiosk shows two pages of tiles, staff may have one more.
pub const CATEGORY_LEVELS_MAX: usize = 3;
/// The time zone of a node that says none and has nothing above it.
pub const DEFAULT_ZONE: Tz = Tz::Asia__Shanghai;

words! {
    /// What a node is (PRODUCT §2).
    NodeKind {
        District = "district", Street = "street", Community = "community",
        Grid = "grid", Building = "building", Place = "place",
    }
}

impl NodeKind {
    /// True when a node of this kind may hang under one of kind `parent`, or at the top for None.
    pub fn may_be_under(self, parent: Option<NodeKind>) -> bool {
        use NodeKind as K;
        match self {
            K::District => parent.is_none(),
            K::Street => matches!(parent, None | Some(K::District)),
            K::Community => matches!(parent, None | Some(K::District | K::Street)),
            K::Grid => matches!(parent, Some(K::Community)),
            K::Building => matches!(parent, Some(K::Community | K::Grid)),
            K::Place => matches!(parent, Some(K::Community | K::Grid | K::Building)),
        }
    }

    /// Checks the form of a node's code: `[A-Z]{2,8}` for a community, as ticket numbers begin with it;
    /// `[A-Z0-9-]{2,16}` for others.
    ///
    /// # Errors
    /// What is wrong, in words for people.
    pub fn check_code(self, code: &str) -> Result<(), &'static str> {
        let is_upper = code.bytes().all(|it| it.is_ascii_uppercase());
        match self {
            NodeKind::Community if is_upper && (2..=8).contains(&code.len()) => Ok(()),
            NodeKind::Community => {
                Err("社区代码须为 2 到 8 个大写字母，如 YD。 A community's code is 2 to 8 of A-Z, like YD.")
            }
            NodeKind::District | NodeKind::Street | NodeKind::Grid | NodeKind::Building | NodeKind::Place => {
                let is_word = code.bytes().all(|it| matches!(it, b'A'..=b'Z' | b'0'..=b'9' | b'-'));
                if is_word && (2..=16).contains(&code.len()) {
                    Ok(())
                } else {
                    Err("代码须为 2 到 16 个大写字母、数字或 - 。 The code is 2 to 16 of A-Z, 0-9 and -.")
                }
            }
        }
    }
}

words! {
    /// What an entry is.
    SetupKind {
        Unit = "unit", Category = "category", Mailbox = "mailbox", Kiosk = "kiosk",
        Template = "template", Policy = "policy", Calendar = "calendar", OfficialYear = "official_year",
        Roster = "roster",
    }
}

impl SetupKind {
    /// The kind's collection in URLs.
    pub fn plural(self) -> &'static str {
        match self {
            SetupKind::Unit => "units",
            SetupKind::Category => "categories",
            SetupKind::Mailbox => "mailboxes",
            SetupKind::Kiosk => "kiosks",
            SetupKind::Template => "templates",
            SetupKind::Policy => "policies",
            SetupKind::Calendar => "calendars",
            SetupKind::OfficialYear => "official-years",
            SetupKind::Roster => "rosters",
        }
    }

    /// The kind's name on Chinese screens.
    pub fn zh(self) -> &'static str {
        match self {
            SetupKind::Unit => "承办单位",
            SetupKind::Category => "类别",
            SetupKind::Mailbox => "红色信箱",
            SetupKind::Kiosk => "自助终端",
            SetupKind::Template => "答复模板",
            SetupKind::Policy => "办理规则",
            SetupKind::Calendar => "工作日历",
            SetupKind::OfficialYear => "节假日安排",
            SetupKind::Roster => "值班表",
        }
    }
}

/// Checks the form of an entry's code: `[A-Za-z0-9_-]{1,32}`.
///
/// # Errors
/// What is wrong, in words for people.
pub fn check_code(code: &str) -> Result<(), &'static str> {
    let is_word = code.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_' || it == b'-');
    if is_word && (1..=CODE_CHARS_MAX).contains(&code.len()) {
        Ok(())
    } else {
        Err("代码须为 1 到 32 个字母、数字、_ 或 - 。 A code is 1 to 32 letters, digits, _ or -.")
    }
}

/// Reads a name: trimmed, 1 to 80 characters, none of them a control character.
///
/// # Errors
/// What is wrong, in words for people.
pub fn parse_name(text: &str) -> Result<String, &'static str> {
    let name = text.trim();
    let n_chars = name.chars().count();
    if (1..=NAME_CHARS_MAX).contains(&n_chars) && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err("名称须为 1 到 80 个字，不含控制字符。 A name has 1 to 80 characters and no control characters.")
    }
}

/// A node of the organisation tree, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub id: NodeId,
    /// Unique everywhere.
    pub code: String,
    pub name: String,
    pub kind: NodeKind,
    pub parent: Option<NodeId>,
    /// The ids from the top down to this node, `/1/4/`: every node below starts with it.
    pub path: String,
    #[serde(with = "zone_name")]
    pub time_zone: Tz,
    pub version: i64,
    pub retired_at: Option<At>,
}

impl Node {
    /// True when this node is `other` or above it.
    pub fn is_over(&self, other: &Node) -> bool {
        other.path.starts_with(&self.path)
    }

    /// Every column, for the trail.
    pub fn fields(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

/// Paths of the nodes from the top down to the one with `path`, itself included: `/1/4/` gives `/1/`, `/1/4/`.
pub fn paths_down_to(path: &str) -> Vec<String> {
    path.match_indices('/').skip(1).map(|(end, _)| path[..=end].to_owned()).collect()
}

/// A set-up entry, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: SetupId,
    pub kind: SetupKind,
    /// Where it holds, with all below; None for the whole installation.
    pub node: Option<NodeId>,
    /// Categories only: the one above.
    pub parent: Option<SetupId>,
    /// Unique within kind and node.
    pub code: String,
    pub name: String,
    pub details: Details,
    pub version: i64,
    pub retired_at: Option<At>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryFields {
    id: SetupId,
    kind: SetupKind,
    node: Option<NodeId>,
    parent: Option<SetupId>,
    code: String,
    name: String,
    details: Value,
    version: i64,
    retired_at: Option<At>,
}

impl Entry {
    /// Every column, for the trail.
    pub fn fields(&self) -> Value {
        let fields = EntryFields {
            id: self.id,
            kind: self.kind,
            node: self.node,
            parent: self.parent,
            code: self.code.clone(),
            name: self.name.clone(),
            details: self.details.to_value(),
            version: self.version,
            retired_at: self.retired_at,
        };
        serde_json::to_value(fields).unwrap_or(Value::Null)
    }

    /// The inverse of `fields`; None when they are not those of an entry.
    pub fn from_fields(fields: &Value) -> Option<Self> {
        let fields = EntryFields::deserialize(fields).ok()?;
        Some(Self {
            id: fields.id,
            kind: fields.kind,
            node: fields.node,
            parent: fields.parent,
            code: fields.code,
            name: fields.name,
            details: Details::parse(fields.kind, &fields.details).ok()?,
            version: fields.version,
            retired_at: fields.retired_at,
        })
    }
}

/// Why a category cannot stand where it is to be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceFault {
    /// It would be above itself.
    Cycle,
    /// The tree would have more than three levels.
    TooDeep,
}

impl PlaceFault {
    /// The fault in words for people.
    pub fn message(self) -> &'static str {
        match self {
            PlaceFault::Cycle => {
                "不能放在自己或自己的下级之下。 It cannot be put under itself or below itself."
            }
            PlaceFault::TooDeep => "类别最多三级。 Categories have three levels at most.",
        }
    }
}

/// Checks a category's place: `above` are its parent, its parent's parent and so on; `n_levels` counts itself
/// and the levels it has below.
///
/// # Errors
/// `Cycle` when `category` is among those above, `TooDeep` beyond three levels.
pub fn check_category_place(
    category: Option<SetupId>,
    above: &[SetupId],
    n_levels: usize,
) -> Result<(), PlaceFault> {
    if category.is_some_and(|it| above.contains(&it)) {
        return Err(PlaceFault::Cycle);
    }
    if above.len() + n_levels > CATEGORY_LEVELS_MAX { Err(PlaceFault::TooDeep) } else { Ok(()) }
}

/// A time zone as its IANA name.
mod zone_name {
    use chrono_tz::Tz;
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(zone.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|_| serde::de::Error::custom("no such time zone"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_forms() {
        for right in ["YD", "ABCDEFGH"] {
            assert!(NodeKind::Community.check_code(right).is_ok(), "{right}");
        }
        for wrong in ["", "Y", "yd", "YD1", "ABCDEFGHI", "永定", "Y D"] {
            assert!(NodeKind::Community.check_code(wrong).is_err(), "{wrong}");
        }
        assert!(NodeKind::Building.check_code("YD-3").is_ok());
        assert!(NodeKind::Grid.check_code("a1").is_err());
        assert!(check_code("WY_1-a").is_ok());
        for wrong in ["", "物业", "a b", "a/b", &"a".repeat(33)] {
            assert!(check_code(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(parse_name(" 永定社区 ").as_deref(), Ok("永定社区"));
        assert!(parse_name("名".repeat(80).as_str()).is_ok());
        for wrong in ["", "  ", "a\nb", &"名".repeat(81)] {
            assert!(parse_name(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn nodes_hang_where_people_expect_them() {
        use NodeKind as K;
        assert!(K::Community.may_be_under(None) && K::Community.may_be_under(Some(K::Street)));
        assert!(
            !K::Community.may_be_under(Some(K::Community)) && !K::District.may_be_under(Some(K::District))
        );
        assert!(!K::Grid.may_be_under(None) && !K::Building.may_be_under(Some(K::Street)));
    }

    #[test]
    fn paths_are_listed_from_the_top() {
        assert_eq!(paths_down_to("/1/4/9/"), ["/1/", "/1/4/", "/1/4/9/"]);
        assert!(paths_down_to("/").is_empty());
    }

    #[test]
    fn a_category_is_never_above_itself_and_never_on_a_fourth_level() {
        let (a, b, c) = (SetupId(1), SetupId(2), SetupId(3));
        assert_eq!(check_category_place(Some(a), &[b, a], 2), Err(PlaceFault::Cycle));
        assert_eq!(check_category_place(Some(a), &[b, c], 2), Err(PlaceFault::TooDeep));
        assert_eq!(check_category_place(None, &[b, c], 1), Ok(()));
    }
}

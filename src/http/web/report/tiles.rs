//! Tiles: the common categories with a picture each, the rest by name.

use crate::domain::category::{STARTER, StarterLeaf};
use crate::notify::catalogue::Language;
use crate::service::guide::{Choice, Guide};

/// Code of a common category, and its picture in a box of 48 by 48.
type Picture = (&'static str, &'static str);

/// In the order of the tiles: what letters of a community are about most.
const COMMON: [Picture; 12] = [
    (
        "corridor_light",
        "M24 6v6M16 26a8 8 0 1 1 16 0c0 3-2 5-3 8H19c-1-3-3-5-3-8zM20 39h8M9 14l4 3M39 14l-4 3M8 27h4M36 27h4",
    ),
    ("lift_fault", "M9 6h30v36H9zM24 6v36M14 22l3-4 3 4M28 22l3 4 3-4M14 32h6M28 32h6"),
    ("water_outage", "M8 20h16a8 8 0 0 1 8 8v3M8 12v16M16 20v-7M11 13h10M32 36c-3 4-3 6 0 6s3-2 0-6z"),
    ("power_outage", "M26 5L12 27h10l-2 16 16-24H25z"),
    ("pipe_leak", "M6 18h22v10H6zM28 14h6v18h-6zM34 18h8v10h-8zM17 34c-4 5-4 8 0 8s4-3 0-8z"),
    ("drain_blocked", "M8 10h32M12 10v10a12 12 0 0 0 24 0V10M24 32v10M16 42h16M18 16l12 10M30 16L18 26"),
    ("roof_leak", "M5 24L24 8l19 16M11 20v22h26V20M20 27c-2 3-2 5 0 5s2-2 0-5zM28 32c-2 3-2 5 0 5s2-2 0-5z"),
    ("rubbish", "M8 13h32M18 13V8h12v5M12 13l3 29h18l3-29M20 20l1 15M28 20l-1 15"),
    ("street_light", "M16 43V12a6 6 0 0 1 12 0M11 43h10M22 16h14l-3-6h-7zM26 22l-2 6M34 22l2 6M30 22v6"),
    ("noise_home", "M6 18v12h8l10 9V9L14 18zM30 17a9 9 0 0 1 0 14M35 11a17 17 0 0 1 0 26"),
    ("parking_wild", "M8 30l4-12h24l4 12v10h-6v-4H14v4H8zM8 30h32M14 33h.1M34 33h.1M24 6v6M18 8h12"),
    (
        "ebike_charging",
        "M10 32a6 6 0 1 0 .1 0zM36 32a6 6 0 1 0 .1 0zM10 38l8-18h10l8 18M28 20l-3-8h-5M24 25l-4 7h6l-4 7",
    ),
];

/// What cannot wait: these show the emergency numbers before anything else.
const DANGER: [Picture; 5] = [
    ("lift_trapped", "M9 5h30v38H9zM24 5v7M24 36v7M24 15a4 4 0 1 1-.1 0zM16 36v-6a8 8 0 0 1 16 0v6z"),
    ("fire", "M24 5c2 9 12 13 12 25a12 12 0 0 1-24 0c0-6 4-9 5-15 3 3 4 5 4 8 3-4 4-10 3-18z"),
    (
        "gas_leak",
        "M8 36c5-4 8 4 13 0s8 4 13 0 4 1 6 0M24 28a8 8 0 0 1-8-8c0-6 6-8 8-14 2 6 8 8 8 14a8 8 0 0 1-8 8z",
    ),
    ("live_wire", "M5 10c12 0 12 8 22 8M27 18l-6 10h7l-6 14 16-18h-8l5-9z"),
    (
        "person_at_risk",
        "M24 42C10 32 5 25 5 18a9 9 0 0 1 19-3 9 9 0 0 1 19 3c0 7-5 14-19 24zM12 22h7l3-5 4 10 3-5h7",
    ),
];

/// A category to press.
pub(in crate::http::web) struct Tile {
    pub(in crate::http::web) code: String,
    pub(in crate::http::web) name: String,
    /// The path of its picture; empty for those that have a name only.
    pub(in crate::http::web) picture: &'static str,
}

/// The tiles of a community: common ones, those of danger, and the rest.
pub(in crate::http::web) struct Tiles {
    pub(in crate::http::web) common: Vec<Tile>,
    pub(in crate::http::web) danger: Vec<Tile>,
    pub(in crate::http::web) rest: Vec<Tile>,
}

impl Tiles {
    pub(in crate::http::web) fn of(guide: &Guide, language: Language) -> Self {
        let tile = |choice: &Choice, picture| Tile {
            code: choice.code.clone(),
            name: name_of(choice, language),
            picture,
        };
        let pictured = |all: &[Picture]| {
            let found = all.iter().filter_map(|(code, picture)| Some(tile(guide.category(code)?, *picture)));
            found.collect::<Vec<_>>()
        };
        let is_pictured = |code: &str| COMMON.iter().chain(&DANGER).any(|it| it.0 == code);
        let rest = guide.categories.iter().filter(|it| !it.is_group && !is_pictured(&it.code));
        Self {
            common: pictured(&COMMON),
            danger: pictured(&DANGER),
            rest: rest.map(|it| tile(it, "")).collect(),
        }
    }
}

/// The name in the reader's language: the community's own, but for categories that everybody begins with.
pub(in crate::http::web) fn name_of(choice: &Choice, language: Language) -> String {
    let leaf = STARTER.iter().flat_map(|it| it.leaves).find(|it| it.code == choice.code);
    match (language, leaf) {
        (Language::English, Some(StarterLeaf { name_en, .. })) => (*name_en).to_owned(),
        (Language::English | Language::Chinese, _) => choice.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_is_of_a_category_that_everybody_begins_with() {
        let leaf = |code: &str| STARTER.iter().flat_map(|it| it.leaves).find(|it| it.code == code);

        for (code, picture) in COMMON {
            assert!(leaf(code).is_some_and(|it| !it.is_danger) && picture.starts_with('M'), "{code}");
        }
        for (code, picture) in DANGER {
            assert!(leaf(code).is_some_and(|it| it.is_danger) && picture.starts_with('M'), "{code}");
        }
    }
}

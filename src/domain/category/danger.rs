//! Words that mean danger now: trapped in a lift, fire, gas, live wires, a person at risk.
//!
//! A hit only makes a suspected emergency, which people look at first and the resident is shown
//! 119, 120 and 110 for; so a doubtful text counts as danger, and a talk of what might be does not.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::domain::search::{TEXT_CHARS_MAX, plain};

/// Any of `first`, and any of `then` after it with at most `gap` characters between, in one clause.
struct Sign {
    first: &'static [&'static str],
    gap: usize,
    then: &'static [&'static str],
}

const fn words(first: &'static [&'static str]) -> Sign {
    Sign { first, gap: 0, then: &[] }
}

const GAS: &[&str] = &["煤气", "燃气", "天然气", "液化气", "瓦斯"];
const WIRES: &[&str] = &["电线", "电缆", "高压线", "线缆"];
const TRAPPED: &[&str] = &["困在", "被困", "困住", "困人", "困了", "受困", "关在", "卡在"];

const SIGNS: &[Sign] = &[
    Sign { first: TRAPPED, gap: 10, then: &["电梯", "轿厢"] },
    Sign { first: &["电梯", "轿厢"], gap: 8, then: TRAPPED },
    words(&["trapped in", "stuck in the lift", "stuck in the elevator", "stuck in a lift"]),
    words(&[
        "着火",
        "起火",
        "失火",
        "着起火",
        "起大火",
        "火灾",
        "冒烟",
        "冒黑烟",
        "冒浓烟",
        "浓烟",
        "烧起来",
    ]),
    words(&["on fire", "caught fire", "house fire", "smoke coming"]),
    Sign {
        first: GAS, gap: 6, then: &["泄漏", "泄露", "外泄", "漏气", "漏了", "在漏", "爆炸"]
    },
    Sign { first: &["漏", "闻到", "一股"], gap: 6, then: GAS },
    Sign { first: GAS, gap: 2, then: &["味"] },
    words(&["一氧化碳中毒", "gas leak", "smell gas", "smell of gas", "smells of gas", "leaking gas"]),
    words(&["漏电", "触电", "带电裸露", "electric shock", "live wire", "fallen wire"]),
    Sign {
        first: WIRES,
        gap: 6,
        then: &["掉落", "掉下", "掉在", "断落", "断了", "脱落", "裸露", "冒火", "打火", "垂到"],
    },
    words(&[
        "轻生",
        "自杀",
        "自残",
        "跳楼",
        "割腕",
        "寻短见",
        "不想活",
        "活不下去",
        "喝农药",
        "suicide",
        "kill myself",
    ]),
    words(&["晕倒", "昏倒", "昏迷", "没有呼吸", "大出血", "流血不止", "心脏病发", "心梗", "unconscious"]),
    words(&[
        "溺水",
        "落水了",
        "掉进井",
        "掉井里",
        "坠楼",
        "坠落",
        "砸到人",
        "砸伤",
        "持刀",
        "砍人",
        "家暴",
        "被绑架",
    ]),
    words(&["爆炸", "要塌了", "快塌了", "坍塌", "倒塌"]),
];

/// Before a sign in the same clause: it has not happened, or is only a way of speaking.
const NOT_NOW_BEFORE: &[&str] = &[
    "万一",
    "一旦",
    "如果",
    "假如",
    "要是",
    "倘若",
    "以免",
    "避免",
    "防止",
    "预防",
    "防范",
    "容易",
    "if there is",
    "in case",
];

/// Right after a sign: a thing or an event that bears its name.
const NOT_NOW_AFTER: &[&str] = &[
    "演练",
    "演习",
    "预案",
    "宣传",
    "讲座",
    "培训",
    "知识",
    "报警器",
    "报警装置",
    "报警系统",
    "探测",
    "感应",
    "隐患",
    "风险",
    "保护",
    "保险",
    "drill",
    "alarm",
    "detector",
];

/// Everyday words that hold a sign by accident; they are taken out first.
const LOOKALIKES: &[&str] = &["年轻", "跳楼机", "跳楼价", "慢性自杀"];

/// Whether a letter's words tell of danger to somebody, now.
///
/// The wording is the product's own; it is a hint for people and decides nothing by itself.
pub fn suspects_danger(text: &str) -> bool {
    let text: String = plain(text).take(TEXT_CHARS_MAX).collect();
    if !FIRST_WORDS.is_any_in(&text) {
        return false;
    }
    let text = LOOKALIKES.iter().fold(text, |text, it| text.replace(it, " "));
    let ends = |it: char| matches!(it, ',' | '.' | ';' | '!' | '?' | ':' | '。' | '、' | '\n' | '\r');
    text.split(ends).any(|clause| SIGNS.iter().any(|sign| sign.is_in(clause)))
}

/// The first words of all signs by their first character: most letters hold none, and are told so in one walk.
struct FirstWords(BTreeMap<char, Vec<&'static str>>);

static FIRST_WORDS: LazyLock<FirstWords> = LazyLock::new(|| {
    let mut words: BTreeMap<char, Vec<&str>> = BTreeMap::new();
    for word in SIGNS.iter().flat_map(|it| it.first) {
        words.entry(word.chars().next().unwrap_or_default()).or_default().push(word);
    }
    FirstWords(words)
});

impl FirstWords {
    fn is_any_in(&self, text: &str) -> bool {
        let words_at = |(at, first): (usize, char)| self.0.get(&first).map(|words| (at, words));
        text.char_indices()
            .filter_map(words_at)
            .any(|(at, words)| words.iter().any(|it| text.get(at..).is_some_and(|rest| rest.starts_with(it))))
    }
}

impl Sign {
    fn is_in(&self, clause: &str) -> bool {
        let hits = self.first.iter().flat_map(|word| clause.match_indices(word));
        hits.filter_map(|(start, word)| self.end_of(clause, start + word.len()).map(|end| (start, end))).any(
            |(start, end)| {
                let (before, after) =
                    (clause.get(..start).unwrap_or(clause), clause.get(end..).unwrap_or(""));
                !NOT_NOW_BEFORE.iter().any(|it| before.contains(it))
                    && !NOT_NOW_AFTER.iter().any(|it| after.trim_start().starts_with(it))
            },
        )
    }

    /// Where the sign ends when its first word ends at `at`.
    fn end_of(&self, clause: &str, at: usize) -> Option<usize> {
        if self.then.is_empty() {
            return Some(at);
        }
        let rest = clause.get(at..)?;
        let starts = rest.char_indices().map(|(index, _)| index).take(self.gap + 1);
        starts
            .flat_map(|index| self.then.iter().map(move |word| (index, word)))
            .find(|(index, word)| rest.get(*index..).is_some_and(|it| it.starts_with(**word)))
            .map(|(index, word)| at + index + word.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn danger_now_is_suspected() {
        for text in [
            "我妈被困在3号楼电梯里了",
            "电梯又困人了！",
            "有人关在电梯里出不来",
            "5栋2单元着火了，快来人",
            "楼道电表箱冒烟",
            "充电棚起\u{200B}火",
            "发生火灾",
            "楼道里有很大的煤气味",
            "闻到一股天然气的味道",
            "燃气管道好像泄漏了",
            "楼下在漏煤气",
            "路灯杆漏电，碰到会麻",
            "电线掉落在人行道上",
            "高压线断了垂下来",
            "隔壁老人说想轻生",
            "有人要跳楼",
            "老人晕倒在楼下",
            "外墙砖砸到人",
            "Somebody is TRAPPED IN the lift",
            "There is a gas leak",
        ] {
            assert!(suspects_danger(text), "{text}");
        }
    }

    #[test]
    fn everyday_matters_are_no_danger() {
        for text in [
            "",
            "电梯",
            "电梯太慢，老人出行困难",
            "电梯停运一周，上楼困难",
            "消防通道被占",
            "路灯不亮",
            "燃气费怎么交",
            "什么时候通天然气",
            "万一着火怎么办，消防通道都堵死了",
            "一旦发生火灾后果不堪设想",
            "希望组织消防火灾演练",
            "建议安装燃气泄漏报警器",
            "这个水喝下去是慢性自杀",
            "游乐场的跳楼机太吵",
            "水管漏水",
            "电线老化，希望更换",
            "表扬物业小王",
            "年轻生命在于运动",
        ] {
            assert!(!suspects_danger(text), "{text}");
        }
    }

    #[test]
    fn few_real_letters_are_suspected() {
        let Ok(mut letters) = csv::Reader::from_path("../shared/data/letters.csv") else {
            eprintln!("skipped: the real letters are not here");
            return;
        };
        let subjects: Vec<String> = letters.records().map(|it| it.unwrap()[1].to_owned()).collect();

        let n_suspected = subjects.iter().filter(|it| suspects_danger(it)).count();

        assert!(n_suspected * 50 < subjects.len(), "{n_suspected} of {}", subjects.len());
    }
}

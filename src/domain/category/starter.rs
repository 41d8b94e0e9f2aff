//! The category tree that a fresh database carries: what a Chinese residential community writes about.

/// A category of the first level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StarterCategory {
    pub code: &'static str,
    pub name_zh: &'static str,
    pub name_en: &'static str,
    pub leaves: &'static [StarterLeaf],
}

/// A category of the second level; tickets are filed under these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StarterLeaf {
    pub code: &'static str,
    pub name_zh: &'static str,
    pub name_en: &'static str,
    /// Choosing it shows 119, 120, 110 first, and makes the ticket a suspected emergency.
    pub is_danger: bool,
}

/// The starter tree: two levels, codes unique through both, for a node to edit as it likes.
pub const STARTER: &[StarterCategory] = &[
    group(
        "water_power",
        "水电气暖",
        "Water, power, gas, heating",
        &[
            leaf("water_outage", "停水、水压低", "No water or low pressure"),
            leaf("water_quality", "水质问题", "Water quality"),
            leaf("pipe_leak", "水管漏水", "Leaking water pipe"),
            leaf("power_outage", "停电、跳闸", "Power failure"),
            danger("live_wire", "漏电、电线掉落", "Live or fallen wires"),
            danger("gas_leak", "燃气泄漏", "Gas leak"),
            leaf("gas_supply", "燃气供应与检修", "Gas supply and service"),
            leaf("heating", "供暖", "Heating"),
        ],
    ),
    group(
        "lift",
        "电梯",
        "Lifts",
        &[
            danger("lift_trapped", "电梯困人", "Trapped in a lift"),
            leaf("lift_fault", "电梯故障、停运", "Lift out of order"),
            leaf("lift_upkeep", "电梯维保与年检", "Lift upkeep and inspection"),
        ],
    ),
    group(
        "safety",
        "安全与消防",
        "Safety and fire",
        &[
            danger("fire", "着火、冒烟", "Fire or smoke"),
            danger("person_at_risk", "有人受伤或有生命危险", "A person hurt or at risk"),
            danger("falling_object", "高空抛物、外墙脱落", "Objects falling from height"),
            leaf("fire_lane", "占用消防通道", "Fire lane blocked"),
            leaf("fire_equipment", "消防设施损坏", "Fire equipment broken"),
            leaf("ebike_charging", "电动车违规充电", "E-bike charged where forbidden"),
            leaf("theft", "失窃与可疑人员", "Theft and suspicious persons"),
            leaf("access_control", "门禁与监控", "Entrances and cameras"),
        ],
    ),
    group(
        "building",
        "房屋与楼道",
        "Buildings and stairways",
        &[
            leaf("roof_leak", "屋面、外墙渗水", "Leaking roof or outer wall"),
            leaf("drain_blocked", "下水道堵塞", "Blocked drain"),
            leaf("corridor_clutter", "楼道堆物", "Clutter in stairways"),
            leaf("corridor_light", "楼道灯不亮", "Stairway light out"),
            leaf("doors_windows", "公共门窗损坏", "Shared doors and windows"),
            leaf("renovation", "装修违规", "Renovation against the rules"),
            leaf("illegal_structure", "违章搭建", "Illegal structures"),
            leaf("repair_fund", "维修资金", "Repair fund"),
        ],
    ),
    group(
        "grounds",
        "道路与公共设施",
        "Grounds and shared facilities",
        &[
            leaf("street_light", "路灯", "Street lights"),
            leaf("road_damage", "路面破损、积水", "Damaged or flooded paving"),
            leaf("manhole", "井盖缺失、松动", "Manhole cover missing or loose"),
            leaf("playground", "健身与儿童设施", "Fitness and play equipment"),
            leaf("pavilion", "亭廊与休息设施", "Pavilions and benches"),
            leaf("barrier_free", "无障碍设施", "Barrier-free access"),
        ],
    ),
    group(
        "environment",
        "环境卫生",
        "Cleanliness and environment",
        &[
            leaf("rubbish", "垃圾清运与分类", "Rubbish and sorting"),
            leaf("cleaning", "保洁不到位", "Cleaning"),
            leaf("pests", "蚊虫鼠害", "Pests"),
            leaf("greenery", "绿化养护", "Greenery"),
            leaf("smell", "异味、油烟", "Smells and cooking fumes"),
            leaf("sewage", "污水外溢", "Sewage overflow"),
        ],
    ),
    group(
        "neighbours",
        "噪音与邻里",
        "Noise and neighbours",
        &[
            leaf("noise_home", "邻里噪音", "Noise from neighbours"),
            leaf("noise_building", "施工噪音", "Building noise"),
            leaf("noise_square", "广场舞、商铺噪音", "Noise from squares and shops"),
            leaf("pets", "养犬与宠物", "Dogs and pets"),
            leaf("dispute", "邻里纠纷", "Disputes between neighbours"),
        ],
    ),
    group(
        "parking",
        "停车与交通",
        "Parking and traffic",
        &[
            leaf("parking_wild", "乱停车", "Wild parking"),
            leaf("parking_space", "车位不足与管理", "Parking spaces"),
            leaf("parking_fee", "停车收费", "Parking fees"),
            leaf("bike_parking", "非机动车停放", "Bicycles and e-bikes"),
            leaf("traffic", "出入口与通行", "Gates and traffic"),
        ],
    ),
    group(
        "property",
        "物业服务",
        "Property company",
        &[
            leaf("property_fee", "物业费与账目", "Fees and accounts"),
            leaf("property_attitude", "服务态度", "Attitude of staff"),
            leaf("property_slow", "报修不及时", "Slow repairs"),
            leaf("owners_committee", "业主委员会", "Owners' committee"),
        ],
    ),
    group(
        "welfare",
        "民生与社区服务",
        "Welfare and community services",
        &[
            leaf("elderly", "养老与助老", "Care for the elderly"),
            leaf("children", "托幼与儿童", "Child care"),
            leaf("disabled", "残疾人帮扶", "Help for the disabled"),
            leaf("hardship", "低保与困难救助", "Hardship relief"),
            leaf("resettlement", "拆迁安置", "Resettlement"),
            leaf("title_deeds", "房产证与户籍", "Title deeds and registration"),
            leaf("employment", "就业与社保", "Work and social insurance"),
            leaf("health", "医疗卫生", "Health services"),
            leaf("culture", "文体活动", "Culture and sport"),
        ],
    ),
    group(
        "governance",
        "党建与社区治理",
        "Party building and governance",
        &[
            leaf("party_service", "党员服务与活动", "Party members' services"),
            leaf("staff_conduct", "工作人员作风", "Conduct of staff"),
            leaf("openness", "居务公开", "Openness of affairs"),
            leaf("volunteers", "志愿服务", "Volunteering"),
            leaf("praise_thanks", "表扬与感谢", "Praise and thanks"),
            leaf("other", "其他", "Other"),
        ],
    ),
];

const fn group(
    code: &'static str,
    name_zh: &'static str,
    name_en: &'static str,
    leaves: &'static [StarterLeaf],
) -> StarterCategory {
    StarterCategory { code, name_zh, name_en, leaves }
}

const fn leaf(code: &'static str, name_zh: &'static str, name_en: &'static str) -> StarterLeaf {
    StarterLeaf { code, name_zh, name_en, is_danger: false }
}

const fn danger(code: &'static str, name_zh: &'static str, name_en: &'static str) -> StarterLeaf {
    StarterLeaf { code, name_zh, name_en, is_danger: true }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_fit_the_rule_of_codes() {
        let codes: Vec<&str> = STARTER
            .iter()
            .flat_map(|it| std::iter::once(it.code).chain(it.leaves.iter().map(|leaf| leaf.code)))
            .collect();

        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
        for code in codes {
            assert!((1..=32).contains(&code.len()), "{code}");
            assert!(code.bytes().all(|it| it.is_ascii_lowercase() || it == b'_'), "{code}");
        }
    }

    #[test]
    fn each_danger_of_the_contract_has_its_leaf() {
        let danger: Vec<&str> =
            STARTER.iter().flat_map(|it| it.leaves).filter(|it| it.is_danger).map(|it| it.code).collect();
        assert_eq!(
            danger,
            ["live_wire", "gas_leak", "lift_trapped", "fire", "person_at_risk", "falling_object"]
        );
    }
}

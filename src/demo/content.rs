//! The sample community's letters: who wrote what, and what came of it. Invented from end to end.

use super::letters::{Letter, Plot as P, Via as V, letter};
use crate::domain::ticket::{Channel as C, Kind as K, Priority as U};

/// Every letter, in no order.
pub(super) const LETTERS: &[Letter] = &[
    // Today and yesterday: what waits on the desk.
    letter(0, "12", V::Kiosk, "6")
        .about("lift_fault", "WY")
        .says("6号楼电梯困人", "6号楼2单元电梯停在9楼，里面有一位老人被困，按铃没人应。")
        .by(0, C::Call),
    letter(0, "35", V::Web, "3")
        .about("water_outage", "WY")
        .says("早上起停水", "3号楼从早上六点多就没有水，物业群里也没有通知。")
        .by(1, C::Sms),
    letter(0, "70", V::Web, "9")
        .about("parking_wild", "WY")
        .says("消防通道又停满了车", "9号楼前的消防通道停了七八辆车，请管一管。"),
    letter(1, "15:20", V::Kiosk, "2")
        .about("corridor_light", "WY")
        .says("楼道灯坏了两层", "2号楼1单元4楼和5楼的声控灯都不亮，晚上摸黑上楼。"),
    letter(1, "10:05", V::Call, "11")
        .kind(K::Enquiry)
        .about("elderly", "GZZ")
        .says("长者食堂几点开门", "想问长者食堂的开放时间，外地回来的老人能不能办卡。")
        .by(2, C::Call),
    letter(2, "14:40", V::WalkIn, "5")
        .about("drain_blocked", "WY")
        .says("厨房下水返味", "5号楼102厨房下水道返味好几天了，怀疑主管堵了。")
        .by(3, C::Visit)
        .plot(P::Accepted),
    letter(2, "09:15", V::Web, "8")
        .about("greenery", "WY")
        .says("大树遮光", "8号楼东侧香樟长到三楼窗户，白天也要开灯，请修剪。")
        .by(4, C::Email)
        .plot(P::Accepted),
    letter(1, "09:30", V::Web, "7")
        .about("ebike_charging", "WG")
        .says("有人飞线充电", "7号楼3单元有人从四楼拉电线下来给电动车充电，很危险。")
        .priority(U::Urgent)
        .plot(P::Assigned),
    letter(2, "11:10", V::Kiosk, "1")
        .about("rubbish", "WY")
        .says("垃圾亭周末没人清", "1号楼旁的垃圾亭周六周日都满了，袋子堆在路边。")
        .plot(P::Assigned),
    letter(3, "16:00", V::Call, "10")
        .about("hardship", "GZZ")
        .says("想申请临时救助", "老伴住院花了不少钱，想问临时救助怎么申请，要哪些材料。")
        .by(5, C::Visit)
        .plot(P::Assigned),
    // Under way.
    letter(3, "08:55", V::Web, "4")
        .about("roof_leak", "WY")
        .says("顶楼渗水到卧室", "4号楼1201一下雨卧室天花板就滴水，墙皮掉了一片。")
        .by(6, C::Call)
        .plot(P::InProgress),
    letter(4, "10:30", V::Kiosk, "12")
        .about("access_control", "WY")
        .says("单元门禁失灵", "12号楼2单元门禁刷卡没反应，门整夜敞着。")
        .plot(P::InProgress),
    letter(5, "09:40", V::WalkIn, "3")
        .about("noise_home", "WG")
        .says("楼上半夜拖椅子", "楼上住户每晚十一点后拖椅子，说过两次没有用。")
        .by(7, C::Call)
        .plot(P::InProgress),
    letter(9, "15:10", V::Web, "6")
        .about("barrier_free", "WY")
        .says("无障碍坡道太陡", "6号楼门口坡道太陡，轮椅推不上去，请改缓一点。")
        .by(8, C::Call)
        .plot(P::Urged),
    letter(11, "09:05", V::Call, "2")
        .about("repair_fund", "GZZ")
        .says("维修资金怎么动用", "外墙开裂想动用维修资金，业主签字到一半没人接着办。")
        .by(9, C::Call)
        .plot(P::Urged),
    letter(6, "14:15", V::Web, "5")
        .about("road_damage", "WY")
        .says("车库入口路面塌陷", "地下车库入口左侧路面塌了一块，雨天积水看不见。")
        .plot(P::Waiting("等施工队报价，预计下周进场")),
    letter(7, "10:50", V::Visit, "11")
        .about("disabled", "GZZ")
        .says("申请辅具", "父亲中风后行动不便，想申请一台轮椅和扶手安装。")
        .by(10, C::Visit)
        .plot(P::Waiting("等居民补交残疾证复印件")),
    letter(4, "09:20", V::Web, "8")
        .about("pests", "WY")
        .says("草丛里有老鼠", "8号楼后面草丛里老鼠多，孩子不敢去玩。")
        .plot(P::Waiting("等疾控部门排定投放药剂的日期")),
    // Done, on the way to the resident.
    letter(5, "08:45", V::Web, "9")
        .about("street_light", "WY")
        .says("凉亭旁路灯不亮", "9号楼到凉亭那段路灯灭了三盏，老人散步不安全。")
        .by(4, C::Email)
        .done(2, "已更换三盏灯头和一段老化线路，当晚试亮正常。")
        .plot(P::Resolved),
    letter(6, "11:25", V::Kiosk, "10")
        .about("bike_parking", "WY")
        .says("电动车棚不够用", "10号楼车棚停满了，车都推到楼道里。")
        .by(1, C::Sms)
        .done(3, "在10号楼北侧加划车位24个，楼道内车辆已全部清出。")
        .plot(P::Resolved),
    letter(4, "15:35", V::WalkIn, "1")
        .about("title_deeds", "GZZ")
        .kind(K::Enquiry)
        .says("安置房证什么时候发", "2号地块的安置房证说是年底发，现在有没有准信。")
        .by(11, C::Letter)
        .done(1, "经与不动产登记中心核实，首批证书下月起分楼栋发放，名单将张贴在公示栏。")
        .plot(P::Resolved),
    letter(8, "09:50", V::Web, "7")
        .about("cleaning", "WY")
        .says("楼梯扶手长期没人擦", "7号楼楼梯扶手一层灰，保洁只拖一楼大厅。")
        .done(3, "已调整保洁班次，扶手每周擦拭两次，记录贴在各单元。")
        .public()
        .plot(P::Replied),
    letter(7, "16:05", V::Call, "3")
        .about("noise_square", "WG")
        .says("广场舞音响太响", "晚上七点半以后广场上音响太响，孩子写不了作业。")
        .by(12, C::Call)
        .done(3, "与舞队约定音量不超过六十分贝，晚八点半结束，网格员每晚巡查。")
        .plot(P::Replied),
    letter(6, "10:15", V::Kiosk, "12")
        .about("playground", "WY")
        .says("秋千链子断了", "12号楼前秋千一边链子断了，孩子差点摔倒。")
        .priority(U::Urgent)
        .done(1, "当天围挡，次日更换整副链条，并检查了其余器械。")
        .plot(P::Replied),
    letter(9, "14:25", V::Visit, "4")
        .about("elderly", "ZYZ")
        .says("独居老人想有人陪去医院", "我妈一个人住，下周三要去复查，想请志愿者陪一下。")
        .by(13, C::Visit)
        .done(3, "志愿者小组两人陪同就诊并送回，已登记为每月固定陪诊对象。")
        .plot(P::Replied),
    // Closed.
    letter(24, "09:00", V::Web, "2")
        .about("corridor_clutter", "WG")
        .says("楼道堆满旧家具", "2号楼3单元六楼楼道堆了旧柜子和纸箱，过不了人。")
        .by(14, C::Call)
        .done(4, "网格员上门三次做通工作，物品已清走，楼道恢复通行。")
        .plot(P::Closed(5)),
    letter(26, "10:20", V::Kiosk, "5")
        .about("pipe_leak", "WY")
        .says("地下车库水管漏水", "车库B区顶上的水管滴水，地上一大滩。")
        .by(0, C::Call)
        .done(1, "更换阀门和一段两米水管，地面已清理干燥。")
        .priority(U::Urgent)
        .plot(P::Closed(5)),
    letter(22, "15:00", V::Call, "6")
        .about("lift_upkeep", "WY")
        .says("电梯运行有异响", "6号楼1单元电梯上行到十楼有咔咔声。")
        .by(2, C::Call)
        .done(5, "维保单位更换导靴并润滑导轨，复检合格，报告贴在轿厢内。")
        .plot(P::Closed(4)),
    letter(20, "08:50", V::WalkIn, "8")
        .about("children", "GZZ")
        .kind(K::Suggestion)
        .says("建议办四点半课堂", "双职工家庭孩子放学没人管，建议社区办四点半课堂。")
        .by(3, C::Visit)
        .done(1, "与共建单位商定每周一至周四在活动室开班，首期名额三十人。")
        .plot(P::Closed(5)),
    letter(23, "11:35", V::Mailbox("XX01"), "1")
        .about("pavilion", "WY")
        .says("凉亭座椅木条坏了", "知音亭的长椅断了两根木条，坐着扎人。")
        .done(3, "更换木条六根并重新上漆。")
        .plot(P::Closed(4)),
    letter(25, "09:25", V::Mailbox("XX01"), "9")
        .about("parking_fee", "WY")
        .kind(K::Complaint)
        .says("停车费收据不给", "交了半年停车费一直不给收据，问了几次都说下次。")
        .by(5, C::Call)
        .done(9, "已补开收据并当面道歉，今后当场出具电子收据。")
        .plot(P::Closed(2)),
    letter(21, "14:05", V::Mailbox("XX02"), "11")
        .about("water_quality", "WY")
        .says("自来水有点发黄", "早上放出来的水发黄，要放几分钟才清。")
        .by(15, C::Visit)
        .done(4, "清洗二次供水水箱，送检合格，报告已公示。")
        .plot(P::Closed(5)),
    letter(27, "16:10", V::Mailbox("XX02"), "10")
        .about("culture", "GZZ")
        .kind(K::Suggestion)
        .says("活动室想添几副象棋", "活动室只有一副象棋，老伙计们要排队。")
        .done(1, "已添置象棋四副、围棋两副。")
        .public()
        .plot(P::Silent),
    letter(28, "10:00", V::Web, "3")
        .about("smell", "WG")
        .says("底商油烟直排", "3号楼底下小饭馆油烟直接排到居民窗口。")
        .by(6, C::Call)
        .done(5, "商户已加装油烟净化器，网格员复查达标。")
        .plot(P::Silent),
    letter(29, "09:35", V::Kiosk, "12")
        .about("sewage", "WY")
        .says("污水井往外冒", "12号楼西侧污水井往外冒水，味道很大。")
        .priority(U::Urgent)
        .done(1, "疏通主管并清掏化粪池，现场已消杀。")
        .plot(P::Silent),
    letter(19, "13:50", V::Call, "4")
        .about("doors_windows", "WY")
        .says("楼梯间窗户关不上", "4号楼七楼楼梯间窗户变形关不上，刮风哐哐响。")
        .by(7, C::Call)
        .done(6, "更换合页和密封条，窗户已能正常开闭。")
        .plot(P::Closed(3)),
    letter(18, "09:10", V::Web, "7")
        .about("pets", "WG")
        .says("遛狗不牵绳", "傍晚有人在小广场遛大狗不牵绳，吓到孩子。")
        .done(3, "网格员已劝导犬主并发放文明养犬告知书，傍晚加派巡查。")
        .public()
        .plot(P::Silent),
    letter(17, "15:15", V::Visit, "2")
        .about("health", "ZYZ")
        .says("想请家庭医生上门量血压", "我腿脚不便，血压高，想请家庭医生定期上门。")
        .by(8, C::Visit)
        .done(2, "已签约家庭医生，每月上门两次，志愿者每周电话提醒。")
        .plot(P::Closed(5)),
    letter(16, "10:45", V::WalkIn, "5")
        .about("employment", "GZZ")
        .kind(K::Enquiry)
        .says("灵活就业怎么缴社保", "做零工的，想自己缴养老保险，问在哪里办。")
        .by(9, C::Call)
        .done(1, "已电话说明办理地点、材料和两档缴费标准，并约了代办时间。")
        .plot(P::Closed(5)),
    letter(15, "11:00", V::Web, "6")
        .about("traffic", "WY")
        .kind(K::Suggestion)
        .says("北门早晚高峰太堵", "建议北门早晚高峰单向通行，人车分开。")
        .by(16, C::Email)
        .public()
        .done(1, "物业试行早晚高峰北门只出不进，设人行隔离栏，试行一个月。")
        .plot(P::ClosedBySupervisor("居民来访时当面确认已改善")),
    letter(14, "14:30", V::Kiosk, "8")
        .about("manhole", "WY")
        .says("井盖松动响声大", "8号楼路口井盖松了，车一过哐当响。")
        .priority(U::Urgent)
        .done(1, "加装橡胶垫圈并重新固定，夜间复查无异响。")
        .plot(P::Closed(5)),
    letter(13, "09:45", V::Web, "1")
        .kind(K::Praise)
        .about("praise_thanks", "GZZ")
        .says("感谢网格员小吴", "网格员小吴帮我妈找回了丢的老年卡，跑了三个地方，谢谢他。")
        .done(1, "已转达并在例会上表扬。")
        .public()
        .plot(P::Closed(5)),
    letter(12, "16:20", V::Call, "9")
        .about("fire_equipment", "WY")
        .says("灭火器过期", "9号楼五到十楼灭火器压力表都在红区。")
        .priority(U::Urgent)
        .by(10, C::Call)
        .done(1, "更换灭火器十二具，并对全部楼栋排查一遍。")
        .plot(P::Closed(4)),
    // Not so easily done.
    letter(20, "10:10", V::Web, "10")
        .about("drain_blocked", "WY")
        .says("卫生间反水", "10号楼201卫生间一下雨就反水，报修过一次没好。")
        .by(11, C::Call)
        .done(2, "已疏通支管。")
        .plot(P::Twice(
            "疏通两天后又反水，没有解决。",
            "查明主管塌陷，更换主管四米并做闭水试验，已不再反水。",
            5,
        )),
    letter(17, "09:20", V::WalkIn, "3")
        .about("noise_building", "WG")
        .says("装修周末施工", "楼下装修周六早上七点就开始电钻。")
        .by(12, C::Call)
        .done(2, "已告知装修户遵守施工时间。")
        .plot(P::Twice("上周六又是七点开工。", "", 0)),
    letter(23, "15:45", V::Kiosk, "11")
        .about("property_slow", "WY")
        .kind(K::Complaint)
        .says("报修单没人管", "报修对讲机坏了一个月，单子还在前台压着。")
        .by(13, C::Visit)
        .done(7, "对讲主机已修。")
        .plot(P::Twice("我家分机还是不响。", "更换分机并逐户测试整个单元，均正常。", 3)),
    letter(12, "10:35", V::Web, "4")
        .about("illegal_structure", "WY")
        .says("一楼搭了阳光房", "4号楼101把公共绿地圈起来搭阳光房。")
        .plot(P::Returned("搭建须由执法认定，物业没有权限拆除，请改派网格员先取证。", "WG"))
        .done(5, "网格员取证后联合执法人员劝导，业主已自行拆除。"),
    letter(10, "14:50", V::Call, "7")
        .about("parking_space", "WY")
        .says("充电车位被占", "充电车位天天被燃油车占着。")
        .by(14, C::Call)
        .plot(P::Returned("车位由共建单位运营，请转其处理。", "GJ"))
        .done(4, "运营方加装地锁，扫码升降，占位超时计费。"),
    letter(14, "09:15", V::Web, "12")
        .about("traffic", "GZZ")
        .says("小区外公交站太远", "最近的公交站要走二十分钟，老人买菜不便，希望增设站点。")
        .by(15, C::Visit)
        .plot(P::Escalated("增设公交站点要由街道会同区交通部门研究，社区无权决定。", false)),
    letter(19, "11:20", V::Mailbox("XX03"), "6")
        .about("road_damage", "GZZ")
        .says("村道与小区接口处坑洼", "小区南门出去到市政路那一段坑坑洼洼，没人管。")
        .by(16, C::Visit)
        .plot(P::Escalated("该路段属街道管养，请街道安排。", true))
        .done(6, "街道已重新铺设沥青一百二十米并补划标线。"),
    letter(6, "16:15", V::Web, "2")
        .kind(K::Report)
        .about("staff_conduct", "JDJC")
        .says("反映有人优亲厚友", "听说安置过渡费补发名单里有工作人员的亲戚插队，请查一查。")
        .plot(P::Sealed(false)),
    letter(16, "13:40", V::Web, "5")
        .kind(K::Report)
        .about("property_attitude", "JDJC")
        .says("举报物业收好处分车位", "有人给物业经理送礼就能分到好车位，请核查。")
        .done(6, "已调取车位分配台账核查，责令公开分配结果并重新摇号。")
        .plot(P::Sealed(true)),
    letter(8, "10:25", V::Web, "9")
        .about("other", "GZZ")
        .says("想退一件网购的衣服", "网上买的衣服不给退，请社区帮我退。")
        .plot(P::Declined(
            "这件事属于消费纠纷，社区没有权限处理。",
            "请拨打12315，或到市场监管所投诉窗口；需要陪同可联系网格员。",
        )),
    letter(11, "15:30", V::WalkIn, "8")
        .about("dispute", "GZZ")
        .says("亲戚欠钱不还", "亲戚借了三万块钱不还，请帮我要回来。")
        .by(0, C::Call)
        .plot(P::Declined(
            "债务纠纷不在社区受理范围。",
            "可以到街道司法所申请人民调解，每周二上午有律师值班，不收费。",
        )),
    letter(5, "09:00", V::Web, "1")
        .about("bike_parking", "WY")
        .says("想要一个固定车位", "自行车老是被挪走，想要固定车位。")
        .plot(P::Withdrawn("邻居已经帮忙解决了")),
    letter(9, "16:25", V::Kiosk, "10")
        .about("power_outage", "WY")
        .says("家里跳闸", "一开空调就跳闸，请来看看。")
        .by(1, C::Call)
        .plot(P::Withdrawn("")),
    letter(3, "10:40", V::Web, "4")
        .about("roof_leak", "WY")
        .says("下雨顶楼滴水", "4号楼1202客厅也滴水，和隔壁是同一个地方。")
        .by(2, C::Call)
        .plot(P::Merged("顶楼渗水到卧室")),
    letter(7, "16:40", V::Kiosk, "3")
        .about("noise_square", "WG")
        .says("晚上跳舞太吵", "晚上广场的音响吵得睡不着。")
        .plot(P::Merged("广场舞音响太响")),
    letter(18, "14:35", V::Call, "2")
        .about("volunteers", "ZYZ")
        .kind(K::Enquiry)
        .says("怎么报名当志愿者", "刚退休，身体还行，想报名当志愿者。")
        .by(3, C::Call)
        .done(1, "已登记并邀请参加周六的志愿者见面会。")
        .plot(P::Closed(5)),
    // The community next door, which this one does not see.
    letter(1, "11:05", V::Web, "2")
        .neighbour()
        .about("street_light", "TXWY")
        .says("后门路灯忽明忽暗", "桐溪小区后门的路灯一闪一闪的。"),
    letter(3, "09:55", V::Web, "1")
        .neighbour()
        .about("rubbish", "TXWY")
        .says("分类桶少了一个", "1号楼的厨余桶不见了。")
        .plot(P::Assigned),
    letter(8, "15:05", V::Web, "3")
        .neighbour()
        .about("corridor_light", "TXWY")
        .says("楼道灯常亮", "3号楼楼道灯白天也亮着，浪费电。")
        .done(2, "更换声控开关。")
        .plot(P::Replied),
    letter(19, "10:30", V::Web, "5")
        .neighbour()
        .about("greenery", "TXWY")
        .says("绿篱太高挡视线", "路口绿篱太高，开车看不见人。")
        .done(3, "已修剪至八十厘米。")
        .plot(P::Silent),
];

/// Who writes: invented people under numbers that nobody has.
pub(super) const RESIDENTS: &[(&str, &str, &str)] = &[
    ("陈桂英", "13800010001", "1201"),
    ("林志强", "13800010002", "302"),
    ("黄秀兰", "13800010003", "504"),
    ("吴建国", "13800010004", "102"),
    ("郑小燕", "13800010005", "703"),
    ("王德福", "13800010006", "601"),
    ("刘美玲", "13800010007", "1201"),
    ("张文辉", "13800010008", "405"),
    ("李阿水", "13800010009", "101"),
    ("周丽华", "13800010010", "803"),
    ("徐长根", "13800010011", "202"),
    ("孙玉梅", "13800010012", "201"),
    ("马晓东", "13800010013", "906"),
    ("朱凤仙", "13800010014", "304"),
    ("胡永康", "13800010015", "502"),
    ("郭海燕", "13800010016", "1003"),
    ("何志明", "13800010017", "402"),
];

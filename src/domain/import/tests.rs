//! The rules of import, shown.

use chrono_tz::Tz;

use super::*;

const ZONE: Tz = Tz::Asia__Shanghai;

fn header(titles: &[&str]) -> Result<Header, Refusal> {
    Header::parse(&titles.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
}

fn record(titles: &[&str], cells: &[Cell]) -> Record {
    header(titles).unwrap().read(2, cells, "YD", ZONE).unwrap()
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn at_fault(record: &Record) -> Vec<&str> {
    record.faults.0.iter().map(|it| it.field.as_str()).collect()
}

#[test]
fn headers_are_known_in_both_languages_and_any_order() {
    let header =
        header(&["\u{feff}留言编号 ", "Received-At", "内容\u{200b}", "答复意见", "PHONE", ""]).unwrap();

    let known = [Some(Column::Id), Some(Column::ReceivedAt), Some(Column::Description), None];
    assert_eq!(header.columns[..4], known);
    assert_eq!(header.columns[4], Some(Column::Phone));
    assert_eq!(header.unknown(), ["答复意见"]);
}

#[test]
fn a_header_without_words_or_with_a_column_twice_is_refused() {
    for titles in [&["id", "时间"][..], &["a,b"], &[], &["主题", "Subject"]] {
        assert!(matches!(header(titles), Err(Refusal::Malformed(_))), "{titles:?}");
    }
}

#[test]
fn times_are_read_in_every_form_and_as_local() {
    let noon = "2020-01-06T04:09:38Z";
    for (given, expected) in [
        ("2020-01-06T12:09:38+08:00", noon),
        ("2020-01-06T04:09:38Z", noon),
        ("2020/1/6 12:09:38", noon),
        ("２０２０／１／６　１２：０９：３８", noon),
        ("2020-01-06T12:09:38", noon),
        ("2020年1月6日 12时9分38秒", noon),
        ("2020年01月06日12:09:38", noon),
        (" 2020-01-06 12:09:38.25 ", noon),
        ("43836.5066898148", noon),
        ("2020-01-06 12:09", "2020-01-06T04:09:00Z"),
        ("2020年1月6日 12点", "2020-01-06T04:00:00Z"),
        ("2020/1/6 下午3:05", "2020-01-06T07:05:00Z"),
        ("2020/1/6 12:09:38 PM", noon),
        ("2020-01-06 3:05 PM", "2020-01-06T07:05:00Z"),
        ("2020年1月6日上午12时5分", "2020-01-05T16:05:00Z"),
        ("2020/1/6 晚上8点", "2020-01-06T12:00:00Z"),
        ("20200106", "2020-01-05T16:00:00Z"),
        ("2020/1/6", "2020-01-05T16:00:00Z"),
        ("2020.1.6", "2020-01-05T16:00:00Z"),
        ("2020年1月6日", "2020-01-05T16:00:00Z"),
        ("43836", "2020-01-05T16:00:00Z"),
    ] {
        let read = parse_local_time(given, ZONE).map(At::to_rfc3339);
        assert_eq!(read.as_deref(), Some(expected), "{given}");
    }
    for wrong in [
        "",
        "昨天",
        "2020/13/1",
        "2020/2/30",
        "6/1/2020",
        "20/1/6",
        "2020/1/6 25:00",
        "2020/1/6 12",
        "2020/1",
        "2020-01-06T",
        "12:09",
        "5",
        "1e300",
        "NaN",
        "2020//6",
        "二〇二〇年一月六日",
    ] {
        assert_eq!(parse_local_time(wrong, ZONE), None, "{wrong}");
    }
}

#[test]
fn an_hour_that_the_clocks_skipped_is_no_time() {
    assert_eq!(parse_local_time("2024-03-31 02:30", Tz::Europe__Berlin), None);
    assert!(parse_local_time("2024-10-27 02:30", Tz::Europe__Berlin).is_some());
}

#[test]
fn numbers_are_written_as_people_write_them() {
    let row = record(
        &["编号", "内容", "电话", "楼栋"],
        &[Cell::Number(2549.0), text("灯坏了"), Cell::Number(13_800_138_000.0), Cell::Number(3.0)],
    );

    assert_eq!(row.id.as_deref(), Some("2549"));
    assert_eq!(row.submission.contact.unwrap().phone.as_deref(), Some("13800138000"));
    assert_eq!(row.submission.location.unwrap().building.as_deref(), Some("3"));
}

#[test]
fn text_stays_as_it_came_with_real_line_ends() {
    let row = record(&["内容"], &[text("\u{200b}=1+1 ‹办法>_x000D_\n第二行\r第三行\u{a0}")]);

    assert_eq!(row.submission.description.as_deref(), Some("=1+1 ‹办法>\n第二行\n第三行"));
    assert_eq!(row.submission.subject, None);
}

#[test]
fn a_subject_alone_is_the_matter() {
    let row = record(&["主题", "内容"], &[text("路灯不亮"), Cell::Empty]);

    assert_eq!(row.submission.description.as_deref(), Some("路灯不亮"));
}

#[test]
fn every_fault_of_a_row_is_told() {
    let titles = ["内容", "时间", "类型", "channel", "楼栋", "name"];
    let row = record(
        &titles,
        &[
            text("灯"),
            text("昨天"),
            text("吐槽"),
            text("fax"),
            Cell::Date(45_000.0),
            Cell::Broken("#N/A".into()),
        ],
    );

    assert_eq!(at_fault(&row), ["building", "name", "channel", "kind", "received_at"]);
}

#[test]
fn words_are_taken_by_code_or_in_chinese() {
    let row = record(&["内容", "类型", "channel"], &[text("灯"), text("投诉"), text("None")]);

    assert_eq!(row.submission.kind, Some(Kind::Complaint));
    assert_eq!(row.submission.contact.unwrap().channel, Some(Channel::None));
    assert!(row.faults.0.is_empty());
}

#[test]
fn a_blank_row_is_none_and_a_ragged_one_is_at_fault() {
    let header = header(&["id", "内容"]).unwrap();

    assert_eq!(header.read(2, &[text(" \u{200b}"), Cell::Empty], "YD", ZONE), None);
    let short = header.read(3, &[text("1")], "YD", ZONE).unwrap();
    let long = header.read(4, &[text("1"), text("a"), text("b")], "YD", ZONE).unwrap();
    let padded = header.read(5, &[text("1"), text("a"), text(" "), Cell::Empty], "YD", ZONE).unwrap();
    assert_eq!((at_fault(&short), at_fault(&long)), (vec!["row"], vec!["row"]));
    assert!(padded.faults.0.is_empty());
}

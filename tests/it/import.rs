//! Importing sheets: what is in, what is refused and why, and that a second time adds nothing.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::builders::World;
use crate::harness::Engine;

/// A world and a folder of sheets to import into it.
struct Desk {
    world: World,
    folder: tempfile::TempDir,
}

/// What the program said.
struct Told {
    status: i32,
    summary: Value,
    errors: String,
}

impl Desk {
    fn new(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The key of the test's own application, so that both write one trail.
        let key = folder.path().join("red-mailbox.key");
        std::fs::write(&key, format!("red-mailbox-key:v1:{}\n", "07".repeat(32))).unwrap();
        Command::new("chmod").arg("600").arg(&key).status().unwrap();
        Self { world: World::with(engine, &[]), folder }
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn run(&self, path: &Path, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_red-mailbox"))
            .arg("import")
            .arg(path)
            .args(arguments)
            .env("RED_MAILBOX_DATA_DIR", self.folder.path())
            .env("RED_MAILBOX_DATABASE_URL", &self.world.app.store.settings.database_url)
            .output()
            .unwrap()
    }

    fn import(&self, path: &Path, arguments: &[&str]) -> Told {
        let arguments: Vec<&str> = ["--community", "YD", "--json"].iter().chain(arguments).copied().collect();
        let output = self.run(path, &arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        let summary = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        Told { status: output.status.code().unwrap(), summary, errors }
    }

    /// The tickets that a search finds, as the triager sees them.
    fn found(&self, query: &str) -> Vec<Value> {
        let path = format!("/api/v1/tickets?{query}");
        let answer = self.world.app.get(&path).bearer(&self.world.token("triager")).send().expect(200);
        answer.json()["items"].as_array().unwrap().clone()
    }
}

impl Told {
    #[track_caller]
    fn counts(&self, status: i32, new: u64, before: u64, refused: usize) -> &Self {
        let n_refused = self.summary["refused"].as_array().map(Vec::len);
        let counts = (self.status, self.summary["new"].as_u64(), self.summary["before"].as_u64(), n_refused);
        assert_eq!(
            counts,
            (status, Some(new), Some(before), Some(refused)),
            "{}{}",
            self.summary,
            self.errors
        );
        self
    }

    /// Line and fields of each refused row.
    fn refused(&self) -> Vec<(u64, Vec<&str>)> {
        let rows = self.summary["refused"].as_array().unwrap().iter();
        rows.map(|row| {
            let faults = row["faults"].as_array().unwrap();
            (row["line"].as_u64().unwrap(), faults.iter().map(|it| it["field"].as_str().unwrap()).collect())
        })
        .collect()
    }
}

/// Makes each `fn story(desk: Desk)` two tests, one per engine.
macro_rules! stories {
    ($($(#[$doc:meta])* fn $name:ident($desk:ident) $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;
            fn story($desk: &Desk) $body
            #[test]
            fn sqlite() {
                story(&Desk::new(Engine::Sqlite));
            }
            #[test]
            fn postgres() {
                story(&Desk::new(Engine::Postgres));
            }
        }
    )+};
}

stories! {
    fn a_sheet_goes_in_once_with_everything_it_says(desk) {
        let path = desk.file("来信.csv", "\u{feff}留言编号,主题,内容,时间,类别,类型,楼栋,单元,房号,姓名,电话,channel,备注\r\n\
            101,\u{200b}=SUM(A1)路灯,\"第一行\r\n第二行\",2026/1/6 12:09:38,路灯,投诉,3,2,1201,王阿姨,138 0013 8000,call,x\r\n\
            102,楼道堆物,楼道里堆了东西\u{1}很久了,,灯具,,,,,,,,\r\n");

        let told = desk.import(&path, &[]);
        told.counts(0, 2, 0, 0);
        assert!(told.errors.contains("ignored columns that mean nothing here: 备注"), "{}", told.errors);
        assert_eq!(told.summary["unknown_categories"], json!({"灯具": 1}));
        let tickets = desk.found("source=import");
        let by = |subject: &str| tickets.iter().find(|it| it["subject"] == subject).unwrap().clone();
        let first = by("=SUM(A1)路灯");
        assert_eq!(first["description"], "第一行\n第二行");
        assert_eq!(first["received_at"].as_str().unwrap(), "2026-01-06T04:09:38Z");
        assert_eq!((first["category"].as_str(), first["kind"].as_str()), (Some("street_light"), Some("complaint")));
        assert_eq!(first["location"]["room"], "1201");
        assert_eq!(first["contact"]["phone"], "138****8000");
        assert!(first["number"].as_str().unwrap().starts_with("YD-20260106-0001"));
        assert_eq!(by("楼道堆物")["description"], "楼道里堆了东西很久了");
        assert_eq!(by("楼道堆物")["category"], Value::Null);

        desk.import(&path, &["--create-categories"]).counts(0, 0, 2, 0);
        assert_eq!(desk.found("source=import").len(), 2);
    }

    fn bad_rows_are_named_and_the_rest_are_in(desk) {
        let path = desk.file("a.csv", "id,subject,description,received_at,phone,kind\n\
            1,好,\"多行\n引文\",2026-01-06,,\n\
            \n\
            2,坏时间,内容,昨天,12,吐槽\n\
            3,少字段,内容\n\
            4,将来,内容,2099-01-01,,\n\
            1,另一封,别的内容,2026-01-06,,\n\
            5,没问题,内容,2026-01-06 08:00,05961234567,求助\n\
            ,,,,,\n\
            6,没关的,\"引号\n");

        let told = desk.import(&path, &[]);

        told.counts(1, 2, 0, 5);
        let expected = [
            (5, vec!["kind", "received_at", "phone"]),
            (6, vec!["row"]),
            (7, vec!["received_at"]),
            (8, vec!["id"]),
            (11, vec!["row"]),
        ];
        let mut refused = told.refused();
        refused.sort();
        assert_eq!(refused, expected);
        assert!(told.errors.contains("line 8: id: 编号 1 "), "{}", told.errors);
        assert_eq!(desk.found("source=import").len(), 2);
    }

    fn rows_without_an_id_go_in_once_each(desk) {
        let path = desk.file("b.csv", "内容\n路灯不亮\n路灯不亮\n电梯响\n");
        desk.import(&path, &[]).counts(0, 3, 0, 0);
        desk.import(&path, &[]).counts(0, 0, 3, 0);
        let longer = desk.file("c.csv", "内容\n路灯不亮\n路灯不亮\n路灯不亮\n");
        desk.import(&longer, &[]).counts(0, 1, 2, 0);
    }

    fn categories_are_created_once_and_found_again(desk) {
        let path = desk.file("d.csv", "编号,内容,一级标签\n1,修路,城乡建设\n2,修桥,城乡建设\n3,修灯,street_light\n4,x,Noise\n");
        let told = desk.import(&path, &["--create-categories"]);
        told.counts(0, 4, 0, 0);
        assert_eq!(told.summary["created_categories"], json!(["城乡建设", "Noise"]));
        let more = desk.file("e.csv", "编号,内容,一级标签\n5,修堤,城乡建设\n");
        assert_eq!(desk.import(&more, &["--create-categories"]).summary["created_categories"], json!([]));
        let roads = desk.found("q=修");
        let codes: std::collections::HashSet<_> =
            roads.iter().filter(|it| it["category"] != "street_light").map(|it| it["category"].to_string()).collect();
        assert_eq!(codes.len(), 1, "{roads:?}");
        assert_eq!(desk.found("category=noise").len(), 1);
    }

    fn a_workbook_is_read_cell_by_cell(desk) {
        let rows = [
            row(1, &[inline("信件登记表")]),
            row(3, &[inline("留言编号"), inline("留言主题"), inline("留言时间"), inline("留言详情"), inline("楼栋"), inline("电话")]),
            row(4, &[number("2549"), inline("一"), date("43836.506689814816"), inline("内容_x000D_\n第二行"), number("3"), number("1.38001380E+10")]),
            row(6, &[number("2550"), inline("二"), inline("2020/1/6 12:09:38"), inline("=1+1"), String::new(), String::new()]),
            row(1_048_576, &[number("2551"), inline("三"), number("43836.5"), inline("x"), date("43836"), String::new()]),
        ];
        let path = desk.file("f.xlsx", workbook(&rows.concat(), "A1:XFD1048576"));

        let told = desk.import(&path, &[]);

        told.counts(1, 2, 0, 1);
        assert_eq!(told.refused(), [(1_048_576, vec!["building"])]);
        let mut tickets = desk.found("source=import");
        tickets.sort_by_key(|it| it["number"].to_string());
        let noon = "2020-01-06T04:09:38Z";
        assert_eq!([&tickets[0]["received_at"], &tickets[1]["received_at"]], [noon, noon]);
        assert_eq!(tickets[0]["description"], "内容\n第二行");
        assert_eq!(tickets[0]["location"]["building"], "3");
        assert_eq!(tickets[0]["contact"]["phone"], "138****8000");
        desk.import(&path, &["--sheet", "Sheet1"]).counts(1, 0, 2, 1);
    }

    fn joined_cells_stand_for_each_of_their_rows(desk) {
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        let plain = rust_xlsxwriter::Format::new();
        sheet.merge_range(0, 0, 0, 3, "红色信箱登记表", &plain).unwrap();
        for (column, title) in (0..).zip(["编号", "内容", "时间", "楼栋"]) {
            sheet.write(1, column, title).unwrap();
        }
        for line in 2..7 {
            sheet.write(line, 0, format!("A{line}")).unwrap();
        }
        for line in [2, 3, 4, 6] {
            sheet.write(line, 1, format!("第 {line} 封")).unwrap();
        }
        // The day and the building of three letters; words that only one of them has.
        sheet.merge_range(2, 2, 4, 2, "2020/1/6", &plain).unwrap();
        sheet.merge_range(2, 3, 4, 3, "7", &plain).unwrap();
        sheet.merge_range(4, 1, 5, 1, &"长".repeat(100), &plain).unwrap();
        sheet.write(4, 1, "长".repeat(100)).unwrap();
        let path = desk.file("joined.xlsx", book.save_to_buffer().unwrap());

        let told = desk.import(&path, &[]);

        told.counts(1, 4, 0, 1);
        assert_eq!(told.refused(), [(6, vec!["description"])]);
        let seven = desk.found("source=import&building=7");
        assert_eq!(seven.len(), 3);
        assert!(seven.iter().all(|it| it["received_at"] == "2020-01-05T16:00:00Z"), "{seven:#?}");
    }

    fn a_formula_without_a_result_is_named(desk) {
        let rows = [
            row(1, &[inline("编号"), inline("内容"), inline("楼栋")]),
            row(2, &[inline("1"), r#"<c t="str"><f>A1&amp;"一"</f><v>算好的</v></c>"#.to_owned(), inline("3")]),
            row(3, &[inline("2"), "<c><f>A1</f></c>".to_owned(), inline("3")]),
            row(4, &[inline("3"), "<c><f>A1</f><v></v></c>".to_owned(), inline("3")]),
            row(5, &[inline("4"), r#"<c t="e"><f>1/0</f><v>#DIV/0!</v></c>"#.to_owned(), inline("3")]),
            row(6, &[inline("5"), inline("二"), r#"<c t="str"><f>""</f><v></v></c>"#.to_owned()]),
        ];
        let path = desk.file("formula.xlsx", workbook(&rows.concat(), "A1:C6"));

        let told = desk.import(&path, &[]);

        told.counts(1, 2, 0, 3);
        let named: Vec<u64> = told.refused().iter().map(|it| it.0).collect();
        assert_eq!(named, [3, 4, 5]);
    }

    fn the_first_sheet_that_people_see_is_read(desk) {
        let mut book = rust_xlsxwriter::Workbook::new();
        for (name, hidden) in [("旧", true), ("一月", false), ("二月", false)] {
            let sheet = book.add_worksheet().set_name(name).unwrap();
            // A workbook opens with a sheet that is seen.
            sheet.set_active(!hidden).set_hidden(hidden);
            sheet.write(0, 0, "编号").unwrap().write(0, 1, "内容").unwrap();
            sheet.write(1, 0, name).unwrap().write(1, 1, format!("{name}的信")).unwrap();
        }
        let path = desk.file("sheets.xlsx", book.save_to_buffer().unwrap());

        let output = desk.run(&path, &["--community", "YD"]);

        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("read sheet 一月 only") && told.contains(": 二月"), "{told}");
        assert_eq!(desk.found("source=import")[0]["description"], "一月的信");
        desk.import(&path, &["--sheet", "旧"]).counts(0, 1, 0, 0);
    }

    fn a_mailbox_is_named_for_all_rows(desk) {
        let path = desk.file("g.csv", "内容\n路灯不亮\n");
        let refused = desk.import(&path, &["--mailbox", "M1"]);
        assert_eq!((refused.status, desk.found("source=import").len()), (1, 0));
        let body = json!({"code": "M1", "name": "一号信箱", "node": "YD"});
        desk.world.app.post("/api/v1/mailboxes", &body).bearer(&desk.world.token("admin")).send().expect(201);
        desk.import(&path, &["--mailbox", "M1"]).counts(0, 1, 0, 0);
        assert_eq!(desk.found("mailbox=M1").len(), 1);
    }
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let desk = Desk::new(Engine::Sqlite);
    let huge = "<sst uniqueCount=\"99999999999\"><si/></sst>";
    for (name, bytes, cause) in [
        ("a.csv", b"time,place\n1,2\n".to_vec(), "description"),
        ("b.csv", "主题,subject\n1,2\n".into(), "第 1 列"),
        ("c.csv", Vec::new(), "It is empty"),
        ("d.csv", vec![b'a', 0xff, 0xff, b'\n'], "neither UTF-8 nor GB18030"),
        ("e.xlsx", b"id,subject\n".to_vec(), "not an XLSX workbook"),
        ("f.xlsx", b"PK\x03\x04 and then nothing".to_vec(), "not an XLSX workbook"),
        ("g.xls", b"\xD0\xCF\x11\xE0\xA1\xB1".to_vec(), "old .xls"),
        ("h.xlsx", parts(&[("xl/sharedStrings.xml", huge)]), "more texts than it can have"),
        ("i.xlsx", bomb(), "unpacks to more than"),
    ] {
        let told = desk.import(&desk.file(name, bytes), &[]);
        assert!(told.status == 1 && told.errors.contains(cause), "{name}: {}", told.errors);
    }
    let path = desk.file("z.csv", "内容\n1\n");
    let output = desk.run(&path, &["--community", "XX"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(desk.run(&path, &[]).status.code(), Some(2));
    assert_eq!(desk.run(Path::new("/nowhere.csv"), &["--community", "YD"]).status.code(), Some(1));
}

#[test]
fn old_chinese_text_is_read_and_said_so() {
    let desk = Desk::new(Engine::Sqlite);
    // 主题,内容 / 路灯,不亮
    let bytes = b"\xd6\xf7\xcc\xe2,\xc4\xda\xc8\xdd\r\n\xc2\xb7\xb5\xc6,\xb2\xbb\xc1\xc1\r\n".to_vec();
    let told = desk.import(&desk.file("gbk.csv", bytes), &[]);

    told.counts(0, 1, 0, 0);
    assert!(told.errors.contains("GB18030"), "{}", told.errors);
    assert_eq!(desk.found("source=import")[0]["description"], "不亮");
}

/// Real letters, where they lie beside the project; they are never a part of it.
#[test]
fn real_letters_are_all_in_once_and_found_by_their_words() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let (letters, replied) = (folder.join("letters.csv"), folder.join("letters_with_replies.xlsx"));
    if !letters.exists() {
        eprintln!("skipped: no real letters at {}", folder.display());
        return;
    }
    let desk = Desk::new(Engine::Sqlite);

    desk.import(&letters, &["--create-categories"]).counts(0, 5_786, 0, 0);
    desk.import(&letters, &["--create-categories"]).counts(0, 0, 5_786, 0);
    // Another community: 4 ids of the first sheet stand for other letters in this one.
    let told = desk.run(&replied, &["--community", "HX", "--json"]);
    let summary: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((told.status.code(), &summary["new"]), (Some(0), &json!(1_994)));

    let mut reader = csv::Reader::from_path(&letters).unwrap();
    // Every fortieth: signing in again and again would take longer than the search.
    for record in reader.records().step_by(40) {
        let record = record.unwrap();
        let subject = record[1].trim_matches(|it: char| it.is_whitespace() || it == '\u{200b}').to_owned();
        let piece: String = subject.chars().filter(|it| it.is_alphanumeric()).take(12).collect();
        if !subject.contains(&piece) {
            continue;
        }
        let query = piece.bytes().fold(String::new(), |query, it| format!("{query}%{it:02X}"));
        let found = desk.found(&format!("q={query}&limit=200"));
        assert!(found.iter().any(|it| it["subject"] == subject.as_str()), "{subject}: {}", found.len());
    }
}

fn inline(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!(r#"<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>"#)
}

fn number(text: &str) -> String {
    format!("<c><v>{text}</v></c>")
}

fn date(serial: &str) -> String {
    format!(r#"<c s="1"><v>{serial}</v></c>"#)
}

fn row(line: u32, cells: &[String]) -> String {
    let cells: Vec<String> =
        cells.iter().map(|it| if it.is_empty() { "<c/>".to_owned() } else { it.clone() }).collect();
    format!(r#"<row r="{line}">{}</row>"#, cells.concat())
}

/// A workbook of one sheet with these rows, which claims `dimension`.
fn workbook(rows: &str, dimension: &str) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    parts(&[
        (
            "_rels/.rels",
            &format!(
                r#"<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" Type="{RELS}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/workbook.xml",
            &format!(
                r#"<workbook xmlns="{MAIN}" xmlns:r="{RELS}"><sheets><sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            &format!(
                r#"<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" Type="{RELS}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{RELS}/styles" Target="styles.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/styles.xml",
            &format!(
                r#"<styleSheet xmlns="{MAIN}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>"#
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            &format!(
                r#"<worksheet xmlns="{MAIN}"><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>"#
            ),
        ),
    ])
}

fn parts(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A small file that unpacks to 450 MiB.
fn bomb() -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("xl/x.xml", SimpleFileOptions::default()).unwrap();
    let piece = vec![b' '; 1 << 20];
    for _ in 0..450 {
        archive.write_all(&piece).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

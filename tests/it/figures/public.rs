//! Figures on the board: months that are over, and nothing that tells of one or two people.

use serde_json::{Value, json};

use super::{at, reply};
use crate::builders::World;
use crate::harness::both_worlds;

fn read(world: &World, query: &str, status: u16) -> Value {
    world.app.get(&format!("/api/v1/board/figures{query}")).send().expect(status).json()
}

both_worlds! {
    fn numbers_under_three_are_suppressed(world) {
        let numbers: Vec<String> = (0..4).map(|_| world.submit(json!({})).number).collect();
        world.submit(json!({"kind": "report"}));
        for number in &numbers[..3] {
            world.resolve(number);
            reply(&world, number);
        }
        let late = &numbers[3];
        at(&world, "2026-12-01T09:00");
        let figures = read(&world, "?community=YD", 200);

        assert_eq!((&figures["month"], &figures["intake"]), (&json!("2026-11"), &json!(4)));
        // Three of three; of the accept clocks one of four is late, which would tell of one ticket.
        assert_eq!(figures["rates"]["reply_rate"]["percent"], 100);
        assert_eq!(figures["rates"]["acceptance_on_time_rate"]["percent"], Value::Null);
        assert_eq!(figures["rates"]["acceptance_on_time_rate"]["numerator"], Value::Null);
        assert_eq!(read(&world, "?community=YD&month=2026-10", 200)["intake"], 0);
        assert!(!figures.to_string().contains(late));
    }

    fn only_months_that_are_over_are_told(world) {
        read(&world, "?community=ZZ", 404);
        read(&world, "?community=YD&month=2026-11", 422);
        read(&world, "?community=YD&month=November", 422);
        read(&world, "?community=YD&week=1", 400);
        read(&world, "", 400);
        assert_eq!(read(&world, "?community=yd", 200)["month"], "2026-10");
    }

    fn the_board_tells_the_last_month_in_words_and_a_table(world) {
        let numbers: Vec<String> = (0..4).map(|_| world.submit(json!({})).number).collect();
        for number in &numbers[..3] {
            world.resolve(number);
            reply(&world, number);
        }
        at(&world, "2026-12-01T09:00");
        let page = |path: &str| world.app.get(path).header("Accept", "text/html").send().expect(200).text;
        let board = page("/board?community=YD");

        assert!(board.contains("YD 2026-11：收到 4 件。"), "{board}");
        assert!(board.contains("<th scope=\"row\">答复率<br>") && board.contains("100.0 %"), "{board}");
        assert!(board.contains("太少，不公布"));
        // Of several communities none is meant.
        assert!(!page("/board").contains("上个月办得怎么样"));
    }
}

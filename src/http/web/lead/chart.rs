//! Charts as SVG: where bars and points stand; the template draws them, with a table beside.

/// The drawing's size in its own units.
pub(super) const WIDTH: i64 = 720;
pub(super) const HEIGHT: i64 = 200;
/// Room for the scale on the left and the dates below.
const LEFT: i64 = 44;
const TOP: i64 = 12;
const BOTTOM: i64 = 26;

/// A bar of a count.
pub(super) struct Bar {
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) width: i64,
    pub(super) height: i64,
    /// Under it, where there is room.
    pub(super) label: String,
    pub(super) label_x: i64,
}

/// A line of the scale.
pub(super) struct Mark {
    pub(super) y: i64,
    pub(super) value: i64,
}

/// The place of `value` when `top` is at the top.
fn height(value: i64, top: i64) -> i64 {
    let room = HEIGHT - TOP - BOTTOM;
    value.clamp(0, top) * room / top.max(1)
}

/// A round number that is not below `value`.
fn round_up(value: i64) -> i64 {
    let mut step = 1;
    loop {
        let found = [step, 2 * step, 5 * step].into_iter().find(|it| *it * 4 >= value);
        if let Some(found) = found {
            return (value.max(1) + found - 1) / found * found;
        }
        step *= 10;
    }
}

/// The scale of some counts, from 0.
pub(super) fn scale(values: &[i64]) -> Vec<Mark> {
    let top = round_up(values.iter().copied().max().unwrap_or(0));
    let n = (1..=4).rev().find(|it| top % it == 0).unwrap_or(1);
    (0..=n).map(|it| Mark { y: HEIGHT - BOTTOM - height(top * it / n, top), value: top * it / n }).collect()
}

/// A bar for each count, in order.
pub(super) fn bars(values: &[i64], labels: &[String]) -> Vec<Bar> {
    let top = round_up(values.iter().copied().max().unwrap_or(0));
    let n = i64::try_from(values.len()).unwrap_or(1).max(1);
    let room = WIDTH - LEFT;
    // A label takes some 48 units.
    let every = (48 * n + room - 1) / room;
    values
        .iter()
        .zip(labels)
        .zip(0..)
        .map(|((value, label), place)| {
            let (x, next) = (LEFT + room * place / n, LEFT + room * (place + 1) / n);
            let gap = ((next - x) / 6).max(1);
            let tall = height(*value, top);
            Bar {
                x: x + gap,
                y: HEIGHT - BOTTOM - tall,
                width: (next - x - 2 * gap).max(1),
                height: tall,
                label: if place % every == 0 { label.clone() } else { String::new() },
                label_x: i64::midpoint(x, next),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_round_and_holds_every_bar() {
        for most in [0, 1, 3, 7, 12, 99, 100, 4_321] {
            let marks = scale(&[most, 0]);
            let top = marks.last().unwrap();
            assert!(top.value >= most && top.y >= TOP, "{most}: {}", top.value);
            assert_eq!((marks[0].value, marks[0].y), (0, HEIGHT - BOTTOM));
        }
        let drawn = bars(&[0, 5, 10], &["a".into(), "b".into(), "c".into()]);
        assert!(drawn[2].height > drawn[1].height && drawn[0].height == 0);
        assert!(drawn.iter().all(|it| it.x >= LEFT && it.x + it.width <= WIDTH));
    }
}

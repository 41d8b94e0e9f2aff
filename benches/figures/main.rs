//! Figures, measured: durable intake beside plain diesel, queue and search at two sizes, start, memory, size.
//!
//! `cargo bench` prints the tables of `benches/README.md`. Loopback only, bounded in count, ends by itself.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is the report, and the output is the point"
)]

mod careful;
mod client;
mod clocks;
mod peer;
#[path = "../../tests/it/postgres.rs"]
mod postgres;
mod served;
mod stats;

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use careful::Careful;
use client::Client;
use served::{PASSWORD, Served};

/// Runs of each intake figure; the median is told, so that one noisy neighbour does not decide.
const ROUNDS: usize = 3;
/// How long one run puts tickets in.
const SPAN: Duration = Duration::from_secs(3);
/// Requests behind each latency figure.
const N_REQUESTS: usize = 1_000;
/// Sizes of the queue that are compared.
const SIZES: [usize; 2] = [10_000, 100_000];

fn main() {
    // `cargo test --benches` and `cargo clippy` only want to know that it builds.
    if std::env::args().any(|it| it == "--test") {
        return;
    }
    // `cargo bench --bench figures -- queue` runs that part alone.
    let parts: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let is_asked = |part: &str| parts.is_empty() || parts.iter().any(|it| it == part);
    if is_asked("start") {
        start_and_memory();
    }
    for engine in ["SQLite", "PostgreSQL"].into_iter().filter(|_| is_asked("intake")) {
        intake(engine);
    }
    for engine in ["SQLite", "PostgreSQL"].into_iter().filter(|_| is_asked("queue")) {
        queue(engine);
    }
    for engine in ["SQLite", "PostgreSQL"].into_iter().filter(|_| is_asked("clocks")) {
        clocks::measure(engine);
    }
    for engine in ["SQLite", "PostgreSQL"].into_iter().filter(|_| is_asked("stats")) {
        stats::stats(engine);
    }
}

/// The URL of a fresh database of `engine`; none stands for the embedded one.
fn database(engine: &str) -> Option<String> {
    (engine == "PostgreSQL").then(postgres::fresh_database)
}

fn start_and_memory() {
    let size = std::fs::metadata(served::PROGRAM).unwrap().len();
    let folder = tempfile::tempdir().unwrap();
    drop(Served::start(folder.path(), None));
    let mut times: Vec<u64> = Vec::new();
    let mut idle = Vec::new();
    for _ in 0..9 {
        let begun = Instant::now();
        let served = Served::start(folder.path(), None);
        while Client::new(&served.address).get("/readyz", None).0 != 200 {}
        times.push(micros(begun.elapsed()));
        idle.push(served.memory_kb("VmRSS"));
    }
    println!("\n| figure | median | goal |\n| --- | --- | --- |");
    println!("| release binary | {:.1} MB | ≤ 30 MB |", mega(size));
    println!("| start to ready, existing database | {:.0} ms | ≤ 200 ms |", milli(median(&mut times)));
    println!("| memory idle (VmRSS) | {:.1} MB | ≤ 40 MB |", mega(median(&mut idle) * 1024));
}

fn intake(engine: &str) {
    println!(
        "\n{engine}: durable intake; `fdatasync` of 4 kB in this run: median {:.2} ms\n\n\
         | clients | tickets/s | CPU ms/ticket | memory peak | careful peer /s (connections) | ratio | bare peer /s | ratio |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |",
        milli(fdatasync_us())
    );
    for n_clients in [1, 8, 64] {
        let (mut ours, mut bare, mut cpu, mut peaks) = (vec![], vec![], vec![], vec![]);
        // The careful peer at its best: as many connections as clients wait on each other's lock, one does not.
        let sizes = [1, 8, 64].into_iter().filter(|it| *it <= n_clients);
        let mut careful: Vec<(usize, Vec<u64>)> = sizes.map(|it| (it, vec![])).collect();
        // Turn about, so that a slow minute of the machine meets all.
        for _ in 0..ROUNDS {
            let (n_tickets, cpu_us, peak_kb) = submit_to_us(engine, n_clients);
            ours.push(per_second(n_tickets));
            cpu.push(cpu_us);
            peaks.push(peak_kb);
            for (n_connections, rates) in &mut careful {
                rates.push(per_second(submit_to_careful(engine, n_clients, *n_connections)));
            }
            let url = (engine == "PostgreSQL").then(postgres::empty_database);
            bare.push(per_second(peer::submit_for(url.as_deref(), n_clients, SPAN)));
            if let Some(url) = url {
                postgres::drop_database(&url);
            }
        }
        let (ours, bare) = (median(&mut ours), median(&mut bare));
        let best = careful.iter_mut().map(|(n, rates)| (median(rates), *n)).max();
        let (best, n_connections) = best.unwrap();
        println!(
            "| {n_clients} | {ours} | {:.2} | {:.0} MB | {best} ({n_connections}) | {:.2} × | {bare} | {:.2} × |",
            milli(median(&mut cpu)),
            mega(median(&mut peaks) * 1024),
            hundredths(ours * 100 / best.max(1)),
            hundredths(ours * 100 / bare.max(1)),
        );
    }
}

/// Tickets acknowledged by the product in one run, its processor time for each in microseconds, its peak of memory.
fn submit_to_us(engine: &str, n_clients: usize) -> (u64, u64, u64) {
    let folder = tempfile::tempdir().unwrap();
    let url = database(engine);
    let served = Served::start(folder.path(), url.as_deref());
    let cpu_before = served.cpu_ms();
    let n_tickets = submit_for(&served.address, n_clients);
    let cpu_us = (served.cpu_ms() - cpu_before) * 1_000 / n_tickets.max(1);
    let peak_kb = served.memory_kb("VmHWM");
    drop(served);
    if let Some(url) = url {
        postgres::drop_database(&url);
    }
    (n_tickets, cpu_us, peak_kb)
}

/// Tickets acknowledged by the careful peer in one run, on a database made by the product.
fn submit_to_careful(engine: &str, n_clients: usize, n_connections: usize) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let url = database(engine);
    Served::prepare(folder.path(), url.as_deref());
    let file = folder.path().join("red-mailbox.db").display().to_string();
    let careful = Careful::serve(&file, url.as_deref(), n_connections);
    let n_tickets = submit_for(&careful.address, n_clients);
    drop(careful);
    if let Some(url) = url {
        postgres::drop_database(&url);
    }
    n_tickets
}

/// What one wait for the disk costs now, in microseconds: the median of 200.
fn fdatasync_us() -> u64 {
    let mut file = tempfile::tempfile().unwrap();
    let mut times: Vec<u64> = (0..200)
        .map(|_| {
            file.write_all(&[7; 4096]).unwrap();
            let begun = Instant::now();
            file.sync_data().unwrap();
            micros(begun.elapsed())
        })
        .collect();
    median(&mut times)
}

/// Submits from `n_clients` connections for the span of a run; gives how many were acknowledged.
fn submit_for(address: &str, n_clients: usize) -> u64 {
    let end = Instant::now() + SPAN;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..n_clients)
            .map(|client| {
                scope.spawn(move || {
                    let mut http = Client::new(address);
                    let (mut n, mut n_acknowledged) = (0_u64, 0);
                    while Instant::now() < end {
                        let key = format!("bench-{client:08}-{n:08}");
                        let (status, body) = http.post_once("/api/v1/tickets", &key, &letter(client, n));
                        // Only the peer's lock makes anyone wait so long that it is refused.
                        assert!(status == 201 || status == 503, "{status} {body}");
                        n_acknowledged += u64::from(status == 201);
                        n += 1;
                    }
                    n_acknowledged
                })
            })
            .collect();
        clients.into_iter().map(|it| it.join().unwrap()).sum()
    })
}

/// A submission of ordinary length, in the words of no real person.
fn letter(client: usize, n: u64) -> String {
    serde_json::json!({
        "community": "YD",
        "kind": "request",
        "subject": format!("{}号楼楼道灯不亮了", n % 60 + 1),
        "description": "三楼到四楼的灯已经坏了一个星期，晚上老人上下楼看不清台阶，前天还有人差点摔倒。\
                        物业说已经报修，但是一直没有人来。请帮忙催一下，最好能换成声控的。谢谢。",
        "location": {"building": (n % 60 + 1).to_string(), "unit": "2", "room": format!("{}", 101 + client)},
        "contact": {"phone": format!("138{:08}", n % 90_000_000 + 10_000_000), "channel": "call"},
    })
    .to_string()
}

fn queue(engine: &str) {
    let mut rows: Vec<(&str, Vec<(u64, u64)>)> = vec![
        ("queue page, 50 rows", vec![]),
        ("search, common word 路灯", vec![]),
        ("search, common word 井盖, all in February", vec![]),
        ("search, rare word 蜂窝", vec![]),
        ("one ticket", vec![]),
    ];
    for size in SIZES {
        let folder = tempfile::tempdir().unwrap();
        let url = database(engine);
        let sheet = folder.path().join("letters.csv");
        std::fs::write(&sheet, letters(size)).unwrap();
        Served::prepare(folder.path(), url.as_deref());
        Served::run(folder.path(), url.as_deref(), &["import", sheet.to_str().unwrap(), "--community", "YD"]);
        if let Some(url) = &url {
            postgres::run(url, "VACUUM ANALYZE");
        }
        let served = Served::serve(folder.path(), url.as_deref());
        let mut http = Client::new(&served.address);
        let token = sign_in(&mut http);
        let (status, page) = http.get("/api/v1/tickets?limit=1", Some(&token));
        assert_eq!(status, 200, "{page}");
        let page: serde_json::Value = serde_json::from_str(&page).unwrap();
        let number = page["items"][0]["number"].as_str().unwrap().to_owned();
        let paths = [
            "/api/v1/tickets?limit=50".to_owned(),
            "/api/v1/tickets?limit=50&q=%E8%B7%AF%E7%81%AF".to_owned(),
            "/api/v1/tickets?limit=50&q=%E4%BA%95%E7%9B%96".to_owned(),
            "/api/v1/tickets?limit=50&q=%E8%9C%82%E7%AA%9D".to_owned(),
            format!("/api/v1/tickets/{number}"),
        ];
        for (path, (_, figures)) in paths.iter().zip(&mut rows) {
            let mut times: Vec<u64> = (0..N_REQUESTS)
                .map(|_| {
                    let begun = Instant::now();
                    let (status, body) = http.get(path, Some(&token));
                    assert_eq!(status, 200, "{body}");
                    micros(begun.elapsed())
                })
                .collect();
            times.sort_unstable();
            figures.push((times[N_REQUESTS / 2], times[N_REQUESTS * 99 / 100]));
        }
        drop(served);
        if let Some(url) = url {
            postgres::drop_database(&url);
        }
    }
    println!(
        "\n{engine}: reading, one connection\n\n| what | p50 at 10,000 | p99 at 10,000 | p50 at 100,000 | p99 at 100,000 | p50 ratio |\n\
         | --- | --- | --- | --- | --- | --- |"
    );
    for (what, figures) in rows {
        let [(small, small_99), (large, large_99)] = figures[..] else { unreachable!("two sizes") };
        println!(
            "| {what} | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms | {:.2} × |",
            milli(small),
            milli(small_99),
            milli(large),
            milli(large_99),
            hundredths(large * 100 / small.max(1)),
        );
    }
}

/// A sheet of `n` letters over the last year; a tenth of them speak of street lamps, one in 5,000 of a nest.
fn letters(n: usize) -> String {
    let mut sheet = "编号,主题,内容,时间,楼栋\n".to_owned();
    for i in 0..n {
        let subject = match i {
            _ if i % 5_000 == 0 => "树上有个蜂窝",
            // All in one month far back, which a walk from the newest does not meet.
            _ if i % 10 == 1 => "门口的井盖松了",
            _ if i / 10 % 10 == 1 => "门口的路灯坏了",
            _ => "下水道堵了，楼道有异味",
        };
        let (month, day, hour, minute) = (i % 10 + 1, i / 10 % 28 + 1, i / 280 % 24, i % 60);
        let words = "请派人来看看，已经好几天了，老人小孩出入都不方便。";
        writeln!(
            sheet,
            "B{i},{subject}（{i}）,{words},2026-{month:02}-{day:02}T{hour:02}:{minute:02}:00+08:00,{}",
            i % 60 + 1
        )
        .unwrap();
    }
    sheet
}

fn sign_in(http: &mut Client) -> String {
    let body = serde_json::json!({"username": "bench", "password": PASSWORD}).to_string();
    let (status, body) = http.post("/api/v1/auth/login", &body);
    assert_eq!(status, 200, "{body}");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

fn per_second(n: u64) -> u64 {
    n * 1_000 / u64::try_from(SPAN.as_millis()).unwrap()
}

fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap()
}

/// Millionths as units, for printing.
fn mega(n: u64) -> f64 {
    f64::from(u32::try_from(n).unwrap()) / 1e6
}

/// Thousandths as units, for printing.
fn milli(n: u64) -> f64 {
    f64::from(u32::try_from(n).unwrap()) / 1e3
}

/// Hundredths as units, for printing.
fn hundredths(n: u64) -> f64 {
    f64::from(u32::try_from(n).unwrap()) / 1e2
}

//! What the file relay costs: processor time per GiB of its thread and of the whole machine's part in it, for each way
//! to move bytes, piece size of the sender and number of files at once. `cargo bench --bench relay [-- ROUNDS]` (9 by
//! default; 1 GiB each, the two ways in turns, since shared machines change their speed; medians are shown). Linux
//! only: it asks the kernel for one thread's time. The figures are in `docs/decisions/0005-relay-splice.md`.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and stops at the first mistake")]

use actors::transfer::relay::{RelayEnd, RelayPlan, Relays, Way};
use hongyan::net::relay::{Mover, TcpRelays};
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Bytes of one measurement.
const GIB: u64 = 1 << 30;

fn main() {
    let rounds: usize = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(9);
    println!("{:.1} KiB per idle transfer", memory(Mover::default()));
    println!(
        "medians of {rounds} × 1 GiB; processor seconds per GiB of the relay, of sender, relay and receiver together"
    );
    for (streams, piece) in [(1, 64 * 1024), (1, 4096), (4, 64 * 1024)] {
        let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); movers().len()];
        for _ in 0..rounds {
            for (costs, mover) in costs.iter_mut().zip(movers()) {
                costs.push(measure(mover, streams, piece));
            }
        }
        for (costs, mover) in costs.iter().zip(movers()) {
            let [relay, all, speed] = [0, 1, 2].map(|figure| median(costs.iter().map(|cost| cost[figure]).collect()));
            let pieces = piece / 1024;
            println!("{streams} × {pieces:>2} KiB pieces  {mover:?}: {relay:.3} s, {all:.3} s, {speed:.2} GiB/s");
        }
    }
}

/// Resident KiB of this process per transfer that waits for its two sides. (What a buffer holds comes on top: at the most
/// `buffer_bytes`, in the kernel's memory for a pipe.)
fn memory(mover: Mover) -> f64 {
    const TRANSFERS: u32 = 300;
    let relays = TcpRelays::start(mover).unwrap();
    let start = resident_kib();
    let open: Vec<_> = (0..TRANSFERS).map(|_| relays.open(plan(0, GIB), Box::new(|_| {})).unwrap()).collect();
    let idle = resident_kib();
    drop(open);
    (idle - start) / f64::from(TRANSFERS)
}

fn resident_kib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.split("VmRSS:").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

fn plan(ticket: u64, length: u64) -> RelayPlan {
    RelayPlan {
        ticket,
        bind: HERE,
        port: 0,
        sender: Way::Port(vec![HERE]),
        receiver: Way::Port(vec![HERE]),
        name: "bench".into(),
        length,
        buffer_bytes: 256 * 1024,
        timeout: Duration::from_secs(10),
        settle: Duration::from_millis(1),
        moved: Arc::default(),
    }
}

/// Seconds of the relay thread, of all threads, and GiB per second.
type Cost = [f64; 3];

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn movers() -> Vec<Mover> {
    #[cfg(target_os = "linux")]
    return vec![Mover::Splice, Mover::Copy];
    #[cfg(not(target_os = "linux"))]
    return vec![Mover::Copy];
}

fn measure(mover: Mover, streams: u64, piece: usize) -> Cost {
    let relays = TcpRelays::start(mover).unwrap();
    let length = GIB / streams;
    let (told, ends) = mpsc::channel();
    let started = Instant::now();
    let before = processor_seconds();
    thread::scope(|scope| {
        for ticket in 0..streams {
            let told = told.clone();
            let (port, hold) = relays.open(plan(ticket, length), Box::new(move |end| told.send(end).unwrap())).unwrap();
            let mut sender = TcpStream::connect((HERE, port.unwrap())).unwrap();
            let mut receiver = TcpStream::connect((HERE, port.unwrap())).unwrap();
            scope.spawn(move || {
                let bytes = vec![7; piece];
                for _ in 0..length / u64::try_from(piece).unwrap() {
                    sender.write_all(&bytes).unwrap();
                }
            });
            scope.spawn(move || {
                let mut bytes = vec![0; 256 * 1024];
                while receiver.read(&mut bytes).unwrap() > 0 {}
                drop(hold);
            });
        }
    });
    let wall = started.elapsed().as_secs_f64();
    for _ in 0..streams {
        // The hold is dropped when the receiver has seen the end; the transfer may just not have noticed yet.
        assert_ne!(ends.recv().unwrap(), RelayEnd::TimedOut);
    }
    let after = processor_seconds();
    [after[0] - before[0], after[1] - before[1], 1.0 / wall]
}

/// Processor seconds of the thread named `relay` (at the time of a call there is one) and of the whole process.
fn processor_seconds() -> [f64; 2] {
    let relay = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path()).find_map(|task| {
        let is_relay = fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "relay\n");
        is_relay.then(|| fs::read_to_string(task.join("schedstat")).unwrap())
    });
    let nanoseconds: f64 = relay.map_or(0.0, |stat| stat.split_whitespace().next().unwrap().parse().unwrap());
    // Fields 14 and 15, in hundredths of a second on every Linux; the name before them ends at the bracket.
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).map(|field| field.parse::<f64>().unwrap()).sum();
    [nanoseconds / 1e9, ticks / 100.0]
}

//! Reports as runs would leave them, for tests. Owns: figures that are plausible, and the same each time.

use super::*;

/// Times spread as latencies are: most near `typical`, few far above it.
fn times(seed: u64, typical_us: f64, values: u64) -> Recorder {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut recorder = Recorder::new();
    for _ in 0..values {
        // The sum of twelve is nearly normal; its exponential is skewed to the right.
        let normal = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        let stall = if random.u32(..2000) == 0 { 8.0 } else { 1.0 };
        recorder.record(std::time::Duration::from_secs_f64(typical_us * (normal * 0.4).exp() * stall / 1e6));
    }
    recorder
}

fn usage(us_per_message: f64, us_per_delivery: f64, seconds: f64, busiest_thread: f64) -> Usage {
    Usage {
        user_s: seconds * 0.25,
        system_s: seconds * 0.75,
        us_per_message,
        us_per_delivery,
        us_per_gib: 0.0,
        busiest_thread,
    }
}

fn relay(seed: u64, us: f64, typical_us: f64) -> Baseline {
    Baseline {
        server: usage(us, us, 9.5, 0.99),
        rates: Rates { sent: 118_000.0, acknowledged: 118_000.0, delivered: 118_000.0, ..Rates::default() },
        latencies: ["acknowledged", "delivered"]
            .map(|of| (of.to_owned(), times(seed, typical_us, 20_000).latency()))
            .into(),
    }
}

fn series(seed: u64, run_s: u64) -> Vec<Tick> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut wobble = move |middle: f64| (middle * (0.95 + 0.1 * random.f64())).round();
    let total = run_s + 4;
    (1..=total)
        .map(|at| {
            let (phase, progress) = match at {
                1 => (Phase::Prepare, 1.0),
                2..=3 => (Phase::Ramp, (at - 1) as f64 / 2.0),
                _ if at == total => (Phase::Drain, 1.0),
                _ => (Phase::Run, (at - 3) as f64 / run_s as f64),
            };
            // Few digits, so that they are the same after they were written as JSON.
            let progress = (progress * 1e6_f64).round() / 1e6;
            let busy = phase == Phase::Run;
            let of = |value: f64| if busy { value } else { 0.0 };
            // Casts of small positive numbers in tests.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let mut messages = || wobble(of(45_000.0)) as u64;
            let (sent, acknowledged, delivered) = (messages(), messages(), messages());
            Tick {
                at_s: at as f64,
                phase,
                progress,
                sessions: match phase {
                    Phase::Prepare => 0,
                    Phase::Ramp => 500 * (at - 1),
                    _ => 1000,
                },
                sent,
                acknowledged,
                delivered,
                errors: u64::from(at == 9),
                p50_us: wobble(of(800.0)),
                p99_us: wobble(of(2_400.0)),
                max_us: wobble(of(12_000.0)),
                server_cpu_ms: wobble(of(960.0)),
                server_kib: 41_000 + at * 12,
                generator_cpu_ms: wobble(of(800.0)),
            }
        })
        .collect()
}

/// A closed loop of pairs against an own server, with both relays.
pub(super) fn private() -> Report {
    let (acknowledged, delivered) = (times(1, 900.0, 50_000).latency(), times(2, 800.0, 50_000).latency());
    Report {
        version: VERSION,
        program: "hongyan 0.1.0".into(),
        began_ms: 1_795_286_487_000,
        plan: Plan {
            scenario: "private".into(),
            target: "--self".into(),
            voices: vec!["plain+tcp".into()],
            sessions: 1000,
            outstanding: 1,
            rate: 0.0,
            duration_s: 30.0,
            size: 64,
            groups: 0,
            members: 0,
            seed: 1,
            posters: 0,
            warm_s: 0.0,
            turns: 60,
        },
        machine: Machine { processors: 2, system: "Linux 6.1.0".into(), memory_kib: 25_165_824 },
        phases: Phases { prepare_s: 0.4, ramp_s: 2.0, run_s: 30.0, drain_s: 0.1 },
        counts: Counts {
            sent: 1_350_012,
            acknowledged: 1_350_009,
            refused: 3,
            delivered: 1_350_009,
            logins: 1000,
            errors: [("refused: offline".into(), 3)].into(),
            ..Counts::default()
        },
        rates: Rates { sent: 45_000.5, acknowledged: 45_000.25, delivered: 45_000.25, ..Rates::default() },
        latencies: [
            ("acknowledged".to_owned(), acknowledged),
            ("delivered".to_owned(), delivered),
            ("login".to_owned(), times(3, 30_000.0, 1000).latency()),
        ]
        .into(),
        cpu: Cpu {
            server: Some(usage(12.5, 12.5, 28.0, 0.97)),
            generator: usage(9.75, 9.75, 22.0, 0.74),
            server_hashing_s: 0.0,
            limit: "server".into(),
        },
        memory: Memory {
            server_before_kib: 38_912,
            server_ramped_kib: 40_960,
            server_after_kib: 41_408,
            bytes_per_session: 2097.0,
            generator_kib: 30_720,
        },
        baselines: [("relay".to_owned(), relay(4, 6.5, 380.0)), ("durable".to_owned(), relay(5, 7.75, 420.0))].into(),
        chaos: Vec::new(),
        series: series(1, 30),
        thresholds: Vec::new(),
        notes: vec!["the throw-away server differs from the defaults in: session.max = 20000".into()],
    }
}

/// A server that is killed again and again, and that lost something; with texts that try to be markup.
pub(super) fn chaos() -> Report {
    let mut report = private();
    report.plan.scenario = "mixed".into();
    (report.plan.outstanding, report.plan.turns) = (0, 0);
    report.plan.rate = 2000.0;
    report.plan.voices = vec!["plain+tcp".into(), "binary+ws+tls".into()];
    report.baselines.clear();
    report.counts.lost = 2;
    report.counts.redelivered = 41;
    report.counts.unanswered = 17;
    report.counts.reconnects = 2000;
    report.counts.errors.insert("closed: </script><script>document.title='owned'</script>".into(), 9);
    report.series = series(7, 30);
    for tick in report.series.iter_mut().filter(|tick| [13.0, 23.0].contains(&tick.at_s)) {
        (tick.sessions, tick.delivered, tick.p50_us, tick.p99_us, tick.max_us) =
            (120, 900, 90_000.0, 480_000.0, 900_000.0);
    }
    for at_s in [13.0, 23.0] {
        report.chaos.push(Incident { at_s, what: "killed".into() });
        report.chaos.push(Incident { at_s: at_s + 0.14, what: "ready again after 0.14 s".into() });
        report.chaos.push(Incident { at_s: at_s + 1.2, what: "all sessions are back after 1.2 s".into() });
    }
    report
}

/// Logins at a server on another machine: no messages, no CPU, no memory.
pub(super) fn login_elsewhere() -> Report {
    let mut report = private();
    report.plan.scenario = "login".into();
    report.plan.target = "127.0.0.1:8000".into();
    report.counts = Counts { logins: 5_400, ..Counts::default() };
    report.rates = Rates { logins: 180.0, ..Rates::default() };
    report.latencies.retain(|of, _| of == "login");
    report.cpu.server = None;
    report.cpu.generator = usage(0.0, 0.0, 0.75, 0.03);
    report.cpu.limit = "unknown".into();
    report.memory = Memory { generator_kib: 30_720, ..Memory::default() };
    report.baselines.clear();
    for tick in &mut report.series {
        (tick.sent, tick.acknowledged, tick.delivered) = (0, 0, 0);
        (tick.server_cpu_ms, tick.server_kib) = (0.0, 0);
    }
    report
}

/// The same plan once more, a little faster.
pub(super) fn faster() -> Report {
    let mut report = private();
    report.latencies.insert("delivered".into(), times(12, 600.0, 50_000).latency());
    report.rates.acknowledged = 58_500.0;
    report.rates.delivered = 58_500.0;
    report.cpu.server = Some(usage(9.5, 9.5, 28.0, 0.97));
    report.memory.bytes_per_session = 2100.0;
    for tick in report.series.iter_mut().filter(|tick| tick.phase == Phase::Run) {
        tick.delivered = tick.delivered * 13 / 10;
        tick.acknowledged = tick.acknowledged * 13 / 10;
        (tick.p50_us, tick.p99_us) = (tick.p50_us * 0.75, tick.p99_us * 0.75);
    }
    report
}

//! Tests of the figures' names and places.

use super::{COUNTS, Kind, Metric, PARTS, Part, RATES};
use crate::loadtest::report::{LATENCIES, samples};

#[test]
fn every_name_is_read_and_said_back() {
    let mut names: Vec<String> =
        ["server_cpu_us", "server_cpu_us.delivery", "server_cpu_us.gib", "bytes_per_session", "server_kib"]
            .map(String::from)
            .into_iter()
            .chain(COUNTS.iter().map(|count| count.0.to_owned()))
            .chain(RATES.iter().map(|rate| rate.0.to_owned()))
            .collect();
    for of in LATENCIES {
        names.extend(PARTS.iter().filter(|part| part.0 != "p999").map(|part| format!("{of}.{}", part.0)));
    }
    names.extend(["ratio.relay.server_cpu_us", "ratio.durable.delivered.p99.9", "ratio.relay.rate"].map(String::from));
    for name in names {
        assert_eq!(Metric::parse(&name).map(|metric| metric.to_string()), Some(name));
    }
}

#[test]
fn short_names_mean_the_usual_figure() {
    assert_eq!(Metric::parse("p99"), Some(Metric::Latency { of: "delivered", part: Part::P99 }));
    assert_eq!(Metric::parse("p999"), Metric::parse("p99.9"));
    assert_eq!(Metric::parse("ratio.relay"), Metric::parse("ratio.relay.server_cpu_us"));
    assert_eq!(Metric::parse("ratio.relay").map(|ratio| ratio.kind()), Some(Kind::Ratio));
    for wrong in [
        "",
        "p98",
        "loss",
        "login",
        "login.",
        "logins.p99",
        "ratio",
        "ratio.x",
        "ratio.relay.lost",
        "P99",
        "ratio.relay.ratio.relay",
    ] {
        assert_eq!(Metric::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn figures_are_taken_from_their_places() {
    let report = samples::private();
    let value = |name: &str| Metric::parse(name).unwrap().value(&report);
    assert_eq!(value("p99"), Some(report.latencies["delivered"].p99_us));
    assert_eq!(value("acknowledged.max"), Some(report.latencies["acknowledged"].max_us));
    assert_eq!(value("rate"), Some(report.rates.acknowledged));
    assert_eq!(value("server_kib"), Some(report.memory.server_after_kib as f64 * 1024.0));
    assert_eq!(value("errors"), Some(3.0));
    let relay = &report.baselines["relay"];
    assert_eq!(
        value("ratio.relay"),
        Some(report.cpu.server.as_ref().unwrap().us_per_message / relay.server.us_per_message)
    );
    assert_eq!(value("ratio.relay.rate"), Some(report.rates.acknowledged / relay.rates.acknowledged));
    assert_eq!(
        value("ratio.relay.p99"),
        Some(report.latencies["delivered"].p99_us / relay.latencies["delivered"].p99_us)
    );
}

#[test]
fn what_a_run_does_not_have_is_none_and_says_why() {
    let report = samples::login_elsewhere();
    for (name, why) in [
        ("p99", "no times of `delivered`; it has login"),
        ("server_cpu_us", "runs elsewhere"),
        ("bytes_per_session", "runs elsewhere"),
        ("ratio.relay", "add --baseline relay"),
    ] {
        let metric = Metric::parse(name).unwrap();
        assert_eq!(metric.value(&report), None, "{name}");
        assert!(metric.missing(&report).contains(why), "{name}: {}", metric.missing(&report));
    }
    let mut report = samples::private();
    report.rates.acknowledged = f64::NAN;
    assert_eq!(Metric::parse("rate").unwrap().value(&report), None);
}

#[test]
fn a_count_is_a_share_of_what_could_have_been_one() {
    let mut report = samples::private();
    (report.counts.sent, report.counts.refused) = (1000, 10);
    (report.counts.delivered, report.counts.lost) = (990, 10);
    assert_eq!(Metric::parse("refused").unwrap().share(&report), Some(0.01));
    assert_eq!(Metric::parse("lost").unwrap().share(&report), Some(0.01));
    assert_eq!(Metric::parse("p99").unwrap().share(&report), None);
    report.counts.sent = 0;
    assert_eq!(Metric::parse("refused").unwrap().share(&report), None);
}

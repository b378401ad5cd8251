use super::{Against, Pace, Plan};
use crate::cli::{Cli, Command};
use clap::Parser;
use std::time::Duration;

fn check(words: &str) -> Result<Plan, Vec<String>> {
    let line = format!("hongyan loadtest {words}");
    let Command::Loadtest(options) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else {
        panic!("not a load test")
    };
    Plan::check(&options)
}

fn places(plan: &Plan) -> Vec<String> {
    let Against::Places(places) = &plan.against else { panic!("no places") };
    places.iter().map(|place| format!("{}={} {}", place.voice, place.host, place.port)).collect()
}

#[test]
fn what_is_asked_is_understood() {
    let plan = check("private --self --duration 5m --ramp 500ms --outstanding 16").unwrap();
    assert_eq!((plan.pace, plan.duration, plan.size), (Pace::Closed(16), Duration::from_secs(300), 64));
    assert_eq!(plan.ramp, Duration::from_millis(500));
    assert_eq!(plan.against, Against::Own);
    let plan =
        check("group --self --rate 5 --sessions 9 --groups 2 --chaos restart=10s --dialect binary,plain --link tcp,ws")
            .unwrap();
    assert_eq!((plan.pace, plan.chaos), (Pace::Open(5.0), Some(Duration::from_secs(10))));
    let voices: Vec<String> = plan.voices.iter().map(ToString::to_string).collect();
    assert_eq!(voices, ["binary+tcp", "binary+ws", "plain+tcp", "plain+ws"]);
    assert_eq!(check("file --self --size 1GiB --sessions 2").unwrap().size, 1 << 30);
    let sessions = |words: &str| check(words).unwrap().sessions;
    assert_eq!(
        [sessions("idle --self"), sessions("file --self"), sessions("file --self --sessions 200")],
        [1000, 16, 200]
    );
    assert!(check("file --self --baseline splice,copy").is_ok() && check("group --self --baseline durable").is_ok());
    assert!(check("login --self --dialect framed --reconnect").is_ok());
    assert_eq!(check("idle --self --members --groups 3").unwrap().groups, 3);
}

#[test]
fn addresses_with_and_without_voices() {
    for (words, expected) in [
        ("idle --to example.org", "plain+tcp=example.org 8000"),
        ("idle --to [::1]:8001", "plain+tcp=::1 8001"),
        ("idle --to h --dialect framed,binary", "framed+tcp=h 9000 binary+tcp=h 7100"),
        ("idle --to h --dialect binary", "binary+tcp=h 7100 plain+tcp=h 8000"),
        ("idle --to h:1 --dialect binary,plain --link ws", "binary+ws=h 1 plain+ws=h 1"),
        ("idle --to plain+tcp=h:1 --to binary+ws=h:2 --dialect binary --link ws", "plain+tcp=h 1 binary+ws=h 2"),
        ("idle --to framed+tcp+tls=h:1 --dialect framed --tls", "framed+tcp+tls=h 1"),
    ] {
        assert_eq!(places(&check(words).unwrap()).join(" "), expected, "{words}");
    }
}

#[test]
fn every_contradiction_is_told_with_its_option() {
    for (words, part) in [
        ("private", "--self"),
        ("private --self --sessions 3", "even"),
        ("private --self --sessions 0", "--sessions"),
        ("private --self --duration 0s", "--duration"),
        ("private --self --duration soon", "--duration soon"),
        ("private --self --ramp 5", "--ramp 5"),
        ("private --self --size 1", "--size 1"),
        ("private --self --size 1GiB", "at most 32768"),
        ("private --self --size 2000 --dialect framed", "framed"),
        ("private --self --rate 0", "--rate 0"),
        ("private --self --rate 5 --outstanding 2", "--outstanding"),
        ("private --self --outstanding 0", "--outstanding"),
        ("private --self --groups 2", "--groups is not for private"),
        ("group --self --groups 10 --sessions 19", "20 --sessions"),
        ("group --self --groups 0", "--groups"),
        ("idle --self --rate 5", "--rate is not for idle"),
        ("idle --self --baseline relay", "this is idle"),
        ("file --self --baseline relay", "splice and copy for file"),
        ("private --self --baseline splice", "this is private"),
        ("file --self --sessions 1000", "at most 256"),
        ("mixed --self --outstanding 2", "--outstanding is for private"),
        ("group --self --members", "--members is for idle and login"),
        ("idle --self --groups 2", "--groups is not for idle"),
        ("join --self --groups 9 --sessions 8", "--groups 9"),
        ("join --self --rate 5", "--rate is not for join"),
        ("private --self --reconnect", "--reconnect is for login"),
        ("login --self --dialect plain,framed", "--reconnect"),
        ("private --self --baseline relay --chaos restart=5s", "--chaos"),
        ("private --self --chaos restart=10ms", "at least 1s"),
        ("private --self --chaos explode", "restart=TIME"),
        ("file --self --dialect binary", "plain over tcp"),
        ("mixed --self --sessions 2", "at least 4"),
        ("idle --in-process --tls", "--tls"),
        ("idle --to a:1 --dialect plain,binary", "--to plain+tcp=a:1"),
        ("idle --to plain+tcp=a:1 --dialect framed", "framed+tcp has no address"),
        ("idle --to plain+tcp=a:1 --to plain+tcp=b:1", "already"),
        ("idle --to a:1 --to b:1", "each names its voice"),
        ("idle --to plain+udp=a:1", "udp"),
        ("idle --to latin+tcp=a:1", "DIALECT+LINK"),
        ("idle --to a:0", "HOST:PORT"),
        ("idle --to a:b", "HOST:PORT"),
        ("idle --to http://a:1", "HOST:PORT"),
    ] {
        let lines = check(words).expect_err(words);
        assert!(lines.iter().any(|line| line.contains(part)), "{words}: {lines:?}");
    }
    // All of them at once.
    assert_eq!(check("private --self --sessions 3 --size 1 --duration x").unwrap_err().len(), 4);
}

#[test]
fn sessions_that_do_not_fit_are_told_so() {
    let plan = check("idle --self").unwrap();
    assert!(plan.fits(1000, Some(2000)).is_ok() && plan.fits(1000, None).is_ok());
    assert!(plan.fits(1000, Some(1000)).unwrap_err().contains("ulimit -Hn"));
    assert!(check("idle --in-process").unwrap().fits(1_000_000, Some(1000)).is_ok());
}

//! `hongyan loadtest` through the real binary: every scenario, every voice, chaos, and that it finds what a faulty server does.

mod faulty;
mod tls;

use crate::world::{Server, hongyan};
use serde_json::Value;
use std::process::{Output, Stdio};

/// A run with `--json`: its exit code, its report, and standard error.
fn try_load(words: &str) -> (Option<i32>, Value, String) {
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("report.json");
    let mut command = hongyan();
    command.arg("loadtest").args(words.split_whitespace()).arg("--quiet").arg("--json").arg(&json);
    let Output { status, stderr, .. } = command.stdin(Stdio::null()).output().unwrap();
    let report = std::fs::read(&json).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    (status.code(), report, String::from_utf8(stderr).unwrap())
}

/// A run that succeeds.
fn load(words: &str) -> Value {
    let (code, report, said) = try_load(words);
    assert_eq!(code, Some(0), "{words}: {said}\n{:#}", report["counts"]);
    report
}

fn count(report: &Value, what: &str) -> u64 {
    report["counts"][what].as_u64().unwrap_or_else(|| panic!("no count {what}"))
}

/// Everything was delivered once and in order, and something was.
fn proved(words: &str) -> Value {
    let report = load(words);
    for what in ["lost", "duplicated", "reordered", "ghosts"] {
        assert_eq!(count(&report, what), 0, "{words}: {what}");
    }
    assert!(count(&report, "acknowledged") > 0 && count(&report, "delivered") > 0, "{words}: nothing was sent");
    report
}

fn values(report: &Value, latency: &str) -> u64 {
    report["latencies"][latency]["count"].as_u64().unwrap_or(0)
}

#[test]
fn private_in_every_voice() {
    for dialect in ["plain", "framed", "binary"] {
        for link in ["tcp", "ws"] {
            let report =
                proved(&format!("private --self --sessions 10 --duration 1s --dialect {dialect} --link {link}"));
            let sent = count(&report, "sent");
            assert_eq!((count(&report, "delivered"), count(&report, "unanswered")), (sent, 0), "{dialect} {link}");
            assert_eq!((values(&report, "acknowledged"), values(&report, "delivered")), (sent, sent));
            assert!(report["cpu"]["server"]["us_per_message"].as_f64().unwrap() > 0.0);
        }
    }
}

#[test]
fn all_voices_in_one_run_several_outstanding() {
    let report = proved(
        "private --self --sessions 72 --outstanding 4 --duration 1s --dialect plain,framed,binary --link tcp,ws",
    );
    assert_eq!(report["plan"]["voices"].as_array().unwrap().len(), 6);
}

#[test]
fn every_voice_inside_tls() {
    proved("private --self --sessions 72 --duration 1s --tls --dialect plain,framed,binary --link tcp,ws");
}

#[test]
fn a_paced_run_sends_what_was_due_whatever_happens() {
    let report = proved("private --self --sessions 20 --rate 200 --duration 2s");
    // One at the beginning, and one every five milliseconds.
    assert!((400..=402).contains(&count(&report, "sent")), "{}", report["counts"]);
}

#[test]
fn groups_closed_and_paced_large_and_small() {
    let report = proved("group --self --sessions 20 --duration 1s");
    assert_eq!(count(&report, "delivered"), 19 * count(&report, "acknowledged"));
    assert_eq!(values(&report, "last_delivered"), count(&report, "acknowledged"));
    let report = proved("group --self --sessions 20 --rate 50 --duration 1s");
    assert!(values(&report, "bystander") > 0 && values(&report, "last_delivered") > 0);
    proved("group --self --sessions 24 --groups 4 --rate 100 --duration 1s --dialect plain,framed,binary");
}

#[test]
fn scenarios_without_messages() {
    let report =
        load("idle --self --sessions 30 --duration 1s --ramp 500ms --dialect plain,framed,binary --link tcp,ws");
    assert_eq!((count(&report, "logins"), count(&report, "reconnects")), (30, 0));
    assert!(report["phases"]["ramp_s"].as_f64().unwrap() >= 0.45, "{}", report["phases"]);
    let report = load("login --self --reconnect --sessions 10 --duration 1s --dialect plain,framed,binary");
    assert!(count(&report, "logins") > 20 && values(&report, "login") > 10 && count(&report, "reconnects") > 10);
    let report = load("login --self --members --sessions 10 --duration 1s --dialect plain,binary --link tcp,ws");
    assert!(count(&report, "logins") > 20 && count(&report, "reconnects") == 0, "{}", report["counts"]);
    assert_eq!(report["counts"]["errors"].as_object().unwrap().len(), 0, "{}", report["counts"]);
    let cpu = &report["cpu"];
    let all = cpu["server"]["user_s"].as_f64().unwrap() + cpu["server"]["system_s"].as_f64().unwrap();
    let hashing = cpu["server_hashing_s"].as_f64().unwrap();
    // The sum is told in hundredths of a second.
    assert!(hashing > 0.0 && hashing < all + 0.03, "{cpu:#}");
    let report = load("join --self --sessions 12 --groups 3 --duration 20s --dialect plain,framed,binary");
    assert_eq!((count(&report, "joins"), values(&report, "join")), (33, 33));
    assert!(report["phases"]["run_s"].as_f64().unwrap() < 15.0, "{}", report["phases"]);
    for words in ["", " --rate 50"] {
        let report = load(&format!("presence --self --sessions 17 --duration 1s --dialect plain,framed,binary{words}"));
        assert!(values(&report, "presence") > 0, "{report:#}");
        assert_eq!(count(&report, "sent"), 0);
    }
}

#[test]
fn a_day_with_people_who_come_and_go() {
    let report =
        proved("mixed --self --sessions 40 --rate 300 --duration 3s --dialect plain,framed,binary --link tcp,ws");
    assert!(count(&report, "reconnects") > 0);
}

#[test]
fn files_arrive_whole() {
    let report = load("file --self --sessions 4 --size 1MiB --duration 1s --set relay.settle_ms=10");
    assert!(report["rates"]["file_bytes"].as_f64().unwrap() > 1e6, "{}", report["rates"]);
    assert_eq!(report["counts"]["errors"].as_object().unwrap().len(), 0, "{}", report["counts"]);
}

#[test]
fn files_go_through_bare_relays_as_well() {
    let report = load(
        "file --self --sessions 4 --size 1MiB --duration 1s --set relay.settle_ms=10 --baseline splice,copy --turns 2",
    );
    for name in ["splice", "copy"] {
        let relay = &report["baselines"][name];
        assert!(relay["rates"]["file_bytes"].as_f64().unwrap() > 1e6, "{name}: {relay:#}");
        assert!(relay["server"]["us_per_gib"].as_f64().unwrap() > 0.0, "{name}: {relay:#}");
    }
    let notes = report["notes"].to_string();
    assert!(notes.contains("in 2 turns, the bare relays before, between") && !notes.contains(" times: "), "{notes}");
}

#[test]
fn within_one_process_in_every_dialect() {
    for dialect in ["plain", "framed", "binary"] {
        proved(&format!("private --in-process --sessions 20 --duration 1s --dialect {dialect}"));
    }
}

#[test]
fn a_tool_that_is_killed_leaves_no_server() {
    let mut command = hongyan();
    command.args(["loadtest", "idle", "--self", "--sessions", "2", "--duration", "1h"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = std::io::BufReader::new(child.stderr.take().unwrap());
    assert!(std::io::BufRead::lines(lines).any(|line| line.unwrap().contains(" run ")));
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let server: i32 = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
    // Its folder stays when nobody is left to remove it.
    let words = std::fs::read_to_string(format!("/proc/{server}/cmdline")).unwrap();
    let data = words.split('\0').skip_while(|word| *word != "--data").nth(1).unwrap();
    let folder = std::path::Path::new(data).parent().unwrap().to_owned();
    assert!(folder.file_name().unwrap().to_str().unwrap().starts_with("hongyan-loadtest-"), "{folder:?}");
    let pidfd = rustix::process::pidfd_open(
        rustix::process::Pid::from_raw(server).unwrap(),
        rustix::process::PidfdFlags::empty(),
    )
    .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // A process that has ended makes its descriptor readable.
    let mut ended = [rustix::event::PollFd::new(&pidfd, rustix::event::PollFlags::IN)];
    let patience = rustix::event::Timespec { tv_sec: 20, tv_nsec: 0 };
    assert_eq!(rustix::event::poll(&mut ended, Some(&patience)).unwrap(), 1, "the server still runs");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn nothing_is_lost_while_the_server_is_killed() {
    for words in
        ["private --sessions 20", "private --rate 200 --sessions 20 --dialect binary", "group --sessions 12 --rate 40"]
    {
        let report = proved(&format!("{words} --self --duration 4s --chaos restart=1s"));
        let chaos = report["chaos"].as_array().unwrap();
        let killed = chaos.iter().filter(|incident| incident["what"] == "killed").count();
        assert!(killed >= 2 && chaos.len() == 3 * killed, "{chaos:?}");
        assert!(count(&report, "reconnects") >= killed as u64, "{}", report["counts"]);
    }
}

#[test]
fn the_bare_relays_run_beside_the_server() {
    let report = proved("private --self --sessions 10 --duration 1s --baseline relay,durable --turns 3");
    let paced = proved("private --self --sessions 10 --rate 200 --warm 500ms --duration 1s --baseline relay --turns 2");
    let groups = proved("group --self --sessions 10 --groups 2 --duration 1s --baseline relay");
    let one_post = proved("group --self --sessions 6 --posters 1 --duration 1s --baseline relay --turns 2");
    for (report, name) in
        [(&report, "relay"), (&report, "durable"), (&paced, "relay"), (&groups, "relay"), (&one_post, "relay")]
    {
        let relay = &report["baselines"][name];
        assert!(relay["rates"]["delivered"].as_f64().unwrap() > 0.0, "{name}: {relay:#}");
    }
    // What came while it was warming up is proved, and is not among the times.
    let times = paced["latencies"]["delivered"]["count"].as_u64().unwrap();
    assert!(times > 0 && times < count(&paced, "delivered"), "{times}");
    // A process's time comes in steps of 10 ms, which those that have little to do may not take.
    for (report, name) in [(&report, "relay"), (&report, "durable"), (&groups, "relay")] {
        let relay = &report["baselines"][name];
        assert!(relay["server"]["us_per_delivery"].as_f64().unwrap() > 0.0, "{name}: {relay:#}");
    }
}

#[test]
fn a_server_that_runs_already_and_accounts_that_are_kept() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("accounts");
    let to = format!(
        "--to plain+tcp={} --to framed+tcp={} --accounts {}",
        server.address,
        server.framed_address,
        file.display()
    );
    let lines = || std::fs::read_to_string(&file).unwrap().lines().count();
    // `plain` makes the accounts of `framed`.
    let report = proved(&format!("private {to} --sessions 6 --duration 1s --dialect framed"));
    assert!(report["cpu"]["server"].is_object(), "a server on this machine is measured: {}", report["cpu"]);
    assert_eq!(lines(), 6);
    proved(&format!("private {to} --sessions 8 --duration 1s --dialect plain,framed"));
    assert_eq!(lines(), 8);
    proved(&format!("private {to} --sessions 4 --duration 1s"));
    assert_eq!(lines(), 8);
}

#[test]
fn a_store_is_filled_served_and_read() {
    let dir = tempfile::tempdir().unwrap();
    let large = |data: &std::path::Path| {
        let mut command = hongyan();
        command.args(["loadtest", "--large", "--quiet", "--people", "200", "--messages", "2000", "--data"]).arg(data);
        command.stdin(Stdio::null()).output().unwrap()
    };
    let Output { status, stdout, stderr } = large(&dir.path().join("data"));
    let (said, why) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(0), "{why}");
    // Every figure was measured, whatever it was; and of those that can be missed, a start with next to nothing is not.
    assert!(!said.contains("not measured"), "{said}");
    let starts: Vec<&str> = said.lines().filter(|line| line.contains("until it is ready")).collect();
    assert!(starts.len() == 3 && starts.iter().all(|line| line.ends_with("| reached |")), "{said}");
    // What is there is left alone.
    let again = large(&dir.path().join("data"));
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8(again.stderr).unwrap().contains("there is a database already"));
}

#[test]
fn mistakes_are_told_before_anything_begins() {
    for (words, part) in [
        ("private", "--self"),
        ("private --self --sessions 3", "even"),
        ("private --to 127.0.0.1:1 --dialect plain,binary", "--to plain+tcp="),
        ("private --to 127.0.0.1:1 --tls", "--ca"),
        ("private --to binary+tcp=127.0.0.1:1 --dialect binary", "--to plain+tcp="),
    ] {
        let (code, _, said) = try_load(words);
        assert_eq!(code, Some(2), "{words}: {said}");
        assert!(said.contains(part), "{words}: {said}");
    }
    let (code, _, said) = try_load("private --self --sessions 4 --set session.max=nonsense");
    assert!(code == Some(70) && said.contains("session.max"), "{said}");
}

#[test]
fn a_signal_ends_a_run_early_with_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("report.json");
    let mut command = hongyan();
    command.args(["loadtest", "private", "--self", "--sessions", "10", "--duration", "1h", "--json"]).arg(&json);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = std::io::BufReader::new(child.stderr.take().unwrap());
    // Under load: the signal comes after the first line that says so.
    let mut lines = std::io::BufRead::lines(lines);
    assert!(lines.any(|line| line.unwrap().contains(" run ")));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert!(count(&report, "acknowledged") > 0 && count(&report, "lost") == 0);
    assert!(report["notes"].as_array().unwrap().iter().any(|note| note.as_str().unwrap().contains("signal")));
}

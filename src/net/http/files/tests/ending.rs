//! Transfers over HTTP that fail or stall, and what each side is told.

use super::*;
use std::time::Duration;

/// For tests that wait for a time-out; long enough to connect in on a busy machine.
const SHORT: Duration = Duration::from_secs(1);

#[test]
fn a_browser_that_breaks_off_its_upload_breaks_it() {
    let world = world();
    for sent in [0, 5] {
        let plan = from_web(10);
        let open = world.open(&plan);
        let mut receiver = open.connect(TWO);
        let mut put = world.ask("PUT", &path(&plan.sender), "Content-Length: 10\r\nExpect: 100-continue\r\n");
        // So it has come before it leaves.
        assert_eq!(put.head().status, 100);
        put.write(&b"01234"[..sent]);
        receiver.read_exact(&mut vec![0; sent]).unwrap();
        drop(put);
        assert_eq!(read_all(&mut receiver), b"");
        assert_eq!(open.end(), RelayEnd::Broken);
    }
}

#[test]
fn a_browser_that_only_ends_its_upload_early_breaks_it() {
    let world = world();
    let plan = web_plan(10);
    let open = world.open(&plan);
    let mut put = world.put(&plan.sender, 10);
    put.write(b"01234");
    let mut get = world.get(&plan.receiver);
    let heard = get.head();
    heard.has("content-length: 10");
    put.0.get_ref().shutdown(Shutdown::Write).unwrap();
    // Half a file, and the connection ends before the length that was said: a failed download.
    assert_eq!(read_all(&mut get.0), b"01234");
    assert_eq!(open.end(), RelayEnd::Broken);
}

#[test]
fn a_browser_that_stops_waiting_for_its_file_breaks_it() {
    let world = world();
    let plan = web_plan(10);
    let open = world.open(&plan);
    let get = world.get(&plan.receiver);
    world.until_used(&plan.receiver);
    drop(get);
    assert_eq!(open.end(), RelayEnd::Broken);
    assert_eq!(world.put(&plan.sender, 10).hear().status, 404);
}

#[test]
fn a_browser_that_leaves_its_download_breaks_it_and_the_sender_is_told() {
    let world = world();
    let plan = web_plan(50_000_000);
    let open = world.open(&plan);
    let mut put = world.put(&plan.sender, 50_000_000);
    put.write(b"01234");
    let mut get = world.get(&plan.receiver);
    assert_eq!(get.head().status, 200);
    get.0.read_exact(&mut [0; 5]).unwrap();
    drop(get);
    assert_eq!(put.hear().status, 410);
    assert_eq!(open.end(), RelayEnd::Broken);
}

#[test]
fn a_program_that_fails_before_or_amid_its_bytes_fails_the_download() {
    let world = world();
    let plan = to_web(10);
    let early = world.open(&plan);
    let get = world.get(&plan.receiver);
    world.until_used(&plan.receiver);
    // One byte too many, seen before or after the others are passed on.
    let _sender = early.send(ONE, b"0123456789!");
    let heard = get.hear();
    assert!(heard.status == 410 || b"0123456789".starts_with(&heard.body), "{}", heard.status);
    assert_eq!(early.end(), RelayEnd::Broken);

    let plan = to_web(10);
    let amid = world.open(&plan);
    let sender = amid.send(ONE, b"01234");
    let mut get = world.get(&plan.receiver);
    get.head().has("content-length: 10");
    drop(sender);
    assert_eq!(read_all(&mut get.0), b"01234");
    assert_eq!(amid.end(), RelayEnd::Broken);
}

#[test]
fn a_transfer_that_is_ended_from_outside_is_gone() {
    let world = world();
    let plan = web_plan(10);
    let mut open = world.open(&plan);
    let (put, get) = (world.put(&plan.sender, 10), world.get(&plan.receiver));
    world.until_used(&plan.sender);
    world.until_used(&plan.receiver);
    open.hold = None;
    assert_eq!((put.hear().status, get.hear().status), (410, 410));
    assert_eq!(open.end(), RelayEnd::Broken);
}

#[test]
fn who_waits_in_vain_is_told_so() {
    let world = world();
    let plans = [from_web(10), to_web(10), web_plan(10)].map(|plan| RelayPlan { timeout: SHORT, ..plan });
    let open = plans.each_ref().map(|plan| world.open(plan));
    let [from, to, between] = &plans;
    let mut put = world.put(&from.sender, 10);
    put.write(b"0123456789");
    let waiting = [put, world.get(&to.receiver), world.put(&between.sender, 10), world.get(&between.receiver)];
    for asked in waiting {
        assert_eq!(asked.hear().status, 504);
    }
    for open in open {
        assert_eq!(open.end(), RelayEnd::TimedOut);
    }
}

#[test]
fn a_browser_that_does_not_read_holds_the_sender_back() {
    const LENGTH: usize = 100_000_000;
    let world = world();
    let bytes = file(LENGTH);
    let plan = web_plan(LENGTH as u64);
    let open = world.open(&plan);
    let mut put = world.put(&plan.sender, LENGTH);
    let get = world.get(&plan.receiver);
    // Until nothing has gone for a while: only the system's buffers (some MiB for each of two connections) and the
    // relay's bounded ones are between.
    put.0.get_ref().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut sent = 0;
    while let Ok(written) = put.0.get_mut().write(&bytes[sent..]) {
        sent += written;
    }
    assert!(sent < LENGTH / 2, "{sent} bytes are held");
    put.0.get_ref().set_write_timeout(Some(PATIENCE)).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| put.write(&bytes[sent..]));
        assert!(get.hear().body == bytes, "other bytes");
    });
    assert_eq!(put.hear().status, 200);
    assert_eq!(open.end(), RelayEnd::Complete);
}

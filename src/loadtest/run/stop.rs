//! Being told to end early. Owns: a thread that waits for SIGINT and SIGTERM. Never: ends anything itself.

use crate::signals::Signals;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

type Wake = Box<dyn Fn() + Send>;

#[derive(Default)]
struct Shared {
    asked: AtomicU32,
    waker: Mutex<Option<Wake>>,
}

/// Whether somebody asked for the end.
pub(in crate::loadtest) struct Stop(Arc<Shared>);

impl Stop {
    /// From now on the two signals end the run in order, and no longer the process.
    pub(in crate::loadtest) fn catch() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let told = Arc::clone(&shared);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut signals = {
            let _entered = runtime.enter();
            Signals::catch(None)?
        };
        thread::Builder::new().name("signals".into()).spawn(move || {
            runtime.block_on(async {
                loop {
                    signals.next().await;
                    told.asked.fetch_add(1, Ordering::Relaxed);
                    if let Some(wake) = &*told.waker.lock().unwrap_or_else(PoisonError::into_inner) {
                        wake();
                    }
                }
            });
        })?;
        Ok(Self(shared))
    }

    /// How to wake the engine.
    pub(in crate::loadtest) fn wakes(&self, wake: impl Fn() + Send + 'static) {
        *self.0.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(wake));
    }

    /// Somebody asked.
    pub(in crate::loadtest) fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed) > 0
    }

    /// Somebody asked twice: nothing is waited for any more.
    pub(in crate::loadtest) fn is_urgent(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed) > 1
    }
}

//! Being told to stop. Owns: SIGTERM and SIGINT, and the end of a stream that somebody holds open as long as it lives. Never: decides what a
//! stop is (`serve` does).

use std::io::{self, Read};
use std::thread;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Signals that mean stop. From the moment it exists, they no longer kill the process.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    watched: Option<Watched>,
}

/// A stream whose end means stop.
pub struct Watched {
    name: &'static str,
    ended: io::Result<oneshot::Receiver<()>>,
}

impl Watched {
    /// Standard input. What comes there is thrown away.
    #[must_use]
    pub fn stdin() -> Self {
        Self::new("the end of standard input", io::stdin())
    }

    /// Reads a stream to its end on a thread of its own: it may be a file or a terminal, which no event loop takes. A thread that waits there
    /// keeps no process from ending.
    fn new(name: &'static str, mut stream: impl Read + Send + 'static) -> Self {
        let (tell, ended) = oneshot::channel();
        let begun = thread::Builder::new().name("stdin".into()).spawn(move || {
            // A stream that cannot be read any more has ended as well.
            let _ = io::copy(&mut stream, &mut io::sink());
            // Nobody listens any more when the server stops by itself.
            let _ = tell.send(());
        });
        Self { name, ended: begun.map(|_| ended) }
    }
}

impl Signals {
    /// Starts to catch them; inside a tokio runtime.
    ///
    /// # Errors
    /// The system refuses, or gave no thread to watch with.
    pub fn catch(watched: Option<Watched>) -> io::Result<Self> {
        if let Some(Watched { ended: Err(error), .. }) = watched {
            return Err(error);
        }
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())?, watched })
    }

    /// The next one's name. Cancel-safe: a signal that comes meanwhile is not lost. A stream ends once.
    pub async fn next(&mut self) -> &'static str {
        let watched = &mut self.watched;
        let ended = async {
            match watched.as_mut().and_then(|watched| watched.ended.as_mut().ok()) {
                // An error would mean that the thread is gone, and the stream with it.
                Some(ended) => drop(ended.await),
                None => std::future::pending().await,
            }
        };
        let name = tokio::select! {
            _ = self.terminate.recv() => return "SIGTERM",
            _ = self.interrupt.recv() => return "SIGINT",
            () = ended => self.watched.as_ref().map_or("", |watched| watched.name),
        };
        self.watched = None;
        name
    }
}

#[cfg(test)]
mod tests {
    use super::{Signals, Watched};
    use std::future::{Future, poll_fn};
    use std::io::Write;
    use std::pin::Pin;
    use std::task::Poll;

    async fn poll_once<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
    }

    #[tokio::test]
    async fn the_end_of_a_stream_is_told_once() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut signals = Signals::catch(Some(Watched::new("its end", reader))).unwrap();
        writer.write_all(b"words that mean nothing").unwrap();
        {
            let mut next = std::pin::pin!(signals.next());
            assert!(poll_once(next.as_mut()).await.is_pending());
            drop(writer);
            assert_eq!(next.await, "its end");
        }
        let next = std::pin::pin!(signals.next());
        assert!(poll_once(next).await.is_pending());
    }
}

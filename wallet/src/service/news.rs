//! News of the sequencer: one request waits for them, so that an idle wallet asks for nothing else.
//!
//! A sequencer without news, or one that does not answer, is asked on every turn.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{POLL, Wallet};

/// Longest wait of one request, seconds.
const WAIT_S: u64 = 25;
/// Pause after a request that failed, or that was answered early without news.
const PAUSE: Duration = Duration::from_secs(1);
/// Pause before a sequencer without news is asked for them again.
const LATER: Duration = Duration::from_secs(60);
/// Time after news in which prices are asked for: L1 may show a snapshot a little later than the
/// sequencer, and the wallet adopts it only then.
const PRICES: Duration = Duration::from_secs(10);
/// Time after which everything is read again without news.
const ANYWAY: Duration = Duration::from_secs(60);

/// Memory of whether there is something to read.
#[derive(Debug)]
pub(super) struct Ear {
    /// Whether a request waits for news.
    attentive: AtomicBool,
    batches: AtomicBool,
    messages: AtomicBool,
    times: Mutex<Times>,
}

#[derive(Debug, Default)]
struct Times {
    /// When batches were read last.
    read: Option<Duration>,
    /// Until when prices are asked for.
    prices: Duration,
}

impl Default for Ear {
    fn default() -> Self {
        Self {
            attentive: AtomicBool::new(false),
            batches: AtomicBool::new(true),
            messages: AtomicBool::new(true),
            times: Mutex::default(),
        }
    }
}

impl Ear {
    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        self.times.lock().expect("no holder of this lock panics")
    }

    /// Notes news.
    fn heard(&self, now: Duration) {
        self.batches.store(true, Ordering::SeqCst);
        self.messages.store(true, Ordering::SeqCst);
        self.times().prices = now + PRICES;
    }

    /// Notes that what was to be read was not read.
    pub(super) fn missed(&self) {
        self.batches.store(true, Ordering::SeqCst);
    }

    /// Notes that messages were not read.
    pub(super) fn missed_messages(&self) {
        self.messages.store(true, Ordering::SeqCst);
    }

    /// Whether there may be batches to read. Whoever asks reads them.
    pub(super) fn batches(&self, now: Duration) -> bool {
        let news = self.batches.swap(false, Ordering::SeqCst);
        let read = self.times().read;
        let late = read.is_none_or(|read| now.saturating_sub(read) >= ANYWAY);
        let due = news || late || !self.attentive.load(Ordering::SeqCst);
        if due {
            self.times().read = Some(now);
        }
        due
    }

    /// Whether there may be another price snapshot.
    pub(super) fn prices(&self, now: Duration, batches: bool) -> bool {
        batches || now < self.times().prices
    }

    /// Whether there may be messages to read. Whoever asks reads them.
    pub(super) fn messages(&self) -> bool {
        self.messages.swap(false, Ordering::SeqCst) || !self.attentive.load(Ordering::SeqCst)
    }
}

impl Wallet {
    /// Waits for news of the sequencer, again and again, until cancelled.
    pub(super) async fn listen(self: Arc<Self>, stop: CancellationToken) {
        let mut known = None;
        loop {
            let asked = self.clock.now();
            let news = tokio::select! {
                () = stop.cancelled() => return,
                news = self.client.news(known.as_deref(), WAIT_S) => news,
            };
            let pause = match news {
                Ok(Some(version)) => {
                    let heard = known.as_ref() != Some(&version);
                    if heard {
                        self.ear.heard(self.clock.now());
                        known = Some(version);
                    }
                    self.ear.attentive.store(true, Ordering::SeqCst);
                    let waited = self.clock.now().saturating_sub(asked);
                    if heard {
                        self.wake.notify_one();
                        self.mail.notify_one();
                        POLL
                    } else if waited < Duration::from_secs(WAIT_S) / 2 {
                        PAUSE
                    } else {
                        continue;
                    }
                }
                Ok(None) => {
                    self.ear.attentive.store(false, Ordering::SeqCst);
                    LATER
                }
                Err(_) => {
                    // The turn that fails for the same reason says so.
                    self.ear.attentive.store(false, Ordering::SeqCst);
                    known = None;
                    PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(pause) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Before, a wallet read its last batch and its mailbox four times a second, and prices once.
    #[test]
    fn only_news_are_read_while_it_listens() {
        let ear = Ear::default();
        let at = Duration::from_secs;
        assert!(
            ear.batches(at(0)) && ear.messages(),
            "at first everything is read"
        );
        assert!(ear.batches(at(0)) && ear.messages(), "nobody listens yet");
        ear.attentive.store(true, Ordering::SeqCst);
        assert!(!ear.batches(at(1)) && !ear.messages() && !ear.prices(at(1), false));
        ear.heard(at(2));
        assert!(ear.batches(at(2)) && ear.messages() && ear.prices(at(11), false));
        assert!(!ear.batches(at(3)) && !ear.messages() && !ear.prices(at(12), false));
        ear.missed();
        assert!(ear.batches(at(4)) && !ear.messages());
        ear.missed_messages();
        assert!(ear.messages());
        assert!(
            !ear.batches(at(63)) && ear.batches(at(64)),
            "everything is read anyway"
        );
    }
}

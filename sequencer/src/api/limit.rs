//! Request rates: token buckets, one for all peers together and one for each peer address.

use std::{collections::HashMap, net::IpAddr, sync::Mutex, time::Duration};

use crate::peer::network;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    /// The clock's time of the last refill.
    seen: Duration,
}

impl Bucket {
    fn full(burst: f64, now: Duration) -> Self {
        Self {
            tokens: burst,
            seen: now,
        }
    }

    fn refill(&mut self, rate: Rate, now: Duration) {
        let elapsed = now.saturating_sub(self.seen).as_secs_f64();
        self.tokens = (self.tokens + elapsed * rate.per_second).min(rate.burst);
        self.seen = now;
    }
}

#[derive(Debug)]
struct Buckets {
    global: Bucket,
    peers: HashMap<IpAddr, Bucket>,
}

/// A rate of requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    per_second: f64,
    burst: f64,
}

impl Rate {
    /// The rate that does not limit.
    pub(crate) const OFF: Self = Self {
        per_second: 0.0,
        burst: 0.0,
    };

    /// Makes a rate of `per_second` requests a second, and `burst` at once after a pause. 0 a
    /// second does not limit.
    pub(crate) fn new(per_second: u32, burst: f64) -> Self {
        Self {
            per_second: f64::from(per_second),
            burst,
        }
    }

    /// Makes a rate of `per_second` requests a second, of which those of `seconds` seconds may come
    /// at once.
    pub(crate) fn over(per_second: u32, seconds: f64) -> Self {
        Self::new(per_second, f64::from(per_second) * seconds)
    }

    fn limits(self) -> bool {
        self.per_second > 0.0
    }
}

/// Limits the requests of each peer and of all peers together.
#[derive(Debug)]
pub(crate) struct Limiter {
    global: Rate,
    peer: Rate,
    capacity: usize,
    buckets: Mutex<Buckets>,
}

impl Limiter {
    /// Makes a limiter that remembers at most `peers` peers.
    pub(crate) fn new(global: Rate, peer: Rate, peers: usize, now: Duration) -> Self {
        Self {
            global,
            peer,
            capacity: peers.max(1),
            buckets: Mutex::new(Buckets {
                global: Bucket::full(global.burst, now),
                peers: HashMap::new(),
            }),
        }
    }

    /// Whether a request of `peer` may pass at the clock's time `now`.
    pub(crate) fn allow(&self, peer: IpAddr, now: Duration) -> bool {
        let peer = network(peer);
        let mut buckets = self.buckets.lock().expect("no holder of this lock panics");
        if self.peer.limits() {
            if !buckets.peers.contains_key(&peer) && buckets.peers.len() >= self.capacity {
                self.forget(&mut buckets, now);
            }
            let bucket = buckets
                .peers
                .entry(peer)
                .or_insert_with(|| Bucket::full(self.peer.burst, now));
            bucket.refill(self.peer, now);
            if bucket.tokens < 1.0 {
                return false;
            }
        }
        if self.global.limits() {
            buckets.global.refill(self.global, now);
            if buckets.global.tokens < 1.0 {
                return false;
            }
            buckets.global.tokens -= 1.0;
        }
        if self.peer.limits()
            && let Some(bucket) = buckets.peers.get_mut(&peer)
        {
            bucket.tokens -= 1.0;
        }
        true
    }

    /// Has a request of `peer` that has passed count as `more` further ones. The peer may fall into
    /// debt by at most a burst.
    pub(crate) fn charge(&self, peer: IpAddr, more: u32, now: Duration) {
        if !self.peer.limits() {
            return;
        }
        let mut buckets = self.buckets.lock().expect("no holder of this lock panics");
        if let Some(bucket) = buckets.peers.get_mut(&network(peer)) {
            bucket.refill(self.peer, now);
            bucket.tokens = (bucket.tokens - f64::from(more)).max(-self.peer.burst);
        }
    }

    /// Forgets the peers whose buckets are full again. If half of the places are still taken then,
    /// forgets the peers that were unseen for the longest time, so that newcomers do not make it
    /// look at all peers each time.
    fn forget(&self, buckets: &mut Buckets, now: Duration) {
        // From the deepest debt.
        let seconds = 2.0 * self.peer.burst / self.peer.per_second;
        let peers = &mut buckets.peers;
        peers.retain(|_, bucket| now.saturating_sub(bucket.seen).as_secs_f64() < seconds);
        let keep = self.capacity / 2;
        if peers.len() > keep {
            let mut seen: Vec<Duration> = peers.values().map(|bucket| bucket.seen).collect();
            let place = (seen.len() - keep).min(seen.len() - 1);
            let (_, newest_forgotten, _) = seen.select_nth_unstable(place);
            let newest_forgotten = *newest_forgotten;
            peers.retain(|_, bucket| bucket.seen > newest_forgotten);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    fn limiter(global_rate: u32, peer_rate: u32, peers: usize) -> Limiter {
        Limiter::new(
            Rate::over(global_rate, 1.0),
            Rate::over(peer_rate, 1.0),
            peers,
            NOW,
        )
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn a_peer_is_limited_and_recovers() {
        let limiter = limiter(0, 2, 10);
        let now = NOW;
        assert!(limiter.allow(peer(1), now));
        assert!(limiter.allow(peer(1), now));
        assert!(!limiter.allow(peer(1), now));
        assert!(limiter.allow(peer(2), now));
        assert!(limiter.allow(peer(1), now + Duration::from_millis(600)));
        assert!(!limiter.allow(peer(1), now + Duration::from_millis(600)));
    }

    #[test]
    fn all_together_are_limited() {
        let limiter = limiter(3, 2, 10);
        let now = NOW;
        assert!(limiter.allow(peer(1), now));
        assert!(limiter.allow(peer(2), now));
        assert!(limiter.allow(peer(3), now));
        assert!(!limiter.allow(peer(4), now));
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = limiter(0, 1, 3);
        let now = NOW;
        for last in 0..200 {
            assert!(limiter.allow(peer(last), now + Duration::from_millis(u64::from(last))));
        }
        assert!(limiter.buckets.lock().unwrap().peers.len() <= 3);
    }

    #[test]
    fn a_burst_is_not_a_rate() {
        let limiter = Limiter::new(Rate::OFF, Rate::new(2, 10.0), 10, NOW);
        let now = NOW;
        let passed = |now| (0..20).filter(|_| limiter.allow(peer(1), now)).count();
        assert_eq!(passed(now), 10);
        assert_eq!(passed(now + Duration::from_secs(2)), 4);
        assert_eq!(passed(now + Duration::from_secs(60)), 10);
    }

    // Before, an invalid submission cost its sender as little as a valid one.
    #[test]
    fn a_charge_is_paid_off_in_time() {
        let limiter = Limiter::new(Rate::OFF, Rate::new(10, 20.0), 10, NOW);
        assert!(limiter.allow(peer(1), NOW));
        limiter.charge(peer(1), 1_000, NOW);
        limiter.charge(peer(1), 1_000, NOW);
        assert!(!limiter.allow(peer(1), NOW + Duration::from_secs(2)));
        assert!(limiter.allow(peer(1), NOW + Duration::from_millis(2_200)));
        assert!(limiter.allow(peer(2), NOW));
    }

    // Before, each new peer beyond the capacity made the limiter look at all peers.
    #[test]
    fn newcomers_rarely_make_it_look_at_all_peers() {
        let limiter = limiter(0, 1, 1_000);
        let mut looks = 0;
        let mut known = 0;
        for count in 0..10_000u32 {
            let peer = IpAddr::from((u32::from_be_bytes([10, 0, 0, 0]) + count).to_be_bytes());
            limiter.allow(peer, NOW + Duration::from_micros(u64::from(count)));
            let now = limiter.buckets.lock().unwrap().peers.len();
            looks += u32::from(now <= known);
            known = now;
        }
        assert!(known <= 1_000 && looks <= 20, "{looks} looks");
    }
}

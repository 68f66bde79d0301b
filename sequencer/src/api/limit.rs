//! Request rates: token buckets, one for everybody together and one for each peer address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Instant;

use crate::config::HttpConfig;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    seen: Instant,
}

impl Bucket {
    fn full(burst: f64, now: Instant) -> Self {
        Self {
            tokens: burst,
            seen: now,
        }
    }

    fn refill(&mut self, rate: f64, burst: f64, now: Instant) {
        let elapsed = now.saturating_duration_since(self.seen).as_secs_f64();
        self.tokens = (self.tokens + elapsed * rate).min(burst);
        self.seen = now;
    }
}

#[derive(Debug)]
struct Buckets {
    global: Bucket,
    peers: HashMap<IpAddr, Bucket>,
}

/// The limiter.
#[derive(Debug)]
pub(crate) struct Limiter {
    global_rate: f64,
    peer_rate: f64,
    burst_s: f64,
    capacity: usize,
    buckets: Mutex<Buckets>,
}

impl Limiter {
    pub(crate) fn new(config: &HttpConfig) -> Self {
        let burst_s = f64::from(config.burst_s.max(1));
        let global_rate = f64::from(config.global_rate);
        Self {
            global_rate,
            peer_rate: f64::from(config.peer_rate),
            burst_s,
            capacity: config.peers.max(1),
            buckets: Mutex::new(Buckets {
                global: Bucket::full(global_rate * burst_s, Instant::now()),
                peers: HashMap::new(),
            }),
        }
    }

    /// Whether a request of `peer` may pass now. A rate of 0 does not limit.
    pub(crate) fn allow(&self, peer: IpAddr, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().expect("no holder of this lock panics");
        if self.peer_rate > 0.0 {
            let burst = self.peer_rate * self.burst_s;
            if !buckets.peers.contains_key(&peer) && buckets.peers.len() >= self.capacity {
                self.forget(&mut buckets, now);
            }
            let bucket = buckets
                .peers
                .entry(peer)
                .or_insert_with(|| Bucket::full(burst, now));
            bucket.refill(self.peer_rate, burst, now);
            if bucket.tokens < 1.0 {
                return false;
            }
        }
        if self.global_rate > 0.0 {
            let burst = self.global_rate * self.burst_s;
            buckets.global.refill(self.global_rate, burst, now);
            if buckets.global.tokens < 1.0 {
                return false;
            }
            buckets.global.tokens -= 1.0;
        }
        if self.peer_rate > 0.0
            && let Some(bucket) = buckets.peers.get_mut(&peer)
        {
            bucket.tokens -= 1.0;
        }
        true
    }

    /// Forgets peers whose bucket is full again by now, and the longest unseen if there are none.
    fn forget(&self, buckets: &mut Buckets, now: Instant) {
        let burst_s = self.burst_s;
        buckets
            .peers
            .retain(|_, bucket| now.saturating_duration_since(bucket.seen).as_secs_f64() < burst_s);
        if buckets.peers.len() >= self.capacity {
            let oldest = buckets.peers.iter().min_by_key(|(_, bucket)| bucket.seen);
            if let Some(peer) = oldest.map(|(peer, _)| *peer) {
                buckets.peers.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limiter(global_rate: u32, peer_rate: u32, peers: usize) -> Limiter {
        Limiter::new(&HttpConfig {
            global_rate,
            peer_rate,
            burst_s: 1,
            peers,
            ..HttpConfig::default()
        })
    }

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn a_peer_is_limited_and_recovers() {
        let limiter = limiter(0, 2, 10);
        let now = Instant::now();
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
        let now = Instant::now();
        assert!(limiter.allow(peer(1), now));
        assert!(limiter.allow(peer(2), now));
        assert!(limiter.allow(peer(3), now));
        assert!(!limiter.allow(peer(4), now));
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = limiter(0, 1, 3);
        let now = Instant::now();
        for last in 0..200 {
            assert!(limiter.allow(peer(last), now + Duration::from_millis(u64::from(last))));
        }
        assert!(limiter.buckets.lock().unwrap().peers.len() <= 3);
    }
}

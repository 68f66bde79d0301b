//! Request rates: token buckets, one for everybody together and one for each peer address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Instant;

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

    fn refill(&mut self, rate: Rate, now: Instant) {
        let elapsed = now.saturating_duration_since(self.seen).as_secs_f64();
        self.tokens = (self.tokens + elapsed * rate.per_second).min(rate.burst);
        self.seen = now;
    }
}

#[derive(Debug)]
struct Buckets {
    global: Bucket,
    peers: HashMap<IpAddr, Bucket>,
}

/// How much may pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    per_second: f64,
    burst: f64,
}

impl Rate {
    /// Does not limit.
    pub(crate) const OFF: Self = Self {
        per_second: 0.0,
        burst: 0.0,
    };

    /// So many a second, and so many at once after a pause; 0 a second does not limit.
    pub(crate) fn new(per_second: u32, burst: f64) -> Self {
        Self {
            per_second: f64::from(per_second),
            burst,
        }
    }

    /// So many a second, of which this many seconds' worth may be used at once.
    pub(crate) fn over(per_second: u32, seconds: f64) -> Self {
        Self::new(per_second, f64::from(per_second) * seconds)
    }

    fn limits(self) -> bool {
        self.per_second > 0.0
    }
}

/// The limiter.
#[derive(Debug)]
pub(crate) struct Limiter {
    global: Rate,
    peer: Rate,
    capacity: usize,
    buckets: Mutex<Buckets>,
}

/// Whom an address stands for: itself, or in IPv6 its /64, of which one host has all addresses.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let mut segments = v6.segments();
            segments[4..].fill(0);
            IpAddr::from(segments)
        }
        v4 => v4,
    }
}

impl Limiter {
    /// A limiter that remembers so many peers.
    pub(crate) fn new(global: Rate, peer: Rate, peers: usize) -> Self {
        Self {
            global,
            peer,
            capacity: peers.max(1),
            buckets: Mutex::new(Buckets {
                global: Bucket::full(global.burst, Instant::now()),
                peers: HashMap::new(),
            }),
        }
    }

    /// Whether a request of `peer` may pass now. A rate of 0 does not limit.
    pub(crate) fn allow(&self, peer: IpAddr, now: Instant) -> bool {
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

    /// Forgets peers whose bucket is full again by now, and the longest unseen if there are none.
    fn forget(&self, buckets: &mut Buckets, now: Instant) {
        let seconds = self.peer.burst / self.peer.per_second;
        buckets
            .peers
            .retain(|_, bucket| now.saturating_duration_since(bucket.seen).as_secs_f64() < seconds);
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
        Limiter::new(
            Rate::over(global_rate, 1.0),
            Rate::over(peer_rate, 1.0),
            peers,
        )
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

    #[test]
    fn a_burst_is_not_a_rate() {
        let limiter = Limiter::new(Rate::OFF, Rate::new(2, 10.0), 10);
        let now = Instant::now();
        let passed = |now| (0..20).filter(|_| limiter.allow(peer(1), now)).count();
        assert_eq!(passed(now), 10);
        assert_eq!(passed(now + Duration::from_secs(2)), 4);
        assert_eq!(passed(now + Duration::from_secs(60)), 10);
    }

    #[test]
    fn a_host_is_one_peer_whatever_address_it_takes() {
        let limiter = limiter(0, 1, 10);
        let now = Instant::now();
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(limiter.allow(v6("2001:db8::1"), now));
        assert!(!limiter.allow(v6("2001:db8::ffff:2"), now));
        assert!(limiter.allow(v6("2001:db8:0:1::1"), now));
        assert!(limiter.allow(peer(1), now));
        assert!(!limiter.allow(v6("::ffff:10.0.0.1"), now));
    }
}

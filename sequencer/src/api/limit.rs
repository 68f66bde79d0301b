//! Request rates: token buckets, one for all peers together, one for each peer address and one for
//! each IPv6 /48.

use std::{collections::HashMap, net::IpAddr, sync::Mutex, time::Duration};

use crate::peer::{OF_SITE, network, site};

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
    sites: HashMap<IpAddr, Bucket>,
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

    /// Returns this rate, `count` times.
    fn times(self, count: u16) -> Self {
        Self {
            per_second: self.per_second * f64::from(count),
            burst: self.burst * f64::from(count),
        }
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
    site: Rate,
    capacity: usize,
    buckets: Mutex<Buckets>,
}

impl Limiter {
    /// Makes a limiter that remembers at most `peers` peers.
    pub(crate) fn new(global: Rate, peer: Rate, peers: usize, now: Duration) -> Self {
        Self {
            global,
            peer,
            site: peer.times(OF_SITE),
            capacity: peers.max(1),
            buckets: Mutex::new(Buckets {
                global: Bucket::full(global.burst, now),
                peers: HashMap::new(),
                sites: HashMap::new(),
            }),
        }
    }

    /// Whether a request of `peer` may pass at the clock's time `now`. A peer whose own bucket is
    /// more than half full passes when all together have used up theirs: a few that ask as much as
    /// they may keep nobody out.
    pub(crate) fn allow(&self, peer: IpAddr, now: Duration) -> bool {
        let (peer, site) = (network(peer), site(peer));
        let mut buckets = self.buckets.lock().expect("no holder of this lock panics");
        let mut calm = false;
        if self.peer.limits() {
            let tokens = self.tokens(&mut buckets.peers, peer, self.peer, now);
            calm = tokens > self.peer.burst / 2.0;
            let all = site.map(|site| self.tokens(&mut buckets.sites, site, self.site, now));
            if tokens < 1.0 || all.is_some_and(|all| all < 1.0) {
                return false;
            }
        }
        if self.global.limits() {
            buckets.global.refill(self.global, now);
            if buckets.global.tokens >= 1.0 {
                buckets.global.tokens -= 1.0;
            } else if !calm {
                return false;
            }
        }
        if let Some(bucket) = buckets.peers.get_mut(&peer) {
            bucket.tokens -= 1.0;
        }
        if let Some(bucket) = site.and_then(|site| buckets.sites.get_mut(&site)) {
            bucket.tokens -= 1.0;
        }
        true
    }

    /// Returns the tokens in a bucket, a full one if it is new.
    fn tokens(
        &self,
        buckets: &mut HashMap<IpAddr, Bucket>,
        of: IpAddr,
        rate: Rate,
        now: Duration,
    ) -> f64 {
        if !buckets.contains_key(&of) && buckets.len() >= self.capacity {
            self.forget(buckets, rate, now);
        }
        let bucket = buckets
            .entry(of)
            .or_insert_with(|| Bucket::full(rate.burst, now));
        bucket.refill(rate, now);
        bucket.tokens
    }

    /// Has a request of `peer` that has passed count as `more` further ones. The peer may fall into
    /// debt by at most a burst.
    pub(crate) fn charge(&self, peer: IpAddr, more: u32, now: Duration) {
        if !self.peer.limits() {
            return;
        }
        let mut buckets = self.buckets.lock().expect("no holder of this lock panics");
        let charge = |bucket: &mut Bucket, rate: Rate| {
            bucket.refill(rate, now);
            bucket.tokens = (bucket.tokens - f64::from(more)).max(-rate.burst);
        };
        if let Some(bucket) = buckets.peers.get_mut(&network(peer)) {
            charge(bucket, self.peer);
        }
        if let Some(bucket) = site(peer).and_then(|site| buckets.sites.get_mut(&site)) {
            charge(bucket, self.site);
        }
    }

    /// Forgets the buckets that are full again. If half of the places are still taken then, forgets
    /// those that were unseen for the longest time, so that newcomers do not make it look at all of
    /// them each time.
    fn forget(&self, buckets: &mut HashMap<IpAddr, Bucket>, rate: Rate, now: Duration) {
        // From the deepest debt.
        let seconds = 2.0 * rate.burst / rate.per_second;
        buckets.retain(|_, bucket| now.saturating_sub(bucket.seen).as_secs_f64() < seconds);
        let keep = self.capacity / 2;
        if buckets.len() > keep {
            let mut seen: Vec<Duration> = buckets.values().map(|bucket| bucket.seen).collect();
            let place = (seen.len() - keep).min(seen.len() - 1);
            let (_, newest_forgotten, _) = seen.select_nth_unstable(place);
            let newest_forgotten = *newest_forgotten;
            buckets.retain(|_, bucket| bucket.seen > newest_forgotten);
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
        assert!(!limiter.allow(peer(1), now));
        assert!(!limiter.allow(peer(2), now));
        // Before, those who asked as much as they could shut everybody else out.
        assert!(limiter.allow(peer(4), now));
        assert!(!limiter.allow(peer(4), now));
    }

    // Before, whoever held a /48 had the rate of 65,536 peers.
    #[test]
    fn the_networks_of_a_site_are_limited_together() {
        let limiter = limiter(0, 2, 100);
        let of = |site: u16, network: u16| {
            IpAddr::from([0x2001, 0xdb8, site, network, 0, 0, 0, network])
        };
        let passed = (0..100).filter(|network| limiter.allow(of(1, *network), NOW));
        assert_eq!(passed.count(), 16);
        assert!(limiter.allow(of(2, 0), NOW));
        limiter.charge(of(2, 0), 1_000, NOW);
        assert!(
            !limiter.allow(of(2, 1), NOW),
            "a charge counts for its site"
        );
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

//! Things of which there is a bounded number, in all and for each peer: connections, streams.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use crate::peer::{OF_SITE, network, site};

const POISON: &str = "no holder of this lock panics";

/// Counts what each peer holds.
#[derive(Debug)]
pub(crate) struct Shares {
    most: usize,
    of_one: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    peers: HashMap<IpAddr, usize>,
    sites: HashMap<IpAddr, usize>,
}

impl Shares {
    /// Makes `most` shares, of which one peer gets at most `of_one`.
    pub(crate) fn new(most: usize, of_one: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            of_one,
            held: Mutex::default(),
        })
    }

    /// Gives a peer a share, unless it, its IPv6 /48 or all together have their most.
    pub(crate) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Share> {
        let (peer, site) = (network(peer), site(peer));
        let mut held = self.held.lock().expect(POISON);
        let of_site = self.of_one.saturating_mul(usize::from(OF_SITE));
        let has = |shares: &HashMap<IpAddr, usize>, of: &IpAddr, most: usize| {
            shares.get(of).is_some_and(|count| *count >= most)
        };
        if held.all >= self.most
            || has(&held.peers, &peer, self.of_one)
            || site.is_some_and(|site| has(&held.sites, &site, of_site))
        {
            return None;
        }
        held.all += 1;
        *held.peers.entry(peer).or_default() += 1;
        if let Some(site) = site {
            *held.sites.entry(site).or_default() += 1;
        }
        Some(Share {
            of: self.clone(),
            peer,
        })
    }

    /// Returns the number of shares of a peer.
    pub(super) fn of(&self, peer: IpAddr) -> usize {
        let held = self.held.lock().expect(POISON);
        held.peers.get(&network(peer)).copied().unwrap_or(0)
    }
}

/// A peer's share. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<Shares>,
    peer: IpAddr,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.of.held.lock().expect(POISON);
        held.all -= 1;
        give_back(&mut held.peers, self.peer);
        if let Some(site) = site(self.peer) {
            give_back(&mut held.sites, site);
        }
    }
}

fn give_back(shares: &mut HashMap<IpAddr, usize>, of: IpAddr) {
    if let Some(count) = shares.get_mut(&of) {
        *count -= 1;
        if *count == 0 {
            shares.remove(&of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Before, one peer could take all streams.
    #[test]
    fn one_peer_leaves_shares_for_others() {
        let shares = Shares::new(3, 2);
        let peer = |last| IpAddr::from([10, 0, 0, last]);
        let first = shares.take(peer(1)).unwrap();
        let _second = shares.take(peer(1)).unwrap();
        assert!(shares.take(peer(1)).is_none());
        let third = shares.take(peer(2)).unwrap();
        assert!(shares.take(peer(3)).is_none(), "all are taken");
        drop(third);
        assert!(shares.take(peer(1)).is_none());
        drop(first);
        assert!(shares.take(peer(1)).is_some());
        assert_eq!(
            shares.held.lock().unwrap().peers.len(),
            1,
            "no peer without a share is kept"
        );
    }

    // Before, whoever held a /48 had the shares of 65,536 peers.
    #[test]
    fn the_networks_of_a_site_share() {
        let shares = Shares::new(100, 2);
        let of = |network| IpAddr::from([0x2001, 0xdb8, 1, network, 0, 0, 0, 1]);
        let held: Vec<_> = (0..50)
            .filter_map(|network| shares.take(of(network)))
            .collect();
        assert_eq!(held.len(), 16);
        drop(held);
        assert!(shares.held.lock().unwrap().sites.is_empty());
    }
}

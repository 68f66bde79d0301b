//! Things of which there is a bounded number, in all and for each peer: connections, streams.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use crate::peer::network;

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

    /// Gives a peer a share, unless it or all together have their most.
    pub(crate) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Share> {
        let peer = network(peer);
        let mut held = self.held.lock().expect(POISON);
        if held.all >= self.most || held.peers.get(&peer).is_some_and(|n| *n >= self.of_one) {
            return None;
        }
        held.all += 1;
        *held.peers.entry(peer).or_default() += 1;
        Some(Share {
            of: self.clone(),
            peer,
        })
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
        if let Some(count) = held.peers.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                held.peers.remove(&self.peer);
            }
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
}

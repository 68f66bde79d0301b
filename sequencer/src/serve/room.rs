//! Room for connections. When it is full, the connection that has been silent for the longest time
//! makes room: whoever opens connections and says nothing keeps nobody out. When all have sent a
//! request, one without a request at present makes room: of the peer with the most connections, the
//! one that has been idle for the longest time.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio_util::sync::CancellationToken;

use super::shares::{Share, Shares};

const POISON: &str = "no holder of this lock panics";

/// Room for a bounded number of connections.
#[derive(Debug)]
pub(crate) struct Room {
    most: usize,
    peers: Arc<Shares>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    held: usize,
    /// Connections that have sent no request, in the order of their opening.
    silent: BTreeMap<u64, CancellationToken>,
    /// Connections that wait for their next request, with the count at the end of their last.
    idle: HashMap<u64, Idle>,
    /// Connections that had to leave and have not left yet.
    leaving: HashSet<u64>,
}

/// A connection between two requests.
#[derive(Debug)]
struct Idle {
    peer: IpAddr,
    since: u64,
    leave: CancellationToken,
}

impl Room {
    /// Makes room for `most` connections, of which one peer gets at most `of_one`.
    pub(crate) fn new(most: usize, of_one: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            peers: Shares::new(usize::MAX, of_one),
            inner: Mutex::default(),
        })
    }

    /// Takes a connection in. Returns nothing if each connection in the full room has a request
    /// that is being answered.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut inner = self.inner.lock().expect(POISON);
        if inner.held >= self.most {
            let silent = inner.silent.pop_first();
            let (oldest, leave) = silent.or_else(|| self.idlest(&mut inner))?;
            leave.cancel();
            inner.leaving.insert(oldest);
            inner.held -= 1;
        }
        inner.held += 1;
        let id = inner.next;
        inner.next += 1;
        let leave = CancellationToken::new();
        inner.silent.insert(id, leave.clone());
        Some(Place {
            room: self.clone(),
            id,
            leave,
            spoke: AtomicBool::new(false),
        })
    }

    /// Takes the longest idle connection of the peer with the most connections out of the idle
    /// ones.
    fn idlest(&self, inner: &mut Inner) -> Option<(u64, CancellationToken)> {
        let idle = inner.idle.iter();
        let (id, _) = idle.min_by_key(|(_, idle)| {
            let others = usize::MAX - self.peers.of(idle.peer);
            (others, idle.since)
        })?;
        let id = *id;
        inner.idle.remove(&id).map(|idle| (id, idle.leave))
    }

    /// Counts a connection for its peer. Returns nothing if the peer has its most.
    pub(crate) fn share(&self, peer: IpAddr) -> Option<Share> {
        self.peers.take(peer)
    }
}

/// The place of one connection. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Place {
    room: Arc<Room>,
    id: u64,
    leave: CancellationToken,
    spoke: AtomicBool,
}

impl Place {
    /// Notes that the connection has sent a request.
    pub(crate) fn heard(&self) {
        let mut inner = self.room.inner.lock().expect(POISON);
        if !self.spoke.swap(true, Ordering::Relaxed) {
            inner.silent.remove(&self.id);
        }
        inner.idle.remove(&self.id);
    }

    /// Notes that the peer's request is answered.
    pub(crate) fn answered(&self, peer: IpAddr) {
        let mut inner = self.room.inner.lock().expect(POISON);
        if inner.leaving.contains(&self.id) {
            return;
        }
        let since = inner.next;
        inner.next += 1;
        let leave = self.leave.clone();
        inner.idle.insert(self.id, Idle { peer, since, leave });
    }

    /// Returns the token that is cancelled when the connection has to leave.
    pub(crate) fn leave(&self) -> CancellationToken {
        self.leave.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.room.inner.lock().expect(POISON);
        if !inner.leaving.remove(&self.id) {
            inner.silent.remove(&self.id);
            inner.held -= 1;
        }
        inner.idle.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Before, nothing bounded connections. A bound that refuses newcomers would let silent
    // connections keep everybody out.
    #[test]
    fn the_oldest_silent_connection_makes_room() {
        let room = Room::new(3, 9);
        let busy = room.enter().unwrap();
        busy.heard();
        let oldest = room.enter().unwrap();
        let newer = room.enter().unwrap();
        let fourth = room.enter().unwrap();
        let leaves = |place: &Place| place.leave().is_cancelled();
        assert!(leaves(&oldest) && !leaves(&newer) && !leaves(&fourth) && !leaves(&busy));
        newer.heard();
        fourth.heard();
        assert!(room.enter().is_none(), "all places are in use");
        drop(oldest);
        assert!(room.enter().is_none(), "its place was given away");
        drop(busy);
        assert!(room.enter().is_some());
        drop((newer, fourth));
        let inner = room.inner.lock().unwrap();
        assert_eq!(
            (inner.held, inner.silent.len(), inner.leaving.len()),
            (0, 0, 0)
        );
    }

    // Before, connections that had sent one request each kept everybody else out.
    #[test]
    fn an_idle_connection_of_the_greediest_peer_makes_room() {
        let room = Room::new(3, 9);
        let peer = |last| IpAddr::from([10, 0, 0, last]);
        let enter = |last| {
            let share = room.share(peer(last)).unwrap();
            let place = room.enter().unwrap();
            place.heard();
            (place, share)
        };
        let (modest, first, second) = (enter(1), enter(2), enter(2));
        for (of, (place, _)) in [(1, &modest), (2, &second), (2, &first)] {
            place.answered(peer(of));
        }
        first.0.heard();
        let newcomer = room.enter().unwrap();
        newcomer.heard();
        let leaves = |(place, _): &(Place, Share)| place.leave().is_cancelled();
        assert!(leaves(&second) && !leaves(&first) && !leaves(&modest));
        modest.0.heard();
        assert!(room.enter().is_none(), "all have requests");
        drop((modest, first, second, newcomer));
        let inner = room.inner.lock().unwrap();
        assert_eq!((inner.held, inner.idle.len()), (0, 0));
    }
}

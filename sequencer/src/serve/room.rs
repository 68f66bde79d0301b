//! Room for connections. When it is full, the connection that has been silent for the longest time
//! makes room: whoever opens connections and says nothing keeps nobody out.

use std::{
    collections::{BTreeMap, HashSet},
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
    /// Connections that had to leave and have not left yet.
    leaving: HashSet<u64>,
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

    /// Takes a connection in. Returns nothing if the room is full of connections with requests.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut inner = self.inner.lock().expect(POISON);
        if inner.held >= self.most {
            let (oldest, leave) = inner.silent.pop_first()?;
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
        if !self.spoke.swap(true, Ordering::Relaxed) {
            let mut inner = self.room.inner.lock().expect(POISON);
            inner.silent.remove(&self.id);
        }
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
}

use super::*;

fn message(i: u64) -> [u8; MESSAGE_LEN] {
    let mut message = [0; MESSAGE_LEN];
    message[..8].copy_from_slice(&i.to_be_bytes());
    message
}

struct World {
    store: Store,
    config: MailboxConfig,
    mailbox: Mailbox,
    _dir: tempfile::TempDir,
}

fn world(ttl_s: u64, capacity: usize) -> World {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let config = MailboxConfig {
        ttl_s,
        capacity,
        max_page: 3,
        work_bits: 0,
        max_work_bits: 0,
        ..MailboxConfig::default()
    };
    World {
        mailbox: Mailbox::open(&store, &config, 0).unwrap(),
        store,
        config,
        _dir: dir,
    }
}

impl World {
    fn post(&self, i: u64, now: u64) -> Result<u64, PostError> {
        self.mailbox.post(&self.store, message(i), 0, now)
    }

    fn reopen(&mut self) {
        self.mailbox = Mailbox::open(&self.store, &self.config, 0).unwrap();
    }

    /// Reads sequence numbers and contents of the messages from `from` on, next and head.
    fn read(&self, from: u64, now: u64) -> (Vec<(u64, u64)>, u64, u64) {
        let page = self.mailbox.read(&self.store, from, 100, now).unwrap();
        let number = |m: &[u8]| u64::from_be_bytes(m[..8].try_into().unwrap());
        let messages = page.messages.iter();
        let messages = messages.map(|(at, m)| (*at, number(m))).collect();
        (messages, page.next, page.head)
    }
}

#[test]
fn messages_come_in_order_and_in_pages() {
    let world = world(10, 100);
    assert_eq!(world.read(0, 0), (vec![], 0, 0));
    for i in 0..5 {
        assert_eq!(world.post(10 + i, 0).unwrap(), 10);
    }
    assert_eq!(world.read(0, 0), (vec![(0, 10), (1, 11), (2, 12)], 3, 5));
    assert_eq!(world.read(3, 0), (vec![(3, 13), (4, 14)], 5, 5));
    assert_eq!(world.read(5, 0), (vec![], 5, 5));
    // A reader that is ahead of this mailbox learns its head.
    assert_eq!(world.read(99, 0), (vec![], 5, 5));
}

#[test]
fn the_same_message_is_held_once() {
    let world = world(10, 100);
    world.post(1, 0).unwrap();
    world.post(2, 1).unwrap();
    assert_eq!(world.post(1, 5).unwrap(), 10, "the first one's expiry");
    assert_eq!(world.read(0, 5), (vec![(0, 1), (1, 2)], 2, 2));
    // After its expiry the same message is a new one, and the purge of the old keeps it.
    assert_eq!(world.post(1, 10).unwrap(), 20);
    world.mailbox.purge(&world.store, 10).unwrap();
    assert_eq!(world.post(1, 11).unwrap(), 20);
    assert_eq!(world.read(0, 11), (vec![(2, 1)], 3, 3));
}

#[test]
fn expired_messages_are_not_served_and_are_deleted() {
    let world = world(10, 100);
    world.post(1, 0).unwrap();
    world.post(2, 5).unwrap();
    assert_eq!(world.read(0, 9).0, [(0, 1), (1, 2)]);
    assert_eq!(world.read(0, 10), (vec![(1, 2)], 2, 2));
    world.mailbox.purge(&world.store, 10).unwrap();
    let stored = world.store.all::<Messages>().unwrap();
    assert_eq!(stored.into_keys().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_full_mailbox_refuses_until_something_expires() {
    let world = world(10, 2);
    world.post(1, 0).unwrap();
    world.post(2, 5).unwrap();
    assert!(matches!(world.post(3, 9), Err(PostError::Full)));
    assert_eq!(world.post(2, 9).unwrap(), 15, "what is here is answered");
    world.post(3, 10).unwrap();
    assert_eq!(world.read(0, 10).0, [(1, 2), (2, 3)]);
    assert!(matches!(world.post(4, 10), Err(PostError::Full)));
}

#[test]
fn a_restart_keeps_messages_and_repeats_no_number() {
    let mut world = world(10, 100);
    world.post(1, 0).unwrap();
    world.post(2, 5).unwrap();
    world.reopen();
    assert_eq!(world.read(0, 5), (vec![(0, 1), (1, 2)], 2, 2));
    assert_eq!(world.post(1, 6).unwrap(), 10, "still known");
    world.mailbox.purge(&world.store, 100).unwrap();
    world.reopen();
    assert_eq!(world.read(0, 100), (vec![], 2, 2));
    world.post(3, 100).unwrap();
    assert_eq!(world.read(0, 100), (vec![(2, 3)], 3, 3));
}

// Before, numbers began anew in a store that was lost or restored, and readers missed the messages
// below the number that they had reached.
#[test]
fn a_lost_store_repeats_no_number() {
    let at = |now| {
        let mut world = world(10, 100);
        world.mailbox = Mailbox::open(&world.store, &world.config, now).unwrap();
        world.post(1, now).unwrap();
        world
    };
    let mut lost = at(7);
    assert_eq!(lost.read(0, 7), (vec![(7_000, 1)], 7_001, 7_001));
    assert_eq!(at(8).read(7_001, 8), (vec![(8_000, 1)], 8_001, 8_001));
    // The clock goes back, and numbers do not.
    lost.reopen();
    assert_eq!(lost.read(0, 7), (vec![(7_000, 1)], 7_001, 7_001));
}

#[test]
fn a_message_beyond_the_head_is_found_at_start() {
    let world = world(10, 100);
    let record = MessageRecord {
        expires: 5,
        message: message(1),
    };
    let mut changes = world.store.change();
    changes.put::<Messages>(&7, &record).unwrap();
    changes.commit().unwrap();
    let error = Mailbox::open(&world.store, &world.config, 0).unwrap_err();
    assert!(matches!(error, RecoveryError::Message { sequence: 7 }));
}

#[test]
fn listeners_are_told_of_the_head() {
    let world = world(10, 100);
    let mut head = world.mailbox.subscribe();
    world.post(1, 0).unwrap();
    world.post(1, 0).unwrap();
    assert!(head.has_changed().unwrap());
    assert_eq!(*head.borrow_and_update(), 1);
}

// Before, a message cost nothing: ten addresses kept the mailbox full.
#[test]
fn the_work_of_a_message_rises_as_the_mailbox_fills() {
    let mut world = world(10, 8);
    world.config.work_bits = 4;
    world.config.max_work_bits = 16;
    world.reopen();
    let post = |i, bits| world.mailbox.post(&world.store, message(i), bits, 0);
    let mut needed = Vec::new();
    for i in 0..8 {
        let now = world.mailbox.needed();
        needed.push(now);
        let refused = post(i, now - 1);
        assert!(matches!(refused, Err(PostError::Work { needed }) if needed == now));
        post(i, now).unwrap();
    }
    assert_eq!(needed, [4, 4, 4, 6, 8, 10, 12, 14]);
    assert_eq!(world.mailbox.needed(), 16);
    assert!(matches!(post(9, 15), Err(PostError::Work { needed: 16 })));
    assert!(matches!(post(9, 16), Err(PostError::Full)));
    assert_eq!(post(3, 0).unwrap(), 10, "what is here is answered");
    // When messages expire, it falls again.
    world.mailbox.purge(&world.store, 10).unwrap();
    assert_eq!(world.mailbox.needed(), 4);
}

// Before, a reader waited until the message of a poster was on disk.
#[test]
fn a_reader_does_not_wait_for_the_disk() {
    let world = world(10, 8);
    world.post(1, 0).unwrap();
    let _writing = world.mailbox.writing.lock().unwrap();
    assert_eq!(world.read(0, 0), (vec![(0, 1)], 1, 1));
    assert_eq!(world.mailbox.extent(0), (0, 1));
}

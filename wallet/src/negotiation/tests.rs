//! Every message in every state, and random schedules against the invariants.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use subrosa_protocol::{
    Fr,
    asset::AssetId,
    element::{Nullifier, OwnerId},
    keys::{Address, Seed, ViewingKey},
    swap::{Exchange, Leg, Salt, Side, Terms},
};

use super::{
    book::{Dropped, NewOffer, Reaction, Reading, Refusal},
    payload::{Offer, Request},
    *,
};

const NOW: u64 = 1_800_000_000;
const DOLLAR: AssetId = AssetId(0);
const GOLD: AssetId = AssetId(1);

fn address(seed: u8) -> Address {
    static MADE: OnceLock<[Address; 8]> = OnceLock::new();
    let seeds = [0, 1, 2, 3, 4, 5, 6, 7];
    let of = |seed| ViewingKey::from_seed(&Seed::from_bytes([seed; 32])).address();
    MADE.get_or_init(|| seeds.map(of))[usize::from(seed)]
}

fn nullifier(byte: u8) -> Nullifier {
    Nullifier::of(Fr::from(byte))
}

fn id(byte: u8) -> Id {
    Id::from_bytes([byte; 16]).unwrap()
}

fn registered(asset: AssetId) -> bool {
    asset.0 < 4
}

/// Party 1 is the maker, party 2 the taker.
fn offer(byte: u8, rfq: Option<Id>, maker: Side, expiry: u64) -> Offer {
    let mut legs = [Leg::cash(DOLLAR, 500); 2];
    legs[maker.index()] = Leg::cash(GOLD, 3);
    let mut receivers = [address(1); 2];
    receivers[maker.index()] = address(2);
    let salt = Salt::from_bytes([byte; 16]);
    Offer {
        id: id(byte),
        request: rfq,
        valid_until: NOW + 60,
        maker,
        terms: Terms::new(Exchange { legs, salt }, receivers, expiry).unwrap(),
    }
}

fn made(byte: u8, rfq: Option<Id>, notes: Option<Vec<Nullifier>>) -> NewOffer {
    let Offer {
        id, maker, terms, ..
    } = offer(byte, rfq, Side::A, NOW + 660);
    NewOffer {
        id,
        rfq,
        counterparty: address(2),
        deal: Deal::swap(terms),
        maker,
        times: (60, 600).into(),
        notes,
    }
}

fn request(byte: u8) -> Request {
    Request {
        id: id(byte),
        given: DOLLAR,
        wanted: GOLD,
        fixed: Fixed::Wanted,
        amount: 3,
        expiry: NOW + 120,
    }
}

fn read(
    book: &mut Book,
    own: u8,
    from: u8,
    payload: Payload,
    now: u64,
) -> Result<Reaction, Dropped> {
    let reading = Reading {
        now,
        own: &address(own),
        registered: &registered,
        operation: "leg",
    };
    book.receive(&address(from), payload, &reading)
}

fn reserved(book: &Book, open: bool) -> usize {
    book.reserved(|_| open, None).count()
}

/// Returns the taker's book (party 2) with the quote in a state.
fn taker(status: QuoteStatus) -> Book {
    let mut book = Book::default();
    let quote = Payload::Quote(Box::new(offer(9, None, Side::A, NOW + 660)));
    read(&mut book, 2, 1, quote, NOW).unwrap();
    match status {
        QuoteStatus::Offered | QuoteStatus::Preparing => {}
        QuoteStatus::Accepted => drop(book.accept(&id(9), "leg", vec![nullifier(7)], NOW).unwrap()),
        QuoteStatus::Declined => drop(book.decline_quote(&id(9)).unwrap()),
        QuoteStatus::Cancelled => drop(read(&mut book, 2, 1, Payload::Cancel(id(9)), NOW).unwrap()),
        QuoteStatus::Expired => drop(book.tick(NOW + 61)),
    }
    book
}

/// Returns the maker's book (party 1) with the quote in a state.
fn maker(status: QuoteStatus) -> Book {
    let mut book = Book::default();
    let notes = (status != QuoteStatus::Preparing).then(|| vec![nullifier(7)]);
    book.offer(made(9, None, notes), NOW).unwrap();
    match status {
        QuoteStatus::Preparing | QuoteStatus::Offered => {}
        QuoteStatus::Accepted => drop(read(&mut book, 1, 2, Payload::Accept(id(9)), NOW).unwrap()),
        QuoteStatus::Declined => drop(read(&mut book, 1, 2, Payload::Decline(id(9)), NOW).unwrap()),
        QuoteStatus::Cancelled => drop(book.cancel_quote(&id(9)).unwrap()),
        QuoteStatus::Expired => drop(book.tick(NOW + 61 + GRACE)),
    }
    book
}

const ALL: [QuoteStatus; 6] = [
    QuoteStatus::Preparing,
    QuoteStatus::Offered,
    QuoteStatus::Accepted,
    QuoteStatus::Declined,
    QuoteStatus::Cancelled,
    QuoteStatus::Expired,
];

fn status(book: &Book) -> QuoteStatus {
    book.quote(&id(9)).unwrap().status
}

#[test]
fn a_maker_in_every_state_takes_only_what_fits() {
    for state in ALL {
        assert_eq!(status(&maker(state)), state);
        let offered = state == QuoteStatus::Offered;

        let mut book = maker(state);
        let reaction = read(&mut book, 1, 2, Payload::Accept(id(9)), NOW + 1);
        if offered {
            assert_eq!(reaction.unwrap().leg, Some(id(9)));
            assert_eq!(status(&book), QuoteStatus::Accepted);
        } else {
            assert_eq!(status(&book), state);
            // A late acceptance is answered with a cancellation.
            let told = reaction.map_or(0, |reaction| {
                assert_eq!(reaction.leg, None);
                reaction.letters.len()
            });
            let gone = ![QuoteStatus::Preparing, QuoteStatus::Accepted].contains(&state);
            assert_eq!(told, usize::from(gone), "{state:?}");
        }

        let mut book = maker(state);
        assert_eq!(
            read(&mut book, 1, 2, Payload::Decline(id(9)), NOW + 1).is_ok(),
            offered
        );
        let declined = if offered {
            QuoteStatus::Declined
        } else {
            state
        };
        assert_eq!(status(&book), declined);

        // A late acceptance is answered once, however often it is repeated.
        let mut book = maker(state);
        if ![QuoteStatus::Preparing, QuoteStatus::Accepted].contains(&state) {
            let late = Payload::Accept(id(9));
            let first = read(&mut book, 1, 2, late.clone(), NOW + 10_000).unwrap();
            assert_eq!(first.letters.len(), 1);
            assert!(read(&mut book, 1, 2, late, NOW + 10_001).is_err());
        }

        // A taker cannot cancel, and a maker's own actions need an open quote.
        let mut book = maker(state);
        assert!(read(&mut book, 1, 2, Payload::Cancel(id(9)), NOW + 1).is_err());
        assert!(book.accept(&id(9), "x", vec![], NOW).is_err());
        assert!(book.decline_quote(&id(9)).is_err());
        assert_eq!(status(&book), state);
        let open = [QuoteStatus::Preparing, QuoteStatus::Offered].contains(&state);
        let letters = book.cancel_quote(&id(9));
        assert_eq!(letters.is_ok(), open);
        // Nobody is told about a quote that was never sent.
        assert_eq!(
            letters.map_or(0, |letters| letters.len()),
            usize::from(offered)
        );

        // Other parties have no say.
        for payload in [
            Payload::Accept(id(9)),
            Payload::Decline(id(9)),
            Payload::Cancel(id(9)),
        ] {
            let mut book = maker(state);
            assert!(read(&mut book, 1, 3, payload, NOW + 1).is_err());
            assert_eq!(status(&book), state);
        }

        // Notes are reserved exactly as long as they are promised.
        let kept = offered || state == QuoteStatus::Accepted;
        assert_eq!(
            reserved(&maker(state), true),
            usize::from(kept),
            "{state:?}"
        );
        assert_eq!(
            reserved(&maker(state), false),
            usize::from(offered),
            "{state:?}"
        );
    }
}

#[test]
fn a_taker_in_every_state_takes_only_what_fits() {
    for state in ALL
        .into_iter()
        .filter(|state| *state != QuoteStatus::Preparing)
    {
        assert_eq!(status(&taker(state)), state);
        let offered = state == QuoteStatus::Offered;

        let mut book = taker(state);
        let reaction = read(&mut book, 2, 1, Payload::Cancel(id(9)), NOW + 1);
        match state {
            QuoteStatus::Offered => assert_eq!(status(&book), QuoteStatus::Cancelled),
            QuoteStatus::Accepted => {
                assert_eq!(reaction.unwrap().withdrawn, Some(id(9)));
                assert_eq!(
                    status(&book),
                    state,
                    "a leg that is signed may still settle"
                );
                assert!(read(&mut book, 2, 1, Payload::Cancel(id(9)), NOW + 1).is_err());
            }
            _ => assert!(reaction.is_err()),
        }

        for payload in [Payload::Accept(id(9)), Payload::Decline(id(9))] {
            let mut book = taker(state);
            assert!(read(&mut book, 2, 1, payload, NOW + 1).is_err());
            assert_eq!(status(&book), state);
        }
        let again = Payload::Quote(Box::new(offer(9, None, Side::A, NOW + 660)));
        let mut book = taker(state);
        assert!(
            read(&mut book, 2, 1, again, NOW + 1).is_err(),
            "a name is used once"
        );
        assert_eq!(status(&book), state);

        assert!(taker(state).cancel_quote(&id(9)).is_err());
        assert_eq!(taker(state).decline_quote(&id(9)).is_ok(), offered);
        assert_eq!(
            taker(state).accept(&id(9), "x", vec![], NOW + 1).is_ok(),
            offered
        );
        let late = taker(state).accept(&id(9), "x", vec![], NOW + 61);
        assert!(matches!(late, Err(Refusal::WrongState(_))));
    }
}

#[test]
fn an_acceptance_has_its_grace_and_no_more() {
    let last = NOW + 60 + GRACE;
    let accept = || Payload::Accept(id(9));
    let reaction = read(&mut maker(QuoteStatus::Offered), 1, 2, accept(), last);
    assert_eq!(reaction.unwrap().leg, Some(id(9)));
    let mut book = maker(QuoteStatus::Offered);
    let reaction = read(&mut book, 1, 2, accept(), last + 1).unwrap();
    assert_eq!((reaction.leg, reaction.letters.len()), (None, 1));
    assert_eq!(status(&book), QuoteStatus::Expired);
    assert_eq!(reserved(&book, true), 0);
}

#[test]
fn a_quote_that_is_not_between_the_two_or_not_timely_is_dropped() {
    let sent = |from: u8, edit: &dyn Fn(&mut Offer)| {
        let mut offer = offer(9, None, Side::B, NOW + 660);
        edit(&mut offer);
        let mut book = Book::default();
        read(&mut book, 2, from, Payload::Quote(Box::new(offer)), NOW).is_ok()
    };
    assert!(sent(1, &|_| {}));
    assert!(!sent(3, &|_| {}), "from another than the terms name");
    assert!(!sent(2, &|_| {}), "from ourselves");
    assert!(
        !sent(1, &|o| o.maker = Side::A),
        "we would receive what we give"
    );
    assert!(
        !sent(1, &|o| o.terms.receivers[0] = address(3)),
        "another receives ours"
    );
    assert!(
        !sent(1, &|o| o.terms.receivers[0].pk = address(3).pk),
        "another reads ours"
    );
    assert!(
        !sent(1, &|o| o.terms.receivers[1] = address(3)),
        "another receives theirs"
    );
    assert!(
        !sent(1, &|o| o.terms.exchange.legs[0].asset = AssetId(9)),
        "unknown asset"
    );
    assert!(!sent(1, &|o| o.valid_until = NOW - 1), "over");
    assert!(
        !sent(1, &|o| o.terms.expiry = o.valid_until - 1),
        "settles before it is agreed"
    );
    assert!(
        !sent(1, &|o| o.terms.expiry = NOW + HORIZON + 1),
        "far ahead"
    );
    assert!(sent(1, &|o| o.terms.expiry = NOW + HORIZON));
}

#[test]
fn an_answer_has_to_fit_its_request() {
    let asked = |edit: &dyn Fn(&mut Offer), from: u8| {
        let mut book = Book::default();
        let letters = book
            .request(request(5), vec![address(1), address(4)], NOW)
            .unwrap();
        assert_eq!(letters.len(), 2);
        let mut offer = offer(9, Some(id(5)), Side::A, NOW + 660);
        edit(&mut offer);
        let answer = read(&mut book, 2, from, Payload::Quote(Box::new(offer)), NOW);
        (answer.is_ok(), book.rfq(&id(5)).unwrap().quotes.len())
    };
    assert_eq!(asked(&|_| {}, 1), (true, 1));
    assert_eq!(
        asked(&|o| o.terms.exchange.legs[1].value = 499, 1),
        (true, 1),
        "the open amount"
    );
    assert_eq!(
        asked(&|o| o.terms.exchange.legs[0].value = 4, 1),
        (false, 0),
        "the fixed amount"
    );
    assert_eq!(
        asked(&|o| o.terms.exchange.legs[0].asset = AssetId(2), 1),
        (false, 0)
    );
    assert_eq!(
        asked(&|o| o.terms.exchange.legs[1].asset = AssetId(2), 1),
        (false, 0)
    );
    assert_eq!(
        asked(&|o| o.request = Some(id(6)), 1),
        (false, 0),
        "no such request"
    );
    let other = |o: &mut Offer| o.terms.receivers[1] = address(3);
    assert_eq!(asked(&other, 3), (false, 0), "was not asked");
}

#[test]
fn taking_a_quote_closes_its_request_and_frees_the_others() {
    let mut book = Book::default();
    book.request(request(5), vec![address(1), address(4), address(6)], NOW)
        .unwrap();
    for (byte, from) in [(9, 1), (10, 4)] {
        let mut offer = offer(byte, Some(id(5)), Side::A, NOW + 660);
        offer.terms.receivers[1] = address(from);
        read(&mut book, 2, from, Payload::Quote(Box::new(offer)), NOW).unwrap();
    }
    let letters = book.accept(&id(9), "leg", vec![], NOW).unwrap();
    let sent: Vec<_> = letters
        .into_iter()
        .map(|letter| (letter.to, letter.payload))
        .collect();
    assert_eq!(
        sent,
        [
            (address(1), Payload::Accept(id(9))),
            (address(4), Payload::Decline(id(10))),
            (address(4), Payload::Cancel(id(5))),
            (address(6), Payload::Cancel(id(5))),
        ]
    );
    assert_eq!(book.rfq(&id(5)).unwrap().status, RfqStatus::Closed);
    assert_eq!(book.quote(&id(10)).unwrap().status, QuoteStatus::Declined);
    assert!(book.accept(&id(10), "leg", vec![], NOW).is_err());
    // A later quote is declined at once, so that its maker's notes are free.
    let mut late = offer(11, Some(id(5)), Side::A, NOW + 660);
    late.terms.receivers[1] = address(6);
    let reaction = read(&mut book, 2, 6, Payload::Quote(Box::new(late)), NOW).unwrap();
    assert_eq!(reaction.letters[0].payload, Payload::Decline(id(11)));
    assert!(book.quote(&id(11)).is_none());
}

#[test]
fn a_request_is_declined_when_all_decline() {
    let mut book = Book::default();
    book.request(request(5), vec![address(1), address(4)], NOW)
        .unwrap();
    let decline = || Payload::Decline(id(5));
    read(&mut book, 2, 1, decline(), NOW).unwrap();
    assert!(read(&mut book, 2, 1, decline(), NOW).is_err(), "again");
    assert!(
        read(&mut book, 2, 3, decline(), NOW).is_err(),
        "was not asked"
    );
    assert_eq!(book.rfq(&id(5)).unwrap().status, RfqStatus::Open);
    read(&mut book, 2, 4, decline(), NOW).unwrap();
    assert_eq!(book.rfq(&id(5)).unwrap().status, RfqStatus::Declined);
}

#[test]
fn a_received_request_is_answered_while_it_is_open() {
    let asked = || {
        let mut book = Book::default();
        read(&mut book, 1, 2, Payload::Request(request(5)), NOW).unwrap();
        book
    };
    let mut book = asked();
    assert!(
        read(&mut book, 1, 2, Payload::Request(request(5)), NOW).is_err(),
        "again"
    );
    assert!(
        read(&mut book, 1, 3, Payload::Cancel(id(5)), NOW).is_err(),
        "by another"
    );
    let letters = book
        .offer(made(9, Some(id(5)), Some(vec![nullifier(7)])), NOW)
        .unwrap();
    assert!(matches!(letters[0].payload, Payload::Quote(_)));
    read(&mut book, 1, 2, Payload::Cancel(id(5)), NOW).unwrap();
    let late = book.offer(made(10, Some(id(5)), Some(vec![])), NOW);
    assert!(matches!(late, Err(Refusal::WrongState(_))));

    let mut wrong = made(9, Some(id(5)), Some(vec![]));
    let mut terms = wrong.deal.terms().clone();
    terms.exchange.legs[0].value = 4;
    wrong.deal = Deal::swap(terms);
    assert_eq!(asked().offer(wrong, NOW), Err(Refusal::Mismatch));
    let mut book = asked();
    assert_eq!(book.decline_rfq(&id(5)).unwrap().len(), 1);
    assert!(book.decline_rfq(&id(5)).is_err());
    let mut book = asked();
    book.tick(NOW + 121);
    assert_eq!(book.rfq(&id(5)).unwrap().status, RfqStatus::Expired);

    let mut refused = |edit: &dyn Fn(&mut Request)| {
        let mut request = request(8);
        edit(&mut request);
        read(&mut book, 1, 2, Payload::Request(request), NOW).is_err()
    };
    assert!(refused(&|r| r.expiry = NOW - 1));
    assert!(refused(&|r| r.expiry = NOW + HORIZON + 1));
    assert!(refused(&|r| r.wanted = AssetId(9)));
    assert!(!refused(&|_| {}));
}

#[test]
fn a_promise_whose_notes_are_gone_is_withdrawn() {
    let mut book = maker(QuoteStatus::Offered);
    assert!(book.withdraw_broken(|_| true).is_empty());
    let letters = book.withdraw_broken(|_| false);
    assert_eq!(letters[0].payload, Payload::Cancel(id(9)));
    assert_eq!(status(&book), QuoteStatus::Cancelled);
    let mut agreed = maker(QuoteStatus::Accepted);
    assert!(agreed.withdraw_broken(|_| false).is_empty());
}

/// Returns an id that no other helper makes.
fn numbered(number: u32) -> Id {
    let mut bytes = [0xff; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Id::from_bytes(bytes).unwrap()
}

#[test]
fn strangers_fill_only_their_own_room() {
    let mut book = Book::default();
    let mut taken = 0;
    for number in 0..100 {
        let request = Request {
            id: numbered(number),
            ..request(5)
        };
        taken += usize::from(read(&mut book, 1, 2, Payload::Request(request), NOW).is_ok());
    }
    assert_eq!(taken, MAX_OF_ONE);
    let quote = |number: u32, from: &Address, rfq| {
        let mut offer = offer(9, rfq, Side::A, NOW + 660);
        offer.id = numbered(1_000 + number);
        offer.terms.receivers = [address(2), *from];
        Payload::Quote(Box::new(offer))
    };
    let mut book = Book::default();
    let mut taken = 0;
    for number in 0..2_000u32 {
        // The sender changes after every few messages.
        let mut from = address(1);
        from.owner = OwnerId::new(Fr::from(number / 8));
        let reading = Reading {
            now: NOW,
            own: &address(2),
            registered: &registered,
            operation: "x",
        };
        taken += usize::from(
            book.receive(&from, quote(number, &from, None), &reading)
                .is_ok(),
        );
    }
    assert_eq!(taken, MAX_RECEIVED);
    // A flood must be short-lived to stay.
    let reading = Reading {
        now: NOW,
        own: &address(2),
        registered: &registered,
        operation: "x",
    };
    let mut short = quote(4_000, &address(3), None);
    if let Payload::Quote(offer) = &mut short {
        offer.valid_until -= 1;
    }
    assert!(book.receive(&address(3), short, &reading).is_ok());
    let open = book.quotes().filter(|quote| quote.is_open());
    assert_eq!(open.count(), MAX_RECEIVED);
    // Receivers of our request are heard nevertheless, up to a limit.
    book.request(request(5), vec![address(1)], NOW).unwrap();
    let answers = (5_000..5_100).filter(|number| {
        let quote = quote(*number, &address(1), Some(id(5)));
        read(&mut book, 2, 1, quote, NOW).is_ok()
    });
    assert_eq!(answers.count(), MAX_ANSWERS);
    // Ended objects are forgotten in time.
    book.tick(NOW + 1_000);
    book.publish(&[], NOW);
    assert!(book.quotes().count() <= KEPT);
}

#[test]
fn changes_are_told_once() {
    let mut book = maker(QuoteStatus::Offered);
    book.publish(&[], NOW);
    book.publish(&[], NOW);
    let told: Vec<_> = book
        .events()
        .from(1)
        .into_iter()
        .map(|e| (e.subject.name(), e.status))
        .collect();
    assert_eq!(
        told,
        [
            ("quote", "offered".to_owned()),
            ("swap", "offered".to_owned())
        ]
    );
    read(&mut book, 1, 2, Payload::Accept(id(9)), NOW).unwrap();
    book.publish(&[], NOW);
    let told: Vec<_> = book
        .events()
        .from(3)
        .into_iter()
        .map(|e| (e.subject.name(), e.status))
        .collect();
    assert_eq!(
        told,
        [
            ("quote", "accepted".to_owned()),
            ("swap", "agreed".to_owned())
        ]
    );
}

#[test]
fn a_book_is_stored_and_read_back_and_shows_nothing() {
    let mut book = maker(QuoteStatus::Accepted);
    book.request(request(5), vec![address(2)], NOW).unwrap();
    book.publish(&[], NOW);
    let text = serde_json::to_string(&book).unwrap();
    let again: Book = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
    assert_eq!(
        again.quote(&id(9)).unwrap().deal,
        book.quote(&id(9)).unwrap().deal
    );
    let shown = format!(
        "{book:?} {:?} {:?} {:?}",
        book.quote(&id(9)),
        book.rfq(&id(5)),
        Payload::Request(request(5))
    );
    assert!(
        !shown.contains("500") && !shown.contains(&hex::encode(address(2).to_bytes())),
        "{shown}"
    );
}

/// One event between a maker and a taker.
#[derive(Clone, Debug)]
enum Step {
    /// The maker offers, from a free note if it has one.
    Offer,
    /// A quote of the maker's is prepared.
    Prepared(usize),
    /// The maker cancels a quote.
    Cancel(usize),
    /// The taker accepts.
    Accept(usize),
    /// The taker declines.
    Decline(usize),
    /// A message arrives; the flag tells whether it can arrive again.
    Deliver(usize, bool),
    /// A message is lost.
    Lose(usize),
    /// Time passes.
    Wait(u64),
    /// A leg of the maker or of the taker settles or fails.
    End(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0usize..64;
    prop_oneof![
        3 => Just(Step::Offer),
        1 => at().prop_map(Step::Prepared),
        1 => at().prop_map(Step::Cancel),
        3 => at().prop_map(Step::Accept),
        1 => at().prop_map(Step::Decline),
        8 => (at(), any::<bool>()).prop_map(|(at, again)| Step::Deliver(at, again)),
        1 => at().prop_map(Step::Lose),
        2 => (1u64..40).prop_map(Step::Wait),
        1 => at().prop_map(Step::End),
    ]
}

/// Two books, the unordered messages between them, and the maker's notes.
struct Market {
    books: [Book; 2],
    /// Receiver (0 is the maker) and contents.
    mail: Vec<(usize, Payload)>,
    now: u64,
    quotes: Vec<Id>,
    /// Open legs, by operation.
    legs: [BTreeSet<String>; 2],
    started: BTreeMap<Id, usize>,
    rng: ChaCha20Rng,
}

const NOTES: u8 = 3;

impl Market {
    fn new() -> Self {
        Self {
            books: [Book::default(), Book::default()],
            mail: Vec::new(),
            now: NOW,
            quotes: Vec::new(),
            legs: [BTreeSet::new(), BTreeSet::new()],
            started: BTreeMap::new(),
            rng: ChaCha20Rng::seed_from_u64(3),
        }
    }

    fn reserved(&self, party: usize) -> Vec<Nullifier> {
        let legs = &self.legs[party];
        self.books[party]
            .reserved(|id| legs.contains(id), None)
            .collect()
    }

    fn free_note(&self) -> Option<Nullifier> {
        let held = self.reserved(0);
        (0..NOTES).map(nullifier).find(|note| !held.contains(note))
    }

    fn post(&mut self, letters: Vec<Letter>) {
        for letter in letters {
            let to = usize::from(letter.to == address(2));
            self.mail.push((to, letter.payload));
        }
    }

    fn at(&self, place: usize) -> Option<Id> {
        (!self.quotes.is_empty()).then(|| self.quotes[place % self.quotes.len()])
    }

    fn take(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Offer => {
                let byte = self.quotes.len() as u8 + 1;
                let note = self.free_note();
                // Without a free note, the offer must be prepared.
                let mut offer = made(byte, None, note.map(|note| vec![note]));
                offer.id = Id::random(&mut self.rng);
                self.quotes.push(offer.id);
                let letters = self.books[0].offer(offer, now).unwrap();
                self.post(letters);
            }
            Step::Prepared(place) => {
                if let (Some(id), Some(note)) = (self.at(place), self.free_note())
                    && let Ok(letter) = self.books[0].offered(&id, vec![note], now)
                {
                    self.post(vec![letter]);
                }
            }
            Step::Cancel(place) => {
                let letters = self
                    .at(place)
                    .and_then(|id| self.books[0].cancel_quote(&id).ok());
                self.post(letters.unwrap_or_default());
            }
            Step::Decline(place) => {
                let letters = self
                    .at(place)
                    .and_then(|id| self.books[1].decline_quote(&id).ok());
                self.post(letters.unwrap_or_default());
            }
            Step::Accept(place) => {
                if let Some(id) = self.at(place) {
                    let operation = format!("taker-{id}");
                    if let Ok(letters) = self.books[1].accept(&id, &operation, vec![], now) {
                        self.legs[1].insert(operation);
                        self.post(letters);
                    }
                }
            }
            Step::Deliver(place, again) => {
                if !self.mail.is_empty() {
                    let place = place % self.mail.len();
                    let (to, payload) = self.mail[place].clone();
                    if !again {
                        self.mail.swap_remove(place);
                    }
                    self.deliver(to, payload);
                }
            }
            Step::Lose(place) => {
                if !self.mail.is_empty() {
                    self.mail.swap_remove(place % self.mail.len());
                }
            }
            Step::Wait(seconds) => {
                self.now += seconds;
                for book in &mut self.books {
                    book.tick(self.now);
                }
            }
            Step::End(place) => {
                let legs = &mut self.legs[place % 2];
                if let Some(leg) = legs.iter().nth(place / 2 % legs.len().max(1)).cloned() {
                    legs.remove(&leg);
                }
            }
        }
    }

    fn deliver(&mut self, to: usize, payload: Payload) {
        let operation = match &payload {
            Payload::Accept(id) => format!("maker-{id}"),
            _ => String::new(),
        };
        let (own, from) = (address(to as u8 + 1), address(2 - to as u8));
        let reading = Reading {
            now: self.now,
            own: &own,
            registered: &registered,
            operation: &operation,
        };
        let Ok(reaction) = self.books[to].receive(&from, payload, &reading) else {
            return;
        };
        if let Some(id) = reaction.leg {
            assert_eq!(to, 0, "only a maker is accepted");
            *self.started.entry(id).or_default() += 1;
            self.legs[0].insert(operation);
        }
        self.post(reaction.letters);
    }

    fn check(&self) {
        let reserved = self.reserved(0);
        let distinct: BTreeSet<_> = reserved.iter().collect();
        assert_eq!(distinct.len(), reserved.len(), "a note is promised twice");
        assert!(
            self.started.values().all(|times| *times == 1),
            "a leg started twice"
        );
        for id in &self.quotes {
            let (maker, taker) = (self.books[0].quote(id), self.books[1].quote(id));
            let started = self.started.contains_key(id);
            assert_eq!(
                maker.is_some_and(|quote| quote.status == QuoteStatus::Accepted),
                started,
                "a leg without an agreement, or none with one"
            );
            if started {
                let taken = taker.is_some_and(|quote| quote.status == QuoteStatus::Accepted);
                assert!(taken, "the maker's leg starts only when the taker agreed");
                assert_eq!(taker.unwrap().deal, maker.unwrap().deal);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Messages arrive in any order, repeatedly or never. Even so, no note is promised twice, a leg
    /// starts once and only when both parties agreed to the same terms, ended objects stay ended,
    /// and in the end nothing is reserved.
    #[test]
    fn no_schedule_promises_twice_or_for_ever(steps in proptest::collection::vec(step(), 1..120)) {
        let mut market = Market::new();
        for step in steps {
            let ended: Vec<_> = market
                .books
                .iter()
                .flat_map(|book| book.quotes().filter(|quote| !quote.is_open()))
                .map(|quote| (quote.direction, quote.id, quote.status))
                .collect();
            market.take(step);
            market.check();
            for (direction, id, status) in ended {
                let book = &market.books[usize::from(direction == Direction::Incoming)];
                assert_eq!(book.quote(&id).unwrap().status, status);
            }
        }
        market.take(Step::Wait(PREPARING + 1));
        market.legs = [BTreeSet::new(), BTreeSet::new()];
        while let Some((to, payload)) = market.mail.pop() {
            market.deliver(to, payload);
            market.legs[0].clear();
        }
        assert!(market.reserved(0).is_empty());
        for book in &market.books {
            assert!(book.quotes().all(|quote| !quote.is_open()));
        }
    }
}

mod proposals {
    //! Proposals of loans behave as quotes.

    use subrosa_protocol::loan::{Agreement, Loan, PartyKeys};

    use super::*;
    use crate::negotiation::payload::Proposal;

    /// Party 1 is the borrower, party 2 the lender.
    fn agreement(byte: u8) -> Agreement {
        Agreement {
            loan: Loan {
                borrower: address(1).owner,
                lender: address(2).owner,
                collateral: GOLD,
                debt: DOLLAR,
                principal: 500,
                rate: 50_000,
                start: NOW + 660,
                maturity: NOW + 90_000,
                market: 3,
                salt: Salt::from_bytes([byte; 16]),
            },
            parties: PartyKeys::of(&address(1), &address(2)),
            collateral: 3,
            borrower_side: Side::B,
            expiry: NOW + 660,
        }
    }

    fn named(agreement: &Agreement) -> Id {
        Id::from_bytes(agreement.loan.id()).unwrap()
    }

    /// Delivers a changed proposal of party 1 to party 2.
    fn received(from: u8, change: impl FnOnce(&mut Proposal)) -> Result<Book, Dropped> {
        let mut proposal = Proposal {
            id: named(&agreement(9)),
            valid_until: NOW + 60,
            agreement: agreement(9),
        };
        change(&mut proposal);
        let mut book = Book::default();
        let payload = Payload::Proposal(Box::new(proposal));
        read(&mut book, 2, from, payload, NOW).map(|_| book)
    }

    #[test]
    fn only_a_fit_proposal_between_the_two_is_taken() {
        assert!(received(1, |_| {}).is_ok());
        assert!(received(3, |_| {}).is_err(), "of others");
        assert!(received(1, |p| p.agreement.loan.lender = address(3).owner).is_err());
        assert!(received(1, |p| p.agreement.parties.lender = address(3).pk).is_err());
        assert!(received(1, |p| p.id = id(9)).is_err(), "another name");
        assert!(received(1, |p| p.agreement.loan.collateral = AssetId(9)).is_err());
        assert!(received(1, |p| p.valid_until = NOW - 1).is_err());
        for (expiry, fits) in [
            (NOW + 59, false),
            (NOW + 60, true),
            (NOW + HORIZON, true),
            (NOW + HORIZON + 1, false),
        ] {
            let moved = received(1, |p| {
                p.agreement.expiry = expiry;
                p.agreement.loan.start = expiry;
            });
            assert_eq!(moved.is_ok(), fits, "{expiry}");
        }
        assert!(received(1, |p| p.agreement.loan.maturity = NOW + 660).is_err());
        // The loan starts at the last second of its opening.
        for start in [NOW, NOW + 659, NOW + 661] {
            assert!(received(1, |p| p.agreement.loan.start = start).is_err());
        }
        // Here the lender proposes.
        let lends = received(3, |p| {
            p.agreement.loan.borrower = address(2).owner;
            p.agreement.loan.lender = address(3).owner;
            p.agreement.parties = PartyKeys::of(&address(2), &address(3));
        });
        let book = lends.unwrap();
        let quote = book.quotes().next().unwrap();
        assert_eq!((quote.gives().asset, quote.side()), (GOLD, Side::B));
    }

    #[test]
    fn a_proposal_is_accepted_as_a_quote_is_and_kept_as_it_was() {
        let mut book = received(1, |_| {}).unwrap();
        let name = named(&agreement(9));
        let text = serde_json::to_string(&book).unwrap();
        let again: Book = serde_json::from_str(&text).unwrap();
        let quote = again.quote(&name).unwrap();
        assert_eq!(quote.deal.agreement(), Some(&agreement(9)));
        assert_eq!(quote.deal, book.quote(&name).unwrap().deal);
        assert!(quote.is_loan() && !quote.is_swap());
        assert_eq!(quote.gives().asset, DOLLAR);
        let letters = book.accept(&name, "leg", vec![nullifier(1)], NOW).unwrap();
        assert_eq!(letters[0].payload, Payload::Accept(name));
        assert_eq!(reserved(&book, true), 1);
        let repeated = received(1, |_| {}).unwrap();
        assert_eq!(repeated.quotes().count(), 1);
    }

    #[test]
    fn a_proposal_that_is_made_ready_too_late_is_not_sent() {
        let mut book = Book::default();
        let name = named(&agreement(9));
        let offer = NewOffer {
            id: name,
            rfq: None,
            counterparty: address(2),
            deal: Deal::loan(agreement(9)).unwrap(),
            maker: Side::B,
            times: (60, 600).into(),
            notes: None,
        };
        assert!(book.offer(offer, NOW).unwrap().is_empty());
        let late = agreement(9).loan.maturity - 660;
        let refused = book.offered(&name, vec![nullifier(1)], late);
        assert!(matches!(refused, Err(Refusal::WrongState(_))));
        // The stored book can be read again.
        let text = serde_json::to_string(&book).unwrap();
        let again: Book = serde_json::from_str(&text).unwrap();
        assert_eq!(
            again.quote(&name).unwrap().deal,
            Deal::loan(agreement(9)).unwrap()
        );
        assert_eq!(again.quote(&name).unwrap().status, QuoteStatus::Preparing);
    }

    #[test]
    fn a_proposal_of_ours_goes_out_with_its_final_times() {
        let mut book = Book::default();
        let name = named(&agreement(9));
        let offer = NewOffer {
            id: name,
            rfq: None,
            counterparty: address(2),
            deal: Deal::loan(agreement(9)).unwrap(),
            maker: Side::B,
            times: (60, 600).into(),
            notes: None,
        };
        assert!(book.offer(offer, NOW).unwrap().is_empty());
        let letter = book.offered(&name, vec![nullifier(1)], NOW + 40).unwrap();
        let Payload::Proposal(sent) = letter.payload else {
            panic!("not a proposal");
        };
        let times = (sent.agreement.expiry, sent.agreement.loan.start);
        assert_eq!(times, (NOW + 720, NOW + 720), "a full minute");
        let kept = book.quote(&name).unwrap();
        assert_eq!(kept.deal.terms(), &sent.agreement.terms().unwrap());
        book.publish(&[], NOW);
        let events = book.events().from(0);
        assert_eq!(events[0].subject, super::super::events::Subject::Loan);
        assert_eq!(events[0].status, "proposed");
        assert_eq!(events.len(), 1);
        let reaction = read(&mut book, 1, 2, Payload::Accept(name), NOW + 41).unwrap();
        assert_eq!(reaction.leg, Some(name));
    }
}

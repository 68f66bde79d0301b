//! The sequencer's files, logs and answers contain no private amount, memo, asset or party.
//!
//! Deposits and withdrawals cross to L1 in the open. Their amounts differ from the private ones and
//! serve as the control: the same search must find *them*.
//!
//! An asset id has two bytes, and any megabyte of ciphertext contains them by chance: a search
//! cannot show anything. Instead the test checks that transfers in different assets look alike.
//! Their public values are equal, and all other words are full-width noise that repeats nowhere,
//! whereas an id, an amount or a packed note would be a small number. The test checks the same for
//! the legs of two swaps, one a thousand times the other and in the other direction, and for the
//! messages that agreed them. It also opens a loan, releases collateral, repays and closes: the
//! legs of a loan look like the legs of a swap, and its steps like transfers.

use std::{
    collections::HashSet,
    io::Write,
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, ensure};
use serde_json::json;
use subrosa_protocol::{
    batch::{PublishedBatch, PublishedTransaction},
    encoding::{fr_to_bytes, point_to_bytes, scalar_to_bytes},
    keys::Seed,
    layout::slot_word,
};
use subrosa_tests::{
    Institution, Prices, World,
    chain::{DECIMALS, DOLLAR, FIRST_INSTITUTION, GOLD, SYMBOLS, account, units},
    world::FEE,
};
use subrosa_wallet::amount;

/// All log lines of this process.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("no holder panics")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Secret to search for, in all forms that it could take.
struct Needle {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Needle {
    fn text(name: &str, text: &str) -> Self {
        Self {
            name: name.into(),
            forms: vec![text.as_bytes().to_vec(), hex::encode(text).into_bytes()],
        }
    }

    /// Makes the forms of bytes: in either order, raw and as hex.
    fn bytes(name: &str, bytes: &[u8]) -> Self {
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        let hex = [
            hex::encode(bytes).into_bytes(),
            hex::encode(&reversed).into_bytes(),
        ];
        Self {
            name: name.into(),
            forms: [bytes.to_vec(), reversed].into_iter().chain(hex).collect(),
        }
    }

    /// Makes the forms of an amount: decimal, in display units and binary. Chance would find fewer
    /// than five bytes in so much noise, so the amounts are larger.
    fn amount(name: &str, units: u128, decimals: u8) -> Self {
        let full = units.to_be_bytes();
        let minimal = &full[usize::try_from(units.leading_zeros() / 8).expect("at most 16")..];
        assert!(minimal.len() >= 5, "{name} is too small to be searched for");
        let mut needle = Self::bytes(name, minimal);
        needle.forms.extend(Self::bytes(name, &full).forms);
        needle.forms.push(units.to_string().into_bytes());
        needle
            .forms
            .push(amount::format(units, decimals).into_bytes());
        needle
    }

    fn is_in(&self, haystack: &[u8]) -> bool {
        self.forms.iter().any(|form| contains(haystack, form))
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else {
        return true;
    };
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|byte| byte == first) {
        from += at + 1;
        if haystack[from..].starts_with(rest) {
            return true;
        }
    }
    false
}

/// Returns the contents of all files below a directory. RocksDB is built without compression, and
/// the control shows that the search finds stored values.
fn files(directory: &Path, into: &mut Vec<u8>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, into)?;
            continue;
        }
        match std::fs::read(&path) {
            Ok(bytes) => into.extend(bytes),
            // Compaction has just removed the file.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Returns every answer of the interface, followed by its hex parts decoded.
async fn answers(world: &World) -> anyhow::Result<Vec<u8>> {
    let mut paths: Vec<String> = [
        "/v1/info",
        "/v1/assets",
        "/v1/batches",
        "/openapi.json",
        "/health",
        "/ready",
    ]
    .map(Into::into)
    .into();
    paths.push("/v1/messages?from=0&limit=1000".into());
    paths.push("/v1/oracle".into());
    for batch in world.api.batches().await? {
        paths.push(format!("/v1/batches/{}", batch["index"]));
        for digest in batch["transactions"].as_array().context("digests")? {
            paths.push(format!(
                "/v1/transactions/{}",
                digest.as_str().context("a digest")?
            ));
        }
    }
    let mut all = Vec::new();
    for path in paths {
        let text = world.api.text(&path).await?;
        for part in text.split('"').filter_map(|part| part.strip_prefix("0x")) {
            all.extend(hex::decode(part).unwrap_or_default());
        }
        all.extend(text.into_bytes());
    }
    Ok(all)
}

// Public amounts: they cross to L1. North gets three notes of dollars, so that it can pay twice in
// one batch.
const NORTH_DOLLARS: [&str; 2] = ["8000000.25", "90000011.000003"];
const NORTH_GOLD: &str = "5000.000000000000000007";
const SOUTH_DOLLARS: &str = "70000023.000009";
const SOUTH_OUT: &str = "2500017.000001";
// Private amounts.
const PAID_DOLLARS: &str = "7318204.519377";
const PAID_GOLD: &str = "1234.567890123456789";
const PAID_BACK: &str = "3141592.653589";
/// North gives dollars for gold; then south gives more than a thousand times as much.
const SWAPPED: [(&str, &str); 2] = [
    ("18427.915306", "9.876543210987654321"),
    ("51873302.446917", "2718.281828459045235"),
];
/// South borrows dollars of north against gold: principal, collateral, added collateral, repayment.
const LOAN: [(&str, usize); 4] = [
    ("2718281.828459", 0),
    ("1618.033988749894848", 1),
    ("57.721566490153286", 1),
    ("1414213.562373", 0),
];
const MEMOS: [&str; 3] = [
    "INVOICE ALPHA-48213 / STRICTLY",
    "gold leg ZX-77310045",
    "margin return Q-9914-B",
];

fn secrets(north: &Institution, south: &Institution) -> Vec<Needle> {
    let [dollars, gold] = DECIMALS;
    let mut needles = vec![
        Needle::amount("paid dollars", units(0, PAID_DOLLARS), dollars),
        Needle::amount("paid gold", units(1, PAID_GOLD), gold),
        Needle::amount("paid back", units(0, PAID_BACK), dollars),
        Needle::amount(
            "change",
            units(0, NORTH_DOLLARS[0]) - units(0, PAID_DOLLARS) - FEE,
            dollars,
        ),
        Needle::amount(
            "change of gold",
            units(1, NORTH_GOLD) - units(1, PAID_GOLD),
            gold,
        ),
        Needle::amount(
            "change of the fee",
            units(0, NORTH_DOLLARS[1]) - FEE,
            dollars,
        ),
        Needle::amount(
            "change of paying back",
            units(0, SOUTH_DOLLARS) - units(0, PAID_BACK) - FEE,
            dollars,
        ),
    ];
    for (dollar, metal) in SWAPPED {
        needles.push(Needle::amount("swapped dollars", units(0, dollar), dollars));
        needles.push(Needle::amount("swapped gold", units(1, metal), gold));
    }
    for (name, (text, asset)) in ["principal", "collateral", "top-up", "repayment"]
        .into_iter()
        .zip(LOAN)
    {
        needles.push(Needle::amount(name, units(asset, text), DECIMALS[asset]));
    }
    needles.extend(MEMOS.map(|memo| Needle::text(memo, memo)));
    for (name, institution) in [("north", north), ("south", south)] {
        let keys = institution.keys();
        needles.push(Needle::text(
            &format!("{name}'s address"),
            &institution.address(),
        ));
        for (what, bytes) in [
            ("owner", keys.owner.to_bytes()),
            ("pk", point_to_bytes(&keys.pk)),
            ("ak", point_to_bytes(&keys.ak)),
            ("nk", fr_to_bytes(&keys.nk)),
            ("ivk", scalar_to_bytes(&keys.ivk)),
            ("ovk", keys.ovk),
            ("seed", *institution.seed.as_bytes()),
        ] {
            needles.push(Needle::bytes(&format!("{name}'s {what}"), &bytes));
        }
    }
    needles
}

/// Returns all published transfers, each with the length of the answer about it, less the length of
/// its batch's number.
async fn transfers(world: &World) -> anyhow::Result<Vec<(PublishedTransaction, usize)>> {
    let mut all = Vec::new();
    for batch in world.api.batches().await? {
        let hex = batch["published"].as_str().context("published data")?;
        let published = PublishedBatch::from_bytes(&hex::decode(&hex[2..])?)?;
        for (slot, transaction) in published.transactions.into_iter().enumerate() {
            let digest = batch["transactions"][slot].as_str().context("a digest")?;
            let path = format!("/v1/transactions/{digest}");
            let status = world.api.text(&path).await?;
            let number = batch["index"].to_string();
            if transaction.withdrawal.is_none() {
                all.push((transaction, status.len() - number.len()));
            }
        }
    }
    Ok(all)
}

/// Checks that nothing distinguishes transfers in different assets.
fn look_alike(transfers: &[(PublishedTransaction, usize)]) -> anyhow::Result<()> {
    let mut seen = HashSet::new();
    for (transaction, answer) in transfers {
        let words = transaction.words();
        ensure!(
            words[..2].iter().all(|word| fr_to_bytes(word) == [0; 32]),
            "a transfer names what it withdraws"
        );
        for (place, word) in words.iter().enumerate().skip(2) {
            let bytes = fr_to_bytes(word);
            // Nullifiers have 24 bytes, the last word 9, the others 31 or 32. Nine zero bytes at
            // the front of these occur by chance once in 2^64; a u128 in 24 bytes would have eight,
            // and an amount of ours more.
            let above = match place {
                _ if slot_word::NULLIFIERS.contains(&place) => 8,
                _ if place + 1 == words.len() => 23,
                _ => 0,
            };
            ensure!(
                bytes[above..above + 9].iter().any(|byte| *byte != 0),
                "word {place} is a small number"
            );
            ensure!(seen.insert(bytes), "word {place} stands twice");
        }
        ensure!(
            *answer == transfers[0].1,
            "answers about transfers differ in length"
        );
    }
    Ok(())
}

/// Returns an institution's history as texts.
async fn lines(of: &Institution) -> anyhow::Result<Vec<String>> {
    let history = of.history().await?;
    Ok(history.iter().map(ToString::to_string).collect())
}

/// Returns the messages in the mailbox.
async fn messages(world: &World) -> anyhow::Result<Vec<Vec<u8>>> {
    let answer = world.api.json("/v1/messages?from=0&limit=1000").await?;
    let messages = answer["messages"].as_array().context("messages")?.iter();
    messages
        .map(|entry| {
            let text = entry["message"].as_str().context("a message")?;
            Ok(hex::decode(text.trim_start_matches("0x"))?)
        })
        .collect()
}

/// Messages and legs of a swap, as the sequencer saw them.
struct Seen {
    messages: Vec<Vec<u8>>,
    legs: Vec<(PublishedTransaction, usize)>,
}

/// Carries out a swap and returns the messages and legs that it added.
async fn swap(
    world: &World,
    from: &Institution,
    to: &Institution,
    (dollars, gold): (&str, &str),
) -> anyhow::Result<Seen> {
    let (sent, published) = (messages(world).await?.len(), transfers(world).await?.len());
    let (give, want) = ((SYMBOLS[0], dollars), (SYMBOLS[1], gold));
    let quote = from.quoted(to, give, want, (120, 600)).await?;
    let id = from.accept(&quote).await?;
    for of in [from, to] {
        of.shows(&format!("/v1/swaps/{id}"), &["settled"]).await?;
    }
    Ok(Seen {
        messages: messages(world).await?.split_off(sent),
        legs: transfers(world).await?.split_off(published),
    })
}

/// Checks that only noise distinguishes two swaps: they have equally many messages and legs, of the
/// same lengths, and no part of them is a small number or occurs twice.
fn swaps_look_alike(swaps: &[Seen]) -> anyhow::Result<()> {
    let mut seen = HashSet::new();
    for swap in swaps {
        ensure!(
            swap.messages.len() == swaps[0].messages.len() && !swap.messages.is_empty(),
            "one swap takes more messages than another"
        );
        for message in &swap.messages {
            ensure!(
                message.len() == 1024,
                "a message has {} bytes",
                message.len()
            );
            for part in message.chunks(32) {
                ensure!(
                    seen.insert(part.to_vec()),
                    "a part of a message stands twice"
                );
                let rare = part.iter().filter(|byte| **byte == 0).count();
                ensure!(rare < 8, "a part of a message is not noise");
            }
        }
        ensure!(swap.legs.len() == 2, "{} legs", swap.legs.len());
    }
    let legs: Vec<_> = swaps.iter().flat_map(|swap| swap.legs.clone()).collect();
    look_alike(&legs)
}

/// Carries out a loan from its opening to its end and returns the messages and legs that it added.
/// The last message of a negotiation is its acceptance, for a swap and for a loan.
async fn loan(
    world: &World,
    lender: &Institution,
    borrower: &Institution,
) -> anyhow::Result<(Seen, Vec<(PublishedTransaction, usize)>)> {
    let (sent, published) = (messages(world).await?.len(), transfers(world).await?.len());
    let maturity = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_secs()
        + 90 * 86_400;
    let [principal, collateral, added, repaid] = LOAN.map(|(text, _)| text);
    let order = json!({
        "role": "borrower",
        "with": lender.address(),
        "collateral": { "asset": SYMBOLS[1], "amount": collateral },
        "debt": { "asset": SYMBOLS[0], "amount": principal },
        "rate_ppm": 45_000,
        "maturity": maturity,
        "valid_for": 120,
        "settle_within": 600,
    });
    let id = borrower.start("/v1/loans", order).await?;
    let path = format!("/v1/loans/{id}");
    lender.shows(&path, &["proposed"]).await?;
    lender.start(&format!("{path}/accept"), json!({})).await?;
    for of in [lender, borrower] {
        of.shows(&path, &["open"]).await?;
    }
    let batches = world.api.batches().await?.len() as u64;
    world.api.settled_below(batches + 1).await?;
    let opened = Seen {
        messages: messages(world).await?.split_off(sent),
        legs: transfers(world).await?.split_off(published),
    };
    let steps = [
        ("collateral", json!({ "add": added })),
        ("repay", json!({ "amount": repaid })),
        ("close", json!({})),
    ];
    let count = steps.len();
    for (place, (step, body)) in steps.into_iter().enumerate() {
        borrower.start(&format!("{path}/{step}"), body).await?;
        subrosa_tests::eventually("a step to be taken", || async {
            let seen = transfers(world).await?.len();
            let loan = borrower.get(&path).await?;
            Ok((seen >= published + 3 + place && loan["operation"].is_null()).then_some(()))
        })
        .await?;
    }
    lender.shows(&path, &["closed"]).await?;
    let batches = world.api.batches().await?.len() as u64;
    world.api.settled_below(batches + 1).await?;
    let steps = transfers(world).await?.split_off(published + 2);
    ensure!(steps.len() >= count, "{} steps", steps.len());
    Ok((opened, steps))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sequencer_learns_nothing_private() -> anyhow::Result<()> {
    let logs = Captured::default();
    let writer = logs.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();

    let directory = tempfile::tempdir()?;
    let store = directory.path().join("sequencer");
    let world = World::start(&store, |_| {}).await?;
    let mut parties = Vec::new();
    for (place, seed) in [[0x5a; 32], [0xc3; 32]].into_iter().enumerate() {
        let account = account(FIRST_INSTITUTION + place);
        for asset in [DOLLAR, GOLD] {
            let supply = units(usize::from(asset.0), "200000000");
            world
                .chain
                .mint(&world.deployed, asset, account.address(), supply)
                .await?;
        }
        let seed = Seed::from_bytes(seed);
        let wallet = directory.path().join(format!("wallet-{place}"));
        parties.push(
            Institution::open(
                &world.chain,
                &world.deployed,
                &world.base,
                &wallet,
                seed,
                account,
            )
            .await?,
        );
    }
    let (north, south) = (&parties[0], &parties[1]);

    let mut open = Vec::new();
    for dollars in NORTH_DOLLARS {
        open.push((north, north.deposit(SYMBOLS[0], dollars).await?));
    }
    open.push((north, north.deposit(SYMBOLS[1], NORTH_GOLD).await?));
    open.push((south, south.deposit(SYMBOLS[0], SOUTH_DOLLARS).await?));
    for (institution, id) in open.drain(..) {
        institution.settled(&id).await?;
    }
    let (there, back) = (south.address(), north.address());
    open.push((
        north,
        north
            .transfer(SYMBOLS[0], PAID_DOLLARS, &there, MEMOS[0])
            .await?,
    ));
    open.push((
        north,
        north
            .transfer(SYMBOLS[1], PAID_GOLD, &there, MEMOS[1])
            .await?,
    ));
    open.push((
        south,
        south
            .transfer(SYMBOLS[0], PAID_BACK, &back, MEMOS[2])
            .await?,
    ));
    open.push((south, south.withdraw(SYMBOLS[0], SOUTH_OUT).await?));
    for (institution, id) in open.drain(..) {
        institution.settled(&id).await?;
    }
    // The payments did arrive: the private values below are the values of this run.
    let seen = lines(south).await?;
    for (amount, memo) in [(PAID_DOLLARS, MEMOS[0]), (PAID_GOLD, MEMOS[1])] {
        assert!(
            seen.iter()
                .any(|line| line.contains(amount) && line.contains(memo)),
            "{memo} did not arrive"
        );
    }

    let alike = transfers(&world).await?;
    assert_eq!(alike.len(), 3, "dollars, gold, dollars");
    look_alike(&alike)?;

    let swaps = [
        swap(&world, north, south, SWAPPED[0]).await?,
        swap(&world, south, north, SWAPPED[1]).await?,
    ];
    swaps_look_alike(&swaps)?;
    let seen = lines(south).await?;
    for amount in SWAPPED.iter().flat_map(|(dollars, gold)| [dollars, gold]) {
        assert!(
            seen.iter().any(|line| line.contains(amount)),
            "a swap of {amount} is not in south's history"
        );
    }

    // The opening is a swap like the others, and each step a transfer like the others.
    let _prices = Prices::open(&world, 300_000).await?;
    for of in [north, south] {
        subrosa_tests::eventually("the market to be known", || async {
            let markets = of.get("/v1/markets").await?;
            Ok(markets[0]["price"].is_object().then_some(()))
        })
        .await?;
    }
    let (opened, steps) = loan(&world, north, south).await?;
    ensure!(opened.legs.len() == 2, "{} legs", opened.legs.len());
    for message in &opened.messages {
        ensure!(message.len() == 1024, "a message of another length");
    }
    let everything: Vec<_> = alike
        .iter()
        .chain(&opened.legs)
        .chain(&steps)
        .cloned()
        .collect();
    look_alike(&everything)?;
    let seen = lines(south).await?;
    for (amount, _) in LOAN {
        assert!(
            seen.iter().any(|line| line.contains(amount)),
            "a loan's {amount} is not in south's history"
        );
    }

    let answers = answers(&world).await?;
    let metrics = world.api.metrics().await?.into_bytes();
    let mut stored = Vec::new();
    files(&store, &mut stored)?;
    world.sequencer.stop().await;
    // Stopping writes to disk whatever was only in memory and in the log of writes.
    files(&store, &mut stored)?;
    let secrets = secrets(north, south);
    let logged = logs.0.lock().expect("no holder panics").clone();

    let places: [(&str, &[u8]); 4] = [
        ("store", &stored),
        ("answers", &answers),
        ("metrics", &metrics),
        ("logs", &logged),
    ];
    for (place, haystack) in places {
        for needle in &secrets {
            assert!(
                !needle.is_in(haystack),
                "{} stands in the {place}",
                needle.name
            );
        }
    }

    // The control: the same search finds public values.
    let public = [
        Needle::amount("deposit", units(0, NORTH_DOLLARS[0]), DECIMALS[0]),
        Needle::amount("deposit of gold", units(1, NORTH_GOLD), DECIMALS[1]),
        Needle::amount("withdrawal", units(0, SOUTH_OUT), DECIMALS[0]),
        Needle::bytes("account", south.account.address().as_slice()),
    ];
    for needle in &public {
        assert!(
            needle.is_in(&stored),
            "{} is not found in the store",
            needle.name
        );
        assert!(
            needle.is_in(&answers),
            "{} is not found in the answers",
            needle.name
        );
    }
    let nullifier = Needle::bytes("nullifier", &alike[0].0.nullifiers[0].to_bytes());
    assert!(nullifier.is_in(&stored) && nullifier.is_in(&answers));
    assert!(
        Needle::text("line", "subrosa_sequencer").is_in(&logged),
        "the sequencer's log was not captured"
    );
    assert!(
        Needle::text("level", "TRACE").is_in(&logged),
        "the log was not captured at its finest"
    );
    assert!(Needle::text("metric", "subrosa_sequencer_mempool_transactions").is_in(&metrics));
    let planted = [&stored[..], PAID_GOLD.as_bytes()].concat();
    assert!(secrets[1].is_in(&planted), "a planted amount is found");
    for party in parties {
        party.stop().await;
    }
    Ok(())
}

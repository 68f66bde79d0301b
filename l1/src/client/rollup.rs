//! One view of the rollup and its surroundings, as of one block's hash.

use std::collections::BTreeSet;

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolEvent;
use subrosa_protocol::{asset::AssetId, batch::Shape};

use super::{Client, Contracts, aggregate::Questions, lock};
use crate::{
    contracts::{AssetRegistry, Rollup, Vault},
    error::L1Error,
    transport::{Block, FoundLog, LogQuery, Transport},
    view::RollupView,
    words::from_word,
};

/// Blocks that are read again, because a reorganisation may have replaced them.
const UNSTABLE: u64 = 64;

/// Blocks of one step through the logs since the deployment, after which a failed read goes on.
pub(super) const STEP: u64 = 200_000;

/// Ids of the shapes that were ever registered. Ids are never reused: a new key for a size has a
/// new id.
#[derive(Debug, Default)]
pub(super) struct KnownShapes {
    ids: BTreeSet<(u64, u32)>,
    /// First block that was not read yet.
    next: u64,
}

/// Events of one kind in a range of blocks.
pub(super) struct Window<E> {
    /// First block that was read.
    pub(super) from: u64,
    /// Last block that was read.
    pub(super) to: u64,
    /// The events, oldest first, with their logs.
    pub(super) events: Vec<(FoundLog, E)>,
}

/// The rollup's view, with the ids of its shapes.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    pub(super) view: RollupView,
    /// Shapes that are registered and not retired, with their ids, in order of registration.
    pub(super) shapes: Vec<(u32, Shape)>,
}

impl<T: Transport> Client<T> {
    /// Reads the view as of this block. Asks nothing if it is the block of the last view: a hash
    /// fixes all answers.
    pub(super) async fn surroundings(&self, block: &Block) -> Result<Surroundings, L1Error> {
        if let Some(last) = &*lock(&self.last)
            && last.view.block == *block
        {
            return Ok(last.clone());
        }
        let ids = self.shape_ids(block.number).await?;
        let read = self.read_surroundings(block, &ids).await?;
        *lock(&self.last) = Some(read.clone());
        Ok(read)
    }

    async fn read_surroundings(&self, block: &Block, ids: &[u32]) -> Result<Surroundings, L1Error> {
        let Contracts {
            rollup,
            vault,
            registry,
            ..
        } = self.contracts;
        let mut ask = Questions::default();
        let state = ask.ask("state", rollup, Rollup::stateCall {});
        let index = ask.ask("batchIndex", rollup, Rollup::batchIndexCall {});
        let context = ask.ask("context", rollup, Rollup::contextCall {});
        let fee_asset = ask.ask("feeAsset", rollup, Rollup::feeAssetCall {});
        let data_chain = ask.ask("dataChain", rollup, Rollup::dataChainCall {});
        let last_time = ask.ask("lastTime", rollup, Rollup::lastTimeCall {});
        let consumed = ask.ask("consumedCount", vault, Vault::consumedCountCall {});
        let queued = ask.ask("depositCount", vault, Vault::depositCountCall {});
        let root = ask.ask("root", registry, AssetRegistry::rootCall {});
        let asked: Vec<_> = ids
            .iter()
            .map(|id| {
                let call = Rollup::shapeOfCall {
                    shape: alloy_primitives::U256::from(*id),
                };
                (*id, ask.ask("shapeOf", rollup, call))
            })
            .collect();
        let answers = ask.at(&self.transport, block.hash).await?;

        let mut shapes = Vec::new();
        for (id, asked) in &asked {
            // A reorganisation may have removed the registration.
            if let Some(found) = answers.found(asked)?
                && !found.retired
            {
                shapes.push((*id, shape_of(found.slots)?));
            }
        }
        let mut sizes: Vec<Shape> = shapes.iter().map(|(_, shape)| *shape).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let view = RollupView {
            block: *block,
            state: from_word(answers.get(&state)?)?,
            batch_index: answers.get(&index)?,
            deposit_count: answers.get(&consumed)?,
            queued_deposits: answers.get(&queued)?,
            assets_root: from_word(answers.get(&root)?)?,
            context: from_word(answers.get(&context)?)?,
            fee_asset: AssetId(answers.get(&fee_asset)?),
            last_time: answers.get(&last_time)?.to::<u64>(),
            data_chain: answers.get(&data_chain)?.0,
            shapes: sizes,
        };
        if view.deposit_count > view.queued_deposits {
            return Err(L1Error::Odd(
                "more deposits are consumed than queued".into(),
            ));
        }
        Ok(Surroundings { view, shapes })
    }

    /// Returns the ids of all shapes that were registered up to this block, in order of
    /// registration. Reads the logs of new blocks only.
    async fn shape_ids(&self, through: u64) -> Result<Vec<u32>, L1Error> {
        loop {
            let next = {
                let known = lock(&self.shapes);
                if known.next > through {
                    return Ok(known.ids.iter().map(|(_, id)| *id).collect());
                }
                known.next
            };
            let window = self
                .events::<Rollup::ShapeRegistered>(self.contracts.rollup, next, through)
                .await?;
            let (from, to) = (window.from, window.to);
            let found = window.events.into_iter();
            let mut known = lock(&self.shapes);
            known.ids.retain(|(block, _)| !(from..=to).contains(block));
            known
                .ids
                .extend(found.map(|(log, event)| (log.block, event.shape)));
            known.next = known.next.max(to + 1);
        }
    }

    /// Reads a contract's events of one kind: a step of blocks from `next` on, at most through
    /// `through`, and again the blocks before `next` that may have been replaced.
    pub(super) async fn events<E: SolEvent>(
        &self,
        contract: Address,
        next: u64,
        through: u64,
    ) -> Result<Window<E>, L1Error> {
        self.events_of(contract, &[E::SIGNATURE_HASH], next, through)
            .await
    }

    /// Like [`Self::events`], of those that begin with these topics.
    pub(super) async fn events_of<E: SolEvent>(
        &self,
        contract: Address,
        topics: &[B256],
        next: u64,
        through: u64,
    ) -> Result<Window<E>, L1Error> {
        let again = next.saturating_sub(UNSTABLE);
        let from = again.max(self.contracts.deployed_at).min(through);
        let to = through.min(from.saturating_add(STEP - 1));
        let query = LogQuery {
            addresses: vec![contract],
            topics: topics.to_vec(),
            from,
            to,
        };
        let mut events = Vec::new();
        for found in self.transport.logs(query).await? {
            let event = E::decode_log(&found.log)
                .map_err(|e| L1Error::Odd(format!("{}: {e}", E::SIGNATURE)))?;
            events.push((found, event.data));
        }
        Ok(Window { from, to, events })
    }
}

/// Returns the shape with this number of slots.
pub(super) fn shape_of(slots: u16) -> Result<Shape, L1Error> {
    Shape::from_slots(usize::from(slots))
        .ok_or_else(|| L1Error::Odd("a shape has an unknown size".into()))
}

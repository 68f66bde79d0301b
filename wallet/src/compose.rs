//! Composing: builds a transaction with its witness from an intent and the available notes.

mod step;

use ark_ed_on_bn254::EdwardsAffine;
use rand::{CryptoRng, RngCore};
use subrosa_protocol::{
    Fr,
    asset::{AssetId, AssetTree},
    element::OwnerId,
    encryption::Memo,
    keys::{Address, SpendKey, ViewingKey},
    loan::Agreement,
    market::PriceSnapshot,
    note::Note,
    swap::{self, Side},
    transaction::{Header, Kind, Transaction, Withdrawal},
    tree::MerklePath,
};
use subrosa_transaction::{ARITY, Draft, InputWitness, LoanStep, NOTE_DEPTH, Witness};
use thiserror::Error;

use crate::{
    chain::{Chain, OwnedNote},
    loans::{Action, HeldLoan, Plan, Role, StepContext, StepError, plan},
    select::{Selection, select},
    times::Validity,
};

/// The purpose of a transaction, for an amount of an asset.
#[derive(Clone)]
pub enum Intent {
    /// Pays the amount to an address inside.
    Transfer {
        /// The payee.
        to: Address,
        /// Memo to the payee.
        memo: Memo,
    },
    /// Pays the amount out to an L1 account.
    Withdraw {
        /// The account.
        recipient: [u8; 20],
    },
    /// Delivers the amount as one leg of a swap. Asset and amount must be those of the terms.
    Leg {
        /// The agreed terms.
        terms: Box<swap::Terms>,
        /// Side of the leg.
        side: Side,
    },
    /// Delivers the amount as our leg of the swap that opens a loan. Asset and amount must be those
    /// of the agreement.
    Open(Box<Agreement>),
    /// Makes a step on the position of a loan. The action holds the amount.
    Step {
        /// The loan.
        loan: Box<HeldLoan>,
        /// The step.
        action: Action,
    },
}

/// Header values of a transaction.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// Word 0: chain id and rollup contract.
    pub context: Fr,
    /// The rollup's fee asset.
    pub fee_asset: AssetId,
    /// The fee, base units.
    pub fee: u128,
    /// Validity of a transaction. The terms of a swap replace its end. A step ends sooner if the
    /// price that it uses does. An adjustment also ends before the loan's maturity.
    pub usual: Validity,
    /// Now, Unix seconds.
    pub now: u64,
    /// Latest known price snapshot. It is in the anchor of every transaction, whether or not the
    /// transaction needs a price.
    pub snapshot: Option<PriceSnapshot>,
}

/// Reason why nothing could be composed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ComposeError {
    /// The spendable notes do not cover amount and fee now.
    #[error("the spendable notes do not cover the amount and the fee")]
    Insufficient,
    /// The asset is not in the registry.
    #[error("the asset is not registered")]
    UnknownAsset,
    /// Asset and amount are not those of the terms, or the other side's delivery is not ours.
    #[error("the terms do not fit this wallet's leg, so it does not sign them")]
    Foreign,
    /// A header field is out of range.
    #[error("the fee or the expiry is out of range")]
    OutOfRange,
    /// The step on a loan, or its opening, is not legal now.
    #[error(transparent)]
    Step(#[from] StepError),
}

/// A composed transaction.
pub struct Composed {
    /// The transaction.
    pub transaction: Transaction,
    /// Witness for its prover.
    pub witness: Witness,
    /// Whether it only merges notes. The intent must then be composed again after its inclusion.
    pub merges: bool,
}

/// The keys, notes and header values from which transactions are composed.
pub struct Composer<'a> {
    /// The chain as we see it.
    pub chain: &'a Chain,
    /// Registered assets.
    pub assets: &'a AssetTree,
    /// Our viewing key.
    pub keys: &'a ViewingKey,
    /// Our spending key.
    pub spend: &'a SpendKey,
    /// Context, fee, validity and snapshot.
    pub envelope: Envelope,
}

/// Inputs, and outputs as (owner, asset, value).
struct Layout {
    inputs: Vec<OwnedNote>,
    outputs: [(OwnerId, AssetId, u128); ARITY],
    /// Key to which output 0 is encrypted.
    payee_pk: EdwardsAffine,
    assets: [AssetId; ARITY],
    merges: bool,
}

/// The parts of a transaction besides its inputs and outputs.
struct Frame {
    kind: Kind,
    not_before: u64,
    expiry: u64,
    withdrawal: Option<Withdrawal>,
    memo: Memo,
    terms: Option<swap::Terms>,
    loan: Option<LoanStep>,
}

impl Composer<'_> {
    /// Composes `intent` for `amount` of `asset` from the notes that `spendable` admits.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn compose(
        &self,
        intent: &Intent,
        asset: AssetId,
        amount: u128,
        spendable: impl Fn(&OwnedNote) -> bool,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Composed, ComposeError> {
        let frame = self.frame(intent, asset, amount)?;
        let (layout, plan) = self.lay_out(intent, asset, amount, spendable)?;
        let merges = layout.merges;
        let frame = match plan {
            _ if merges => self.plain(),
            Some(plan) => self.step_frame(plan),
            None => frame,
        };
        let Envelope {
            context,
            fee_asset,
            fee,
            snapshot,
            ..
        } = self.envelope;
        let prices = self.chain.prices_under(snapshot.as_ref());
        let header = Header::new(frame.kind, fee_asset, fee, frame.expiry)
            .and_then(|header| header.valid_from(frame.not_before))
            .map_err(|_| ComposeError::OutOfRange)?;
        let moved = layout.outputs[0].1;
        let mut inputs = Vec::with_capacity(ARITY);
        for owned in &layout.inputs {
            inputs.push(self.input(owned)?);
        }
        while inputs.len() < ARITY {
            inputs.push(self.dummy(moved, rng));
        }
        let draft = Draft {
            context,
            note_root: self.chain.ledger().notes().root(),
            prices,
            header,
            withdrawal: frame.withdrawal,
            inputs: inputs.try_into().map_err(|_| ComposeError::Insufficient)?,
            outputs: layout.outputs,
            payee: layout.payee_pk,
            assets: layout.assets,
            memo: frame.memo,
            terms: frame.terms,
            loan: frame.loan,
        };
        let (transaction, witness) = draft
            .finish(self.keys, self.spend, self.assets, rng)
            .ok_or(ComposeError::UnknownAsset)?;
        Ok(Composed {
            transaction,
            witness,
            merges,
        })
    }

    /// Returns the prices and times on which steps are planned.
    fn step_context(&self) -> StepContext<'_> {
        StepContext {
            snapshot: self.envelope.snapshot.as_ref(),
            last: self.chain.time(),
            assets: self.assets,
            now: self.envelope.now,
            usual: self.envelope.usual,
        }
    }

    /// Returns the frame of a transfer without a memo.
    fn plain(&self) -> Frame {
        Frame {
            kind: Kind::Transfer,
            not_before: self.envelope.usual.not_before,
            expiry: self.envelope.usual.expiry,
            withdrawal: None,
            memo: Memo::default(),
            terms: None,
            loan: None,
        }
    }

    fn step_frame(&self, plan: Plan) -> Frame {
        Frame {
            not_before: plan.not_before,
            expiry: plan.expiry,
            loan: Some(plan.step),
            ..self.plain()
        }
    }

    /// Returns the frame of an intent. This is the last check before the transaction is signed.
    fn frame(&self, intent: &Intent, asset: AssetId, amount: u128) -> Result<Frame, ComposeError> {
        let plain = self.plain();
        Ok(match intent {
            Intent::Transfer { memo, .. } => Frame {
                memo: memo.clone(),
                ..plain
            },
            Intent::Withdraw { recipient } => Frame {
                kind: Kind::Withdraw,
                withdrawal: Some(Withdrawal {
                    asset,
                    recipient: *recipient,
                    amount,
                }),
                ..plain
            },
            Intent::Leg { terms, side } => self.leg((**terms).clone(), *side, (asset, amount))?,
            Intent::Open(agreement) => {
                let (terms, side, role) = self.origination(agreement)?;
                let frame = self.leg(terms, side, (asset, amount))?;
                let loan = match role {
                    Role::Borrower => Some(plan::originate(agreement, &self.step_context())?),
                    Role::Lender => {
                        plan::may_agree(agreement, &self.step_context())?;
                        None
                    }
                };
                Frame { loan, ..frame }
            }
            Intent::Step { .. } => plain,
        })
    }

    fn leg(
        &self,
        terms: swap::Terms,
        side: Side,
        (asset, amount): (AssetId, u128),
    ) -> Result<Frame, ComposeError> {
        let leg = terms.exchange.leg(side);
        let ours = terms.receiver(side.other()).owner == self.keys.owner;
        if (leg.asset, leg.value) != (asset, amount) || !ours {
            return Err(ComposeError::Foreign);
        }
        Ok(Frame {
            kind: Kind::leg(side),
            expiry: terms.expiry,
            terms: Some(terms),
            ..self.plain()
        })
    }

    /// Returns the terms of an origination, our side and our role, if the agreement is valid and
    /// ours.
    fn origination(
        &self,
        agreement: &Agreement,
    ) -> Result<(swap::Terms, Side, Role), ComposeError> {
        agreement.check().map_err(|_| ComposeError::Foreign)?;
        let role = Role::of(&self.keys.owner, &agreement.loan).ok_or(ComposeError::Foreign)?;
        let side = match role {
            Role::Borrower => agreement.borrower_side,
            Role::Lender => agreement.borrower_side.other(),
        };
        let terms = agreement.terms().map_err(|_| ComposeError::Foreign)?;
        Ok((terms, side, role))
    }

    /// Returns the notes that [`Composer::compose`] would spend, and whether it would only merge
    /// them.
    ///
    /// # Errors
    /// [`ComposeError`].
    pub fn choose(
        &self,
        intent: &Intent,
        asset: AssetId,
        amount: u128,
        spendable: impl Fn(&OwnedNote) -> bool,
    ) -> Result<(Vec<OwnedNote>, bool), ComposeError> {
        let (layout, _) = self.lay_out(intent, asset, amount, spendable)?;
        Ok((layout.inputs, layout.merges))
    }

    /// Lays out the inputs and outputs of an intent. Returns the plan too if the intent is a step.
    fn lay_out(
        &self,
        intent: &Intent,
        asset: AssetId,
        amount: u128,
        spendable: impl Fn(&OwnedNote) -> bool,
    ) -> Result<(Layout, Option<Plan>), ComposeError> {
        let own = self.keys.address();
        // The amount of a withdrawal leaves the rollup, so output 0 is worth nothing.
        let (payee, paid) = match intent {
            Intent::Transfer { to, .. } => (*to, amount),
            Intent::Withdraw { .. } => (own, 0),
            Intent::Leg { terms, side } => (*terms.receiver(*side), amount),
            Intent::Open(agreement) => {
                let (terms, side, _) = self.origination(agreement)?;
                (*terms.receiver(side), amount)
            }
            Intent::Step { loan, action } => {
                let plan = plan::plan(loan, action, &self.step_context())?;
                let layout = self.lay_out_step(loan, &plan, &spendable)?;
                return Ok((layout, Some(plan)));
            }
        };
        let layout = self.lay_out_payment((payee, paid), asset, amount, &spendable)?;
        Ok((layout, None))
    }

    /// Lays out a payment, withdrawal or leg of `amount`. Output 0 gives `paid` of it to `payee`.
    fn lay_out_payment(
        &self,
        (payee, paid): (Address, u128),
        asset: AssetId,
        amount: u128,
        spendable: &impl Fn(&OwnedNote) -> bool,
    ) -> Result<Layout, ComposeError> {
        let held = |of: AssetId| self.held(of, spendable);
        let Envelope { fee_asset, fee, .. } = self.envelope;
        let own = self.keys.owner;
        let assets = [asset, fee_asset, fee_asset];
        if asset == fee_asset {
            let notes = held(asset);
            let need = amount.checked_add(fee).ok_or(ComposeError::Insufficient)?;
            return match select(&notes, need, ARITY) {
                Selection::Enough(chosen) => {
                    let (inputs, total) = take(&notes, &chosen)?;
                    let outputs = [
                        (payee.owner, asset, paid),
                        (own, asset, total - need),
                        (own, asset, 0),
                    ];
                    Ok(Layout {
                        inputs,
                        outputs,
                        payee_pk: payee.pk,
                        assets,
                        merges: false,
                    })
                }
                Selection::Fragmented(chosen) => self.merge(&notes, &chosen, None),
                Selection::Insufficient => Err(ComposeError::Insufficient),
            };
        }
        let fee_notes = held(fee_asset);
        let fee_note = match select(&fee_notes, fee, 1) {
            Selection::Enough(chosen) => fee_notes[chosen[0]].clone(),
            Selection::Fragmented(_) => return self.merge_largest(&fee_notes, ARITY),
            Selection::Insufficient => return Err(ComposeError::Insufficient),
        };
        let notes = held(asset);
        match select(&notes, amount, ARITY - 1) {
            Selection::Enough(chosen) => {
                let (mut inputs, total) = take(&notes, &chosen)?;
                let fee_change = fee_note.note.value - fee;
                inputs.push(fee_note);
                let outputs = [
                    (payee.owner, asset, paid),
                    (own, asset, total - amount),
                    (own, fee_asset, fee_change),
                ];
                Ok(Layout {
                    inputs,
                    outputs,
                    payee_pk: payee.pk,
                    assets,
                    merges: false,
                })
            }
            Selection::Fragmented(chosen) => self.merge(&notes, &chosen, Some(fee_note)),
            Selection::Insufficient => Err(ComposeError::Insufficient),
        }
    }

    /// Returns our unspent notes of an asset that may be spent.
    fn held(&self, asset: AssetId, spendable: &impl Fn(&OwnedNote) -> bool) -> Vec<OwnedNote> {
        let notes = self.chain.notes().iter();
        notes
            .filter(|n| n.spent.is_none() && n.note.asset == asset && spendable(n))
            .cloned()
            .collect()
    }

    fn merge_largest(&self, notes: &[OwnedNote], limit: usize) -> Result<Layout, ComposeError> {
        let mut order: Vec<usize> = (0..notes.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(notes[i].note.value));
        order.truncate(limit);
        self.merge(notes, &order, None)
    }

    /// Merges the chosen notes of one asset into one. The fee comes from them, or from `fee_note`
    /// if they are in another asset.
    fn merge(
        &self,
        notes: &[OwnedNote],
        chosen: &[usize],
        fee_note: Option<OwnedNote>,
    ) -> Result<Layout, ComposeError> {
        let Envelope { fee_asset, fee, .. } = self.envelope;
        let own = self.keys.owner;
        let (mut inputs, total) = take(notes, chosen)?;
        let asset = inputs.first().ok_or(ComposeError::Insufficient)?.note.asset;
        let (merged, fee_change) = match &fee_note {
            Some(note) => (total, note.note.value - fee),
            None => (total.checked_sub(fee).ok_or(ComposeError::Insufficient)?, 0),
        };
        inputs.extend(fee_note);
        let outputs = [
            (own, asset, merged),
            (own, asset, 0),
            (own, fee_asset, fee_change),
        ];
        Ok(Layout {
            inputs,
            outputs,
            payee_pk: self.keys.pk,
            assets: [asset, fee_asset, fee_asset],
            merges: true,
        })
    }

    fn input(&self, owned: &OwnedNote) -> Result<InputWitness, ComposeError> {
        let path = self
            .chain
            .ledger()
            .notes()
            .path(owned.leaf_index)
            .ok_or(ComposeError::Insufficient)?;
        Ok(InputWitness {
            dummy: false,
            note: owned.note,
            leaf_index: owned.leaf_index,
            path,
        })
    }

    /// Makes an input of value 0 that is not in the tree. Its random rcm makes its nullifier
    /// unique.
    fn dummy(&self, asset: AssetId, rng: &mut (impl RngCore + CryptoRng)) -> InputWitness {
        let rcm = <Fr as ark_ff::UniformRand>::rand(rng);
        InputWitness {
            dummy: true,
            note: Note::cash(asset, 0, self.keys.owner, rcm),
            leaf_index: 0,
            path: MerklePath {
                index: 0,
                siblings: [[Fr::from(0u64); 3]; NOTE_DEPTH],
            },
        }
    }
}

fn take(notes: &[OwnedNote], chosen: &[usize]) -> Result<(Vec<OwnedNote>, u128), ComposeError> {
    let inputs: Vec<_> = chosen.iter().map(|&i| notes[i].clone()).collect();
    let total = inputs
        .iter()
        .try_fold(0u128, |sum, owned| sum.checked_add(owned.note.value))
        .ok_or(ComposeError::OutOfRange)?;
    Ok((inputs, total))
}

impl std::fmt::Debug for Composed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Composed")
            .field("merges", &self.merges)
            .finish_non_exhaustive()
    }
}

//! Agreement of two parties on a loan before its origination, and its wire form (spec:
//! *Collateral*).

use std::fmt;

use super::{Loan, LoanError, Position};
use crate::EdwardsAffine;
use crate::asset::AssetId;
use crate::encoding::{CodecError, Reader, Writer};
use crate::keys::{Address, AddressError};
use crate::note::NoteClass;
use crate::swap::{Exchange, Leg, Salt, Side, Terms, TermsError};

/// First byte of an encoded agreement.
const VERSION: u8 = 1;

/// A loan and the swap that originates it. Its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The loan.
    pub loan: Loan,
    /// Encryption keys of borrower and lender, to which the legs deliver.
    pub parties: PartyKeys,
    /// Collateral at the origination, in base units.
    pub collateral: u128,
    /// Side of the swap that the borrower takes.
    pub borrower_side: Side,
    /// Last second of Unix time at which the loan can be originated.
    pub expiry: u64,
}

/// Encryption keys of the two parties. They are needed where a swap delivers to both. A loan itself
/// names owners only, which published data contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartyKeys {
    /// Key of the borrower.
    pub borrower: EdwardsAffine,
    /// Key of the lender.
    pub lender: EdwardsAffine,
}

impl PartyKeys {
    /// Takes the keys of both addresses.
    #[must_use]
    pub const fn of(borrower: &Address, lender: &Address) -> Self {
        Self {
            borrower: borrower.pk,
            lender: lender.pk,
        }
    }

    /// Returns the addresses of borrower and lender of a loan.
    #[must_use]
    pub fn addresses(&self, loan: &Loan) -> (Address, Address) {
        let address = |owner, pk| Address { owner, pk };
        (
            address(loan.borrower, self.borrower),
            address(loan.lender, self.lender),
        )
    }
}

/// Reason why bytes do not decode to an agreement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgreementDecodeError {
    /// The bytes are not a canonical encoding.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A party's address does not decode.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The encoding is valid, but the terms of the loan are not.
    #[error(transparent)]
    Loan(#[from] LoanError),
    /// The encoding is valid, but no swap can originate the loan.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// Interest would not run from the last moment of the origination.
    #[error("start must be the expiry")]
    Start,
}

impl Agreement {
    /// Length of the wire form in bytes.
    pub const ENCODED_LEN: usize = 1 + 2 * 64 + 2 * 2 + 16 + 3 + 2 * 5 + 1 + 16 + 16 + 1 + 5;

    /// Checks that the loan makes sense and starts at the expiry (T30), so that no price from
    /// before its origination serves against the borrower.
    ///
    /// # Errors
    /// The first [`AgreementDecodeError`].
    pub fn check(&self) -> Result<(), AgreementDecodeError> {
        self.loan.check()?;
        if self.loan.start != self.expiry {
            return Err(AgreementDecodeError::Start);
        }
        self.terms()?;
        Ok(())
    }

    /// Returns the position that the origination makes.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            collateral: self.collateral,
            debt: self.loan.origination_debt(),
        }
    }

    /// Returns the terms of the swap that originates the loan.
    ///
    /// # Errors
    /// The first [`TermsError`].
    pub fn terms(&self) -> Result<Terms, TermsError> {
        let loan = &self.loan;
        let secured = Leg {
            class: NoteClass::Position,
            asset: loan.collateral,
            value: self.collateral,
        };
        let lent = Leg::cash(loan.debt, loan.principal);
        let zero = ark_bn254::Fr::from(0u64);
        let aux = loan.aux(&loan.origination_debt());
        let (borrower, lender) = self.parties.addresses(loan);
        let (legs, receivers, aux) = match self.borrower_side {
            Side::A => ([secured, lent], [lender, borrower], [aux, zero]),
            Side::B => ([lent, secured], [borrower, lender], [zero, aux]),
        };
        let exchange = Exchange {
            legs,
            salt: loan.salt.clone(),
        };
        Terms::with_aux(exchange, receivers, aux, self.expiry)
    }

    /// Encodes the agreement: version 1, borrower 64, lender 64, collateral asset 2, debt asset 2,
    /// principal 16, rate 3, start 5, maturity 5, market 1, salt 16, collateral 16, borrower's side
    /// 1 (0 is A), expiry 5. Integers are big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let loan = &self.loan;
        let mut out = Writer::with_capacity(Self::ENCODED_LEN);
        out.bytes(&[VERSION]);
        let (borrower, lender) = self.parties.addresses(loan);
        out.bytes(&borrower.to_bytes());
        out.bytes(&lender.to_bytes());
        out.integer(loan.collateral.0.into(), 2);
        out.integer(loan.debt.0.into(), 2);
        out.integer(loan.principal, 16);
        out.integer(loan.rate.into(), 3);
        out.integer(loan.start.into(), 5);
        out.integer(loan.maturity.into(), 5);
        out.bytes(&[loan.market]);
        out.bytes(loan.salt.as_bytes());
        out.integer(self.collateral, 16);
        out.bytes(&[self.borrower_side.index() as u8]);
        out.integer(self.expiry.into(), 5);
        out.finish()
    }

    /// Decodes an agreement; inverse of [`Agreement::to_bytes`]. Accepts no other encoding, and
    /// only agreements that pass [`Agreement::check`].
    ///
    /// # Errors
    /// [`AgreementDecodeError`] naming the first violation.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AgreementDecodeError> {
        if bytes.len() != Self::ENCODED_LEN {
            return Err(AgreementDecodeError::Codec(CodecError::Length {
                expected: Self::ENCODED_LEN,
                found: bytes.len(),
            }));
        }
        let mut input = Reader::new(bytes);
        let version = input.u8()?;
        if version != VERSION {
            return Err(AgreementDecodeError::Codec(CodecError::Version(version)));
        }
        let borrower = Address::from_bytes(&input.array()?)?;
        let lender = Address::from_bytes(&input.array()?)?;
        let loan = Loan {
            borrower: borrower.owner,
            lender: lender.owner,
            collateral: AssetId(input.u16()?),
            debt: AssetId(input.u16()?),
            principal: input.integer(16)?,
            rate: input.integer(3)? as u32,
            start: input.integer(5)? as u64,
            maturity: input.integer(5)? as u64,
            market: input.u8()?,
            salt: Salt::from_bytes(input.array()?),
        };
        let collateral = input.integer(16)?;
        let borrower_side = match input.u8()? {
            0 => Side::A,
            1 => Side::B,
            _ => {
                return Err(AgreementDecodeError::Codec(CodecError::NotCanonical {
                    field: "side",
                }));
            }
        };
        let expiry = input.integer(5)? as u64;
        input.finish()?;
        let agreement = Self {
            loan,
            parties: PartyKeys::of(&borrower, &lender),
            collateral,
            borrower_side,
            expiry,
        };
        agreement.check()?;
        Ok(agreement)
    }
}

impl fmt::Debug for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Agreement(..)")
    }
}

//! Contents of a sealed message (spec: *Swaps*, Negotiation, Payload).
//!
//! Version 1 ‖ type ‖ body, all integers big-endian. A decoder accepts no other encoding.

use std::fmt;

use serde::{Deserialize, Serialize};
use subrosa_protocol::{
    asset::AssetId,
    loan::{Agreement, AgreementDecodeError},
    swap::{Side, Terms, TermsDecodeError},
};

use super::Id;

const VERSION: u8 = 1;

/// The asset of a request whose amount is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fixed {
    /// The asset that the requester gives.
    Given,
    /// The asset that the requester wants.
    Wanted,
}

/// A request for a quote, from the requester's point of view.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Id of the request.
    pub id: Id,
    /// Asset that the requester gives.
    pub given: AssetId,
    /// Asset that the requester wants.
    pub wanted: AssetId,
    /// Asset whose amount is fixed.
    pub fixed: Fixed,
    /// Base units.
    pub amount: u128,
    /// Last second at which a quote is useful.
    pub expiry: u64,
}

/// A firm offer of a swap.
#[derive(Clone, PartialEq, Eq)]
pub struct Offer {
    /// Id of the quote and of the swap.
    pub id: Id,
    /// The request that it answers.
    pub request: Option<Id>,
    /// Last second at which it can be accepted.
    pub valid_until: u64,
    /// Side that its maker delivers.
    pub maker: Side,
    /// The offered swap.
    pub terms: Terms,
}

/// A firm offer of a loan.
#[derive(Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Id of the proposal: the loan's name.
    pub id: Id,
    /// Last second at which it can be accepted.
    pub valid_until: u64,
    /// The offered loan.
    pub agreement: Agreement,
}

/// A message. Its `Debug` form shows only its type.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// Asks for a quote.
    Request(Request),
    /// Offers a swap.
    Quote(Box<Offer>),
    /// Accepts a quote or a proposal.
    Accept(Id),
    /// Declines a request, a quote or a proposal.
    Decline(Id),
    /// Cancels a request, a quote or a proposal of the sender.
    Cancel(Id),
    /// Offers a loan.
    Proposal(Box<Proposal>),
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request(_) => "Request(..)",
            Self::Quote(_) => "Quote(..)",
            Self::Accept(_) => "Accept(..)",
            Self::Decline(_) => "Decline(..)",
            Self::Cancel(_) => "Cancel(..)",
            Self::Proposal(_) => "Proposal(..)",
        })
    }
}

/// Reason why bytes are not a payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The length does not fit the type.
    #[error("the length does not fit the type")]
    Length,
    /// The version is not 1.
    #[error("unknown version {0}")]
    Version(u8),
    /// The type is not known.
    #[error("unknown type {0}")]
    Type(u8),
    /// A field is out of its range.
    #[error("{0} is out of range")]
    Range(&'static str),
    /// The terms do not decode.
    #[error(transparent)]
    Terms(#[from] TermsDecodeError),
    /// The agreement does not decode.
    #[error(transparent)]
    Agreement(#[from] AgreementDecodeError),
}

impl Payload {
    /// Encodes the payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.code()];
        match self {
            Self::Request(request) => {
                out.extend(request.id.as_bytes());
                out.extend(request.given.0.to_be_bytes());
                out.extend(request.wanted.0.to_be_bytes());
                out.push(request.fixed as u8);
                out.extend(request.amount.to_be_bytes());
                out.extend(time(request.expiry));
            }
            Self::Quote(offer) => {
                out.extend(offer.id.as_bytes());
                out.extend(offer.request.map_or([0; 16], |id| *id.as_bytes()));
                out.extend(time(offer.valid_until));
                out.push(offer.maker.index() as u8);
                out.extend(offer.terms.to_bytes());
            }
            Self::Accept(id) | Self::Decline(id) | Self::Cancel(id) => out.extend(id.as_bytes()),
            Self::Proposal(proposal) => {
                out.extend(proposal.id.as_bytes());
                out.extend(time(proposal.valid_until));
                out.extend(proposal.agreement.to_bytes());
            }
        }
        out
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Request(_) => 1,
            Self::Quote(_) => 2,
            Self::Accept(_) => 3,
            Self::Decline(_) => 4,
            Self::Cancel(_) => 5,
            Self::Proposal(_) => 6,
        }
    }

    /// Decodes a payload; inverse of [`Payload::to_bytes`].
    ///
    /// # Errors
    /// [`PayloadError`] naming the first fault.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut input = Reader(bytes);
        let [version, code] = input.take()?;
        if version != VERSION {
            return Err(PayloadError::Version(version));
        }
        let payload = match code {
            1 => {
                let request = Request {
                    id: input.id()?,
                    given: AssetId(u16::from_be_bytes(input.take()?)),
                    wanted: AssetId(u16::from_be_bytes(input.take()?)),
                    fixed: match input.take()? {
                        [0] => Fixed::Given,
                        [1] => Fixed::Wanted,
                        _ => return Err(PayloadError::Range("fixed")),
                    },
                    amount: u128::from_be_bytes(input.take()?),
                    expiry: input.time()?,
                };
                if request.amount == 0 {
                    return Err(PayloadError::Range("amount"));
                }
                if request.given == request.wanted {
                    return Err(PayloadError::Range("asset wanted"));
                }
                Self::Request(request)
            }
            2 => Self::Quote(Box::new(Offer {
                id: input.id()?,
                request: Id::from_bytes(input.take()?),
                valid_until: input.time()?,
                maker: match input.take()? {
                    [0] => Side::A,
                    [1] => Side::B,
                    _ => return Err(PayloadError::Range("maker's side")),
                },
                terms: Terms::from_bytes(&input.take::<{ Terms::ENCODED_LEN }>()?)?,
            })),
            3 => Self::Accept(input.id()?),
            4 => Self::Decline(input.id()?),
            5 => Self::Cancel(input.id()?),
            6 => Self::Proposal(Box::new(Proposal {
                id: input.id()?,
                valid_until: input.time()?,
                agreement: Agreement::from_bytes(&input.take::<{ Agreement::ENCODED_LEN }>()?)?,
            })),
            other => return Err(PayloadError::Type(other)),
        };
        if input.0.is_empty() {
            Ok(payload)
        } else {
            Err(PayloadError::Length)
        }
    }
}

/// Encodes a time in five bytes. Later times than fit become the last that fits.
fn time(seconds: u64) -> [u8; 5] {
    let [_, _, _, rest @ ..] = seconds.min((1 << 40) - 1).to_be_bytes();
    rest
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], PayloadError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(PayloadError::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn id(&mut self) -> Result<Id, PayloadError> {
        Id::from_bytes(self.take()?).ok_or(PayloadError::Range("id"))
    }

    fn time(&mut self) -> Result<u64, PayloadError> {
        let [a, b, c, d, e] = self.take()?;
        Ok(u64::from_be_bytes([0, 0, 0, a, b, c, d, e]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use subrosa_protocol::{
        keys::{Seed, ViewingKey},
        loan::{Loan, PartyKeys},
        swap::{Exchange, Leg, SALT_LEN, Salt},
    };

    use super::*;

    fn id() -> impl Strategy<Value = Id> {
        any::<[u8; 16]>().prop_filter_map("zero", Id::from_bytes)
    }

    fn terms() -> impl Strategy<Value = Terms> {
        let address = |seed| ViewingKey::from_seed(&Seed::from_bytes([seed; 32])).address();
        (
            any::<[u16; 2]>(),
            any::<[u128; 2]>(),
            any::<[u8; SALT_LEN]>(),
            0u64..1 << 40,
        )
            .prop_filter_map("no terms", move |(assets, values, salt, expiry)| {
                let legs = [0, 1].map(|i| Leg::cash(AssetId(assets[i]), values[i]));
                let salt = Salt::from_bytes(salt);
                Terms::new(Exchange { legs, salt }, [address(1), address(2)], expiry).ok()
            })
    }

    fn proposal() -> impl Strategy<Value = Payload> {
        let address = |seed| ViewingKey::from_seed(&Seed::from_bytes([seed; 32])).address();
        (
            id(),
            any::<[u16; 2]>(),
            [1u128..1 << 112, 1u128..u128::MAX],
            0u32..1 << 24,
            [0u64..1 << 39, (1 << 39) + 1..1 << 40, 0..86_400],
            (0u8..16, any::<bool>(), any::<[u8; SALT_LEN]>()),
        )
            .prop_filter_map("one asset", move |parts| {
                let (id, [collateral, debt], [principal, secured], rate, times, rest) = parts;
                let (market, a, salt) = rest;
                let agreement = Agreement {
                    loan: Loan {
                        borrower: address(1).owner,
                        lender: address(2).owner,
                        collateral: AssetId(collateral),
                        debt: AssetId(debt),
                        principal,
                        rate,
                        start: times[0],
                        maturity: times[1],
                        market,
                        salt: Salt::from_bytes(salt),
                    },
                    parties: PartyKeys::of(&address(1), &address(2)),
                    collateral: secured,
                    borrower_side: if a { Side::A } else { Side::B },
                    expiry: times[0],
                };
                (collateral != debt).then(|| {
                    Payload::Proposal(Box::new(Proposal {
                        id,
                        valid_until: times[2],
                        agreement,
                    }))
                })
            })
    }

    fn payload() -> impl Strategy<Value = Payload> {
        let request = (
            id(),
            any::<[u16; 2]>(),
            any::<bool>(),
            1u128..,
            0u64..1 << 40,
        );
        let request = request.prop_filter_map(
            "one asset",
            |(id, [given, wanted], given_fixed, amount, expiry)| {
                (given != wanted).then_some(Payload::Request(Request {
                    id,
                    given: AssetId(given),
                    wanted: AssetId(wanted),
                    fixed: if given_fixed {
                        Fixed::Given
                    } else {
                        Fixed::Wanted
                    },
                    amount,
                    expiry,
                }))
            },
        );
        let quote = (
            id(),
            proptest::option::of(id()),
            0u64..1 << 40,
            any::<bool>(),
            terms(),
        );
        let quote = quote.prop_map(|(id, request, valid_until, a, terms)| {
            let maker = if a { Side::A } else { Side::B };
            Payload::Quote(Box::new(Offer {
                id,
                request,
                valid_until,
                maker,
                terms,
            }))
        });
        prop_oneof![
            request,
            quote,
            proposal(),
            id().prop_map(Payload::Accept),
            id().prop_map(Payload::Decline),
            id().prop_map(Payload::Cancel),
        ]
    }

    proptest! {
        #[test]
        fn encodings_round_trip_and_fit(payload in payload()) {
            let bytes = payload.to_bytes();
            prop_assert!(bytes.len() <= subrosa_protocol::message::PAYLOAD_LEN);
            prop_assert_eq!(Payload::from_bytes(&bytes), Ok(payload));
        }

        #[test]
        fn another_length_is_refused(payload in payload(), cut in 1usize..8, more in 1usize..8) {
            let mut bytes = payload.to_bytes();
            prop_assert!(Payload::from_bytes(&bytes[..bytes.len() - cut]).is_err());
            bytes.resize(bytes.len() + more, 0);
            prop_assert_eq!(Payload::from_bytes(&bytes), Err(PayloadError::Length));
        }

        /// Noise that decodes encodes to the same bytes: there is only one encoding.
        #[test]
        fn noise_is_refused_or_canonical(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            code in 1u8..=6,
            payload in payload(),
            at in any::<prop::sample::Index>(),
            to: u8,
        ) {
            let mut headed = bytes;
            if headed.len() >= 2 {
                headed[..2].copy_from_slice(&[VERSION, code]);
            }
            let mut altered = payload.to_bytes();
            let at = at.index(altered.len());
            altered[at] = to;
            for bytes in [headed, altered] {
                if let Ok(payload) = Payload::from_bytes(&bytes) {
                    prop_assert_eq!(payload.to_bytes(), bytes);
                }
            }
        }
    }

    #[test]
    fn each_part_has_its_range() {
        let request = Payload::Request(Request {
            id: Id::from_bytes([7; 16]).unwrap(),
            given: AssetId(1),
            wanted: AssetId(2),
            fixed: Fixed::Wanted,
            amount: 5,
            expiry: 9,
        });
        let bytes = request.to_bytes();
        assert_eq!(bytes.len(), 2 + 16 + 2 + 2 + 1 + 16 + 5);
        let edited = |at: usize, with: &[u8]| {
            let mut bytes = bytes.clone();
            bytes[at..at + with.len()].copy_from_slice(with);
            Payload::from_bytes(&bytes).unwrap_err()
        };
        assert_eq!(edited(0, &[2]), PayloadError::Version(2));
        assert_eq!(edited(1, &[0]), PayloadError::Type(0));
        assert_eq!(edited(1, &[7]), PayloadError::Type(7));
        assert_eq!(edited(2, &[0; 16]), PayloadError::Range("id"));
        assert_eq!(edited(20, &[0, 1]), PayloadError::Range("asset wanted"));
        assert_eq!(edited(22, &[2]), PayloadError::Range("fixed"));
        assert_eq!(edited(23, &[0; 16]), PayloadError::Range("amount"));
        assert_eq!(Payload::from_bytes(&[]), Err(PayloadError::Length));
    }
}

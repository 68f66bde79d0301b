//! What is offered: a swap of cash, or one that opens a loan.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use subrosa_protocol::{
    loan::Agreement,
    swap::{Terms, TermsError},
};

/// Terms, and the loan that they open if they open one. Its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Deal {
    terms: Terms,
    agreement: Option<Box<Agreement>>,
}

impl Deal {
    /// A swap of cash.
    #[must_use]
    pub const fn swap(terms: Terms) -> Self {
        Self {
            terms,
            agreement: None,
        }
    }

    /// A loan.
    ///
    /// # Errors
    /// [`TermsError`] if no swap opens it.
    pub fn loan(agreement: Agreement) -> Result<Self, TermsError> {
        Ok(Self {
            terms: agreement.terms()?,
            agreement: Some(Box::new(agreement)),
        })
    }

    /// The terms of the swap.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The loan that it opens.
    #[must_use]
    pub fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_deref()
    }

    /// It is offered now: the last second at which it may settle, and a loan's start.
    pub(super) fn begin(&mut self, now: u64, expiry: u64) {
        self.terms.expiry = expiry;
        if let Some(agreement) = &mut self.agreement {
            agreement.expiry = expiry;
            agreement.loan.start = now;
            if let Ok(terms) = agreement.terms() {
                self.terms = terms;
            }
        }
    }
}

impl fmt::Debug for Deal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deal(..)")
    }
}

/// Hex of the wire form; the two differ in length.
impl Serialize for Deal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = match &self.agreement {
            Some(agreement) => agreement.to_bytes(),
            None => self.terms.to_bytes().to_vec(),
        };
        serializer.serialize_str(&hex::encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Deal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = hex::decode(text).map_err(D::Error::custom)?;
        if bytes.len() == Agreement::ENCODED_LEN {
            let agreement = Agreement::from_bytes(&bytes).map_err(D::Error::custom)?;
            return Self::loan(agreement).map_err(D::Error::custom);
        }
        let terms = Terms::from_bytes(&bytes).map_err(D::Error::custom)?;
        Ok(Self::swap(terms))
    }
}

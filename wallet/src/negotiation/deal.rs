//! An offered swap of cash, or a swap that opens a loan.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use subrosa_protocol::{
    loan::Agreement,
    swap::{Terms, TermsError},
};

/// Terms of a swap, and the loan that it opens, if any. Its `Debug` form shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Deal {
    terms: Terms,
    agreement: Option<Box<Agreement>>,
}

impl Deal {
    /// Makes a deal of a swap of cash.
    #[must_use]
    pub const fn swap(terms: Terms) -> Self {
        Self {
            terms,
            agreement: None,
        }
    }

    /// Makes a deal of a loan.
    ///
    /// # Errors
    /// [`TermsError`] if no swap can open it.
    pub fn loan(agreement: Agreement) -> Result<Self, TermsError> {
        Ok(Self {
            terms: agreement.terms()?,
            agreement: Some(Box::new(agreement)),
        })
    }

    /// Returns the terms of the swap.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Returns the agreement on the loan that it opens.
    #[must_use]
    pub fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_deref()
    }

    /// Sets the expiry when the deal is offered. It is a loan's start too.
    pub(super) fn begin(&mut self, expiry: u64) {
        self.terms.expiry = expiry;
        if let Some(agreement) = &mut self.agreement {
            agreement.expiry = expiry;
            agreement.loan.start = expiry;
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

/// Serializes the wire form as hex. The two kinds differ in length.
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

//! Proof of work of a message (spec: *Swaps*, Work): it makes filling the mailbox dear.

use std::{
    fmt,
    num::ParseIntError,
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
};

use subrosa_protocol::{Fr, derive, encoding::fr_to_bytes};

/// Header in which a message's work is stated, as `<time>-<nonce>`.
pub const HEADER: &str = "subrosa-work";

/// Tries between two looks at whether the search was called off.
const STRIDE: u64 = 4_096;

/// Work of one message: the time at which it was begun, Unix seconds, and a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Unix seconds. Work counts around this time only; it can be done in advance.
    pub time: u64,
    /// The nonce that was found.
    pub nonce: u64,
}

/// Returns the hash that a nonce is tried with.
fn seed(context: &Fr, time: u64, message: &[u8]) -> [u8; 32] {
    let context = fr_to_bytes(context);
    derive::bytes32("message-work", &[&context, &time.to_be_bytes(), message])
}

/// Returns the number of leading zero bits.
fn zeros(seed: &[u8; 32], nonce: u64) -> u32 {
    let hash = derive::bytes("work", &[seed, &nonce.to_be_bytes()]);
    let full = hash.iter().take_while(|byte| **byte == 0).count();
    let next = hash.get(full).map_or(0, |byte| byte.leading_zeros());
    full as u32 * 8 + next
}

impl Work {
    /// Finds work of at least `bits` for a message, trying the nonces from `first` on, or returns
    /// nothing once `stop` is set. It takes 2^`bits` tries on average: call it on a blocking
    /// thread.
    #[must_use]
    pub fn find(
        context: &Fr,
        message: &[u8],
        time: u64,
        bits: u32,
        first: u64,
        stop: &AtomicBool,
    ) -> Option<Self> {
        let seed = seed(context, time, message);
        let mut nonce = first;
        loop {
            if nonce.is_multiple_of(STRIDE) && stop.load(Ordering::Relaxed) {
                return None;
            }
            if zeros(&seed, nonce) >= bits {
                return Some(Self { time, nonce });
            }
            nonce = nonce.wrapping_add(1);
        }
    }

    /// Returns the bits of work that were done for a message.
    #[must_use]
    pub fn bits(&self, context: &Fr, message: &[u8]) -> u32 {
        zeros(&seed(context, self.time, message), self.nonce)
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.time, self.nonce)
    }
}

impl FromStr for Work {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Without the dash the nonce is missing, which is no integer.
        let (time, nonce) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self {
            time: time.parse()?,
            nonce: nonce.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_for_one_message_of_one_rollup_at_one_time() {
        let context = Fr::from(7u64);
        let go_on = AtomicBool::new(false);
        let work = Work::find(&context, b"message", 1_000, 12, 5, &go_on).unwrap();
        assert!(work.bits(&context, b"message") >= 12);
        let later = Work {
            time: 1_001,
            ..work
        };
        let others = [
            work.bits(&context, b"another"),
            work.bits(&Fr::from(8u64), b"message"),
            later.bits(&context, b"message"),
        ];
        assert!(others.iter().all(|bits| *bits < 12), "{others:?}");
        assert_eq!(work.to_string().parse(), Ok(work));
        for text in ["", "7", "7-", "-7", "7-x", "7-7-7"] {
            assert!(text.parse::<Work>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_search_is_called_off() {
        let stop = AtomicBool::new(true);
        assert_eq!(Work::find(&Fr::from(7u64), b"m", 0, 65, 1, &stop), None);
    }
}

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use subrosa_decoders::{negotiation, write_seeds};

fuzz_target!(
    init: write_seeds("negotiation", Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))),
    |data: &[u8]| negotiation(data)
);

//! The sequencer's admission work, without HTTP and disk.

use divan::{Bencher, counter::ItemsCount};
use subrosa_benches::{
    admission::{Admission, GROUP},
    keys,
};

fn main() {
    divan::main();
}

#[divan::bench]
fn group_of_64(bencher: Bencher<'_, '_>) {
    let admission = Admission::new(&keys()).expect("submissions with proofs");
    let mut number = 0;
    bencher.counter(ItemsCount::new(GROUP)).bench_local(|| {
        number += 1;
        admission.admit(number).expect("valid submissions");
    });
}

//! Rows of every shape.
use std::sync::Arc;
use subrosa_batch::*;
use subrosa_protocol::batch::Shape;
use ark_ec::AffineRepr;
fn main(){
    let g=ark_bn254::G1Affine::generator(); let h=ark_bn254::G2Affine::generator();
    let key=Arc::new(ClientKey{alpha:g,beta:h,gamma:h,delta:h,inputs:[g,g],padding:ark_bn254::Fr::from(7u64)});
    for shape in Shape::ALL { let t=std::time::Instant::now(); println!("{:?}", Counts::of(shape,key.clone())); println!("{:?}",t.elapsed()); }
}

//! Runs the contract in a real EVM and measures the gas of its steps.

use std::path::Path;

use halo2curves::bn256::Fr;
use revm::bytecode::{Bytecode, opcode};
use revm::context::result::{ExecutionResult, Output};
use revm::context::{CfgEnv, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::interpreter::Interpreter;
use revm::interpreter::interpreter_types::Jumps;
use revm::primitives::hardfork::SpecId;
use revm::primitives::{Address, Bytes, TxKind, U256};
use revm::state::AccountInfo;
use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, InspectEvm, Inspector, MainBuilder, MainContext,
};
use sha3::{Digest, Keccak256};
use subrosa_verifier_generator::data_contract_init_code;
use subrosa_verifier_generator::encoding::scalar_bytes;

const VERIFY: &str = "verify(address,uint256[5],bytes)";
const GAS_LIMIT: u64 = 16_000_000;
const CALLER: Address = Address::repeat_byte(0x11);
const VERIFIER: Address = Address::repeat_byte(0x22);

/// Outcome of a call of `verify`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    /// Selector of the error (zeros if there is none), with the data after it.
    Refused([u8; 4], Vec<u8>),
    /// Out of gas or an invalid opcode, which a verifier must never cause.
    Halted(String),
}

impl Outcome {
    /// Whether the contract reverted with this error of `IHalo2Verifier`.
    pub(crate) fn is_error(&self, signature: &str) -> bool {
        matches!(self, Self::Refused(found, _) if *found == selector(signature))
    }
}

/// Returns the first four bytes of a signature's hash.
pub(crate) fn selector(signature: &str) -> [u8; 4] {
    Keccak256::digest(signature)[..4].try_into().unwrap()
}

/// An EVM with one verifier and any number of keys.
pub(crate) struct Evm {
    db: CacheDB<EmptyDB>,
    spec: SpecId,
    nonce: u64,
    pub(crate) code_size: usize,
}

impl Evm {
    /// Starts a chain with the runtime code of an artifact of the contract build.
    pub(crate) fn new(artifact: &Path, spec: SpecId) -> Self {
        let text = std::fs::read_to_string(artifact)
            .unwrap_or_else(|error| panic!("{}: {error}; build the contracts", artifact.display()));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let code = json["deployedBytecode"]
            .as_str()
            .unwrap()
            .trim_start_matches("0x");
        let code = hex::decode(code).unwrap();
        let code_size = code.len();
        let mut db = CacheDB::new(EmptyDB::default());
        let info = AccountInfo::from_bytecode(Bytecode::new_raw(code.into()));
        db.insert_account_info(VERIFIER, info);
        Self {
            db,
            spec,
            nonce: 0,
            code_size,
        }
    }

    fn cfg(&self) -> CfgEnv {
        let mut cfg = CfgEnv::new_with_spec(self.spec);
        cfg.disable_nonce_check = true;
        cfg
    }

    /// Deploys a key's data contract. Returns its address and the gas used.
    pub(crate) fn deploy_key(&mut self, vk_data: &[u8]) -> (Address, u64) {
        let tx = TxEnv {
            caller: CALLER,
            kind: TxKind::Create,
            data: data_contract_init_code(vk_data).into(),
            gas_limit: GAS_LIMIT,
            nonce: self.nonce,
            ..TxEnv::default()
        };
        self.nonce += 1;
        let cfg = self.cfg();
        let mut evm = Context::mainnet()
            .with_db(&mut self.db)
            .with_cfg(cfg)
            .build_mainnet();
        match evm.transact_commit(tx).unwrap() {
            ExecutionResult::Success {
                output: Output::Create(code, Some(address)),
                gas,
                ..
            } => {
                assert_eq!(code[0], 0);
                assert_eq!(&code[1..], vk_data);
                (address, gas.tx_gas_used())
            }
            other => panic!("{other:?}"),
        }
    }

    fn transaction(&self, data: Vec<u8>) -> TxEnv {
        TxEnv {
            caller: CALLER,
            kind: TxKind::Call(VERIFIER),
            data: Bytes::from(data),
            gas_limit: GAS_LIMIT,
            nonce: self.nonce,
            ..TxEnv::default()
        }
    }

    /// Calls `verify`.
    pub(crate) fn verify(
        &mut self,
        key: Address,
        instances: &[[u8; 32]; 5],
        proof: &[u8],
    ) -> Outcome {
        self.call(VERIFY, key, instances, proof)
    }

    /// Calls a function whose arguments are the address of a key, an array of numbers and a proof.
    pub(crate) fn call(
        &mut self,
        signature: &str,
        key: Address,
        numbers: &[[u8; 32]],
        proof: &[u8],
    ) -> Outcome {
        let tx = self.transaction(calldata(signature, key, numbers, proof));
        let cfg = self.cfg();
        let mut evm = Context::mainnet()
            .with_db(&mut self.db)
            .with_cfg(cfg)
            .build_mainnet();
        match evm.transact(tx).unwrap().result {
            ExecutionResult::Success { .. } => Outcome::Accepted,
            ExecutionResult::Revert { output, .. } => match output.split_first_chunk() {
                Some((selector, rest)) => Outcome::Refused(*selector, rest.to_vec()),
                None => Outcome::Refused([0; 4], output.to_vec()),
            },
            ExecutionResult::Halt { reason, .. } => Outcome::Halted(format!("{reason:?}")),
        }
    }

    /// Measures the gas of an accepted proof, step by step.
    pub(crate) fn measure(&mut self, key: Address, instances: &[[u8; 32]; 5], proof: &[u8]) -> Gas {
        let tx = self.transaction(calldata(VERIFY, key, instances, proof));
        let cfg = self.cfg();
        let mut evm = Context::mainnet()
            .with_db(&mut self.db)
            .with_cfg(cfg)
            .build_mainnet_with_inspector(Steps::default());
        let result = evm.inspect_tx(tx).unwrap().result;
        assert!(result.is_success(), "{result:?}");
        let Steps {
            start,
            transcript,
            inversion,
            first_mul,
            pairing,
            end,
            muls,
        } = evm.inspector;
        Gas {
            transaction: result.tx_gas_used(),
            execution: start - end,
            reading: start - transcript,
            lagrange: transcript - inversion,
            expressions: inversion - first_mul,
            msm: first_mul - pairing,
            pairing: pairing - end,
            muls,
        }
    }
}

/// Gas of one verification.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "printed")]
pub(crate) struct Gas {
    /// Gas of a transaction that calls `verify`, with its base fee and calldata.
    pub(crate) transaction: u64,
    /// Gas of the call alone: the sum of the following.
    pub(crate) execution: u64,
    /// Loading key and proof, checking encodings, drawing challenges.
    pub(crate) reading: u64,
    /// Denominators of the Lagrange polynomials.
    pub(crate) lagrange: u64,
    /// Inversion, instances, gates, lookups, permutation.
    pub(crate) expressions: u64,
    /// Opening: evaluations and multiplications.
    pub(crate) msm: u64,
    pub(crate) pairing: u64,
    /// Number of multiplications on the curve.
    pub(crate) muls: u64,
}

/// Records the remaining gas at the boundaries between steps.
#[derive(Default)]
struct Steps {
    start: u64,
    transcript: u64,
    inversion: u64,
    first_mul: u64,
    pairing: u64,
    end: u64,
    muls: u64,
}

impl<CTX> Inspector<CTX> for Steps {
    fn step(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        let gas = interpreter.gas.remaining();
        if self.start == 0 {
            self.start = gas;
        }
        self.end = gas;
        match interpreter.bytecode.opcode() {
            // Only challenges hash; keep the last one.
            opcode::KECCAK256 => self.transcript = gas,
            opcode::STATICCALL => {
                let to = interpreter.stack.peek(1).unwrap();
                if to == U256::from(5) && self.inversion == 0 {
                    self.inversion = gas;
                } else if to == U256::from(7) {
                    self.muls += 1;
                    if self.first_mul == 0 {
                        self.first_mul = gas;
                    }
                } else if to == U256::from(8) {
                    self.pairing = gas;
                }
            }
            _ => {}
        }
    }
}

/// Returns the ABI encoding of a call whose arguments are an address, an array of numbers and
/// bytes.
fn calldata(signature: &str, key: Address, numbers: &[[u8; 32]], proof: &[u8]) -> Vec<u8> {
    let mut data = selector(signature).to_vec();
    data.extend_from_slice(&[0; 12]);
    data.extend_from_slice(key.as_slice());
    data.extend(numbers.iter().flatten());
    data.extend(scalar_bytes(&Fr::from(32 * (numbers.len() as u64 + 2))));
    data.extend(scalar_bytes(&Fr::from(proof.len() as u64)));
    data.extend_from_slice(proof);
    data.resize(data.len().next_multiple_of(32) + 4, 0);
    data
}

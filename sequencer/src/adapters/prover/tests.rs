use std::{
    sync::{
        Mutex as StdMutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use subrosa_protocol::{
    Fr,
    asset::AssetId,
    batch::BatchWitness,
    ledger::{BatchInput, Config, Deposit, Ledger},
};
use subrosa_prover::progress::Silent;

use super::*;
use crate::adapters::{ObservedProver, RecordingProver};

/// The witness of a batch with one deposit.
fn witness() -> BatchWitness {
    let config = Config {
        context: Fr::from(1u64),
        fee_asset: AssetId(0),
        min_fee: 1,
    };
    let input = BatchInput {
        shape: Shape::S4,
        time: 1_700_000_000,
        fee_recipient: [1; 20],
        assets_root: Fr::from(2u64),
        prices: Fr::from(0u64),
        transactions: vec![],
        deposits: vec![Deposit {
            asset: AssetId(0),
            value: 5,
            inner: Fr::from(3u64),
        }],
    };
    Ledger::new().execute(input, &config).unwrap()
}

fn job(index: u64) -> Arc<ProofJob> {
    Arc::new(ProofJob {
        index,
        witness: witness(),
        proofs: vec![],
    })
}

/// A "proof" of the job: its index.
fn proof(job: &ProofJob) -> BatchProof {
    BatchProof::new(&job.witness, vec![job.index as u8])
}

fn scripted<F>(prove: F) -> LocalProver
where
    F: Fn(&ProofJob, &dyn Progress) -> Result<BatchProof, ProverError> + Send + Sync + 'static,
{
    let threads = NonZeroUsize::new(2);
    LocalProver::with(vec![Shape::S4], Arc::new(prove), threads).unwrap()
}

fn silent() -> Arc<dyn Progress> {
    Arc::new(Silent)
}

/// Cancels when told to, and remembers the phases.
#[derive(Default)]
struct Watched {
    stop: AtomicBool,
    phases: StdMutex<Vec<String>>,
}

impl Progress for Watched {
    fn phase(&self, name: &str, done: u64, total: u64) {
        let mut phases = self.phases.lock().unwrap();
        phases.push(format!("{name} {done}/{total}"));
    }

    fn cancelled(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

/// Reports one phase, then works until it is cancelled.
fn until_cancelled(progress: &dyn Progress) -> ProverError {
    progress.phase("waiting", 0, 0);
    while !progress.cancelled() {
        std::thread::yield_now();
    }
    ProverError::Cancelled
}

#[tokio::test]
async fn failures_and_panics_do_not_stop_the_next_job() {
    let prover = scripted(|job, _| match job.index {
        13 => panic!("thirteen"),
        14 => Err(ProverError::Refused {
            reason: "rule B7".into(),
        }),
        _ => Ok(proof(job)),
    });
    let run = |index| prover.prove(job(index), silent());
    let failed = |reason: &str| ProverError::Failed {
        reason: reason.into(),
    };
    assert_eq!(run(13).await, Err(failed("the prover panicked: thirteen")));
    assert!(matches!(
        run(14).await,
        Err(ProverError::Refused { reason }) if reason.contains("B7")
    ));
    assert_eq!(run(15).await, Ok(vec![15]));
    // A job may be submitted again, as after a restart.
    assert_eq!(run(15).await, Ok(vec![15]));
}

#[tokio::test]
async fn a_proof_for_another_state_is_refused() {
    let prover = scripted(|job, _| {
        let mut proof = proof(job);
        proof.new_state += Fr::from(1u64);
        Ok(proof)
    });
    let result = prover.prove(job(1), silent()).await;
    assert!(matches!(
        result,
        Err(ProverError::Failed { reason }) if reason == "the proof is for another state"
    ));
}

#[tokio::test]
async fn jobs_run_one_at_a_time_in_order() {
    let running = Arc::new(AtomicUsize::new(0));
    let order = Arc::new(StdMutex::new(Vec::new()));
    let prover = {
        let (running, order) = (running.clone(), order.clone());
        scripted(move |job, _| {
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
            order.lock().unwrap().push(job.index);
            std::thread::sleep(Duration::from_millis(5));
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(proof(job))
        })
    };
    let (first, second, third) = tokio::join!(
        prover.prove(job(1), silent()),
        prover.prove(job(2), silent()),
        prover.prove(job(3), silent()),
    );
    assert_eq!(
        [first, second, third],
        [Ok(vec![1]), Ok(vec![2]), Ok(vec![3])]
    );
    assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn cancelling_stops_the_running_job_and_the_waiting_one() {
    let prover = scripted(|_, progress| Err(until_cancelled(progress)));
    let watched = Arc::new(Watched::default());
    let stop = async {
        while watched.phases.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        watched.stop.store(true, Ordering::SeqCst);
    };
    let (running, waiting, ()) = tokio::join!(
        prover.prove(job(1), watched.clone()),
        prover.prove(job(2), watched.clone()),
        stop,
    );
    assert_eq!(running, Err(ProverError::Cancelled));
    assert_eq!(waiting, Err(ProverError::Cancelled));
    // The waiting job never began.
    assert_eq!(*watched.phases.lock().unwrap(), ["waiting 0/0"]);
}

#[tokio::test]
async fn dropping_the_future_stops_the_job() {
    let stopped = Arc::new(AtomicBool::new(false));
    let prover = {
        let stopped = stopped.clone();
        scripted(move |job, progress| {
            if job.index == 1 {
                let error = until_cancelled(progress);
                stopped.store(true, Ordering::SeqCst);
                return Err(error);
            }
            assert!(stopped.load(Ordering::SeqCst), "one job at a time");
            Ok(proof(job))
        })
    };
    let watched = Arc::new(Watched::default());
    tokio::select! {
        _ = prover.prove(job(1), watched.clone()) => unreachable!("nothing else cancels"),
        () = async {
            while watched.phases.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    // The next job waits until the dropped one has stopped.
    assert_eq!(prover.prove(job(2), silent()).await, Ok(vec![2]));
}

#[tokio::test]
async fn an_observer_sees_the_phases_until_the_proof_ends() {
    let prover = scripted(|job, progress| {
        progress.phase("prove", 1, 2);
        Ok(proof(job))
    });
    let observer = Arc::new(Watched::default());
    let made = observer.clone();
    let observed = ObservedProver::new(Arc::new(prover), move |job| {
        assert_eq!(job.index, 7);
        made.clone()
    });
    assert_eq!(observed.shapes(), [Shape::S4]);
    let caller = Arc::new(Watched::default());
    assert_eq!(observed.prove(job(7), caller.clone()).await, Ok(vec![7]));
    for progress in [&caller, &observer] {
        assert_eq!(*progress.phases.lock().unwrap(), ["prove 1/2"]);
    }
    // The test and the closure hold the observer; the proof no longer does.
    assert_eq!(Arc::strong_count(&observer), 2);
    caller.stop.store(true, Ordering::SeqCst);
    let cancelled = observed.prove(job(7), caller).await;
    assert_eq!(cancelled, Err(ProverError::Cancelled));
}

#[tokio::test]
async fn a_record_keeps_all_times_and_the_latest_proof() {
    let prover = scripted(|job, _| match job.index {
        9 => Err(failed("nine")),
        _ => Ok(proof(job)),
    });
    let recording = RecordingProver::new(Arc::new(prover));
    assert!(recording.latest().is_none());
    for index in [1, 3, 2, 9] {
        let _ = recording.prove(job(index), silent()).await;
    }
    let indices: Vec<u64> = recording.times().iter().map(|time| time.index).collect();
    assert_eq!(indices, [1, 3, 2]);
    let latest = recording.latest().unwrap();
    assert_eq!((latest.index, latest.shape), (3, Shape::S4));
    assert_eq!(latest.proof, proof(&job(3)));
}

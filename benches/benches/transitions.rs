//! The pure ledger under criterion: fleets small and large, with room for everything and with runs that wait.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ostler_benches::scenario::Mill;
use std::time::Duration;

/// Workers, slots of each, runs that wait.
const FLEETS: [(u64, u32, u64); 4] = [(16, 16, 0), (16, 16, 100_000), (1, 8, 0), (1_000, 1, 0)];

fn transitions(c: &mut Criterion) {
    let mut group = c.benchmark_group("transitions");
    group.throughput(Throughput::Elements(1)).sample_size(20).measurement_time(Duration::from_secs(4));
    for (workers, slots, backlog) in FLEETS {
        let fleet = format!("{workers} workers of {slots}, {backlog} waiting");
        group.bench_function(BenchmarkId::from_parameter(fleet), |bencher| {
            bencher.iter_custom(|wanted| {
                let (mut mill, mut decided, mut took) = (Mill::new(workers, slots, backlog), 0, Duration::ZERO);
                while decided < wanted {
                    let milled = mill.round();
                    (decided, took) = (decided + milled.decided, took + milled.took);
                }
                took.mul_f64(wanted as f64 / decided as f64)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, transitions);
criterion_main!(benches);

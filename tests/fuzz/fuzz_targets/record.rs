#![no_main]
use firedrill_fuzz::{entry_points, mutate::mutate};
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate(data, size, max_size, seed)
});
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry_points::record(bytes));

# clio-bench: help, what its lines hold, and files that are no good (an error that says what is wrong, or a documented result,
# never a hang).
set -eu
. tests/cli/assert.inc
clio=$(dirname "$clio")/clio-bench

# array ROWS TYPE: a header for rows of sixteen values.
array() {
    printf '\223NUMPY\001\000\166\000%-117s\n' "{'descr': '$2', 'fortran_order': False, 'shape': ($1, 16), }"
}
# values ROWS BYTES: sixteen equal ones a row.
values() {
    for i in $(seq $(($1 * 16))); do printf "$2"; done
}
(array 100 '<f4'; values 100 '\000\000\200\077') >"$scratch/equal.npy"
(array 100 '<f4'; values 99 '\000\000\200\077'; values 1 '\000\000\300\177') >"$scratch/nan.npy"
(array 100 '<f4'; values 99 '\000\000\200\077'; values 1 '\000\000\200\177') >"$scratch/infinite.npy"
(array 5 '<f4'; values 5 '\000\000\200\077') >"$scratch/few.npy"
(array 100 '<f4'; head -c 6400 /dev/zero) >"$scratch/zero.npy"
(array 100 '<f8'; head -c 12800 /dev/zero) >"$scratch/double.npy"
(array 100 '<f4'; head -c 6000 /dev/zero) >"$scratch/cut.npy"

for benchmark in "knn --sample 50" "kmeans --k 10" "umap --epochs 5 --sample 50"; do
    for file in equal zero; do
        expect 0 $benchmark --npy "$scratch/$file.npy"
        says '"quality"'
    done
    for file in nan infinite; do
        expect 1 $benchmark --npy "$scratch/$file.npy"
        tells 'NaN, infinity'
    done
    expect 1 $benchmark --npy "$scratch/few.npy"
    tells '5 rows'
    expect 7 $benchmark --npy "$scratch/double.npy"
    tells 'neither float32 nor int32'
    expect 7 $benchmark --npy "$scratch/cut.npy"
    tells 'ends before its last row'
done

# Asked for help, no benchmark runs.
for benchmark in complete encode http kmeans knn points tokenise umap; do
    expect 0 $benchmark --help
    says "usage: clio-bench $benchmark"
done
expect 0 --help
says 'kmeans'
expect 2 nosuch
tells 'usage: clio-bench NAME'

# Every line has what bench/compare reads.
for benchmark in "knn --sample 50" "kmeans --k 10" "umap --epochs 5 --sample 50"; do
    expect 0 $benchmark --synthetic 300,16,1
    for field in seconds cpu_seconds quality flops_share rss_mb threads cpu; do
        says "\"$field\": "
    done
done

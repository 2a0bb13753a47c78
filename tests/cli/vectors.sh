# clio run with vectors made elsewhere: file:V.npy beside the configuration, a row for each record of the input.
set -eu
. tests/cli/assert.inc
run=$scratch/run

# Rows of eight floats that point to the first or the second of them.
rows() {
    printf '\223NUMPY\001\000\166\000%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($1, 8), }"
    for i in $(seq "$1"); do
        if [ $((i % 2)) = 0 ]; then printf '\000\000\200\077\000\000\000\000'; else printf '\000\000\000\000\000\000\200\077'; fi
        head -c 24 /dev/zero
    done
}
rows 30 >"$scratch/v.npy"
printf '{"models": {"fast": "script:", "strong": "script:", "embed": "file:v.npy"}}' >"$scratch/c.json"

expect 0 run examples/tiny.jsonl --run "$run" --config "$scratch/c.json" --public --account-per-conversation --progress none --k 2
expect 0 status "$run" --json
says '"published":true'

# A changed file is other vectors: embed runs again. One too short says which record has no row.
rows 29 >"$scratch/v.npy"
expect 7 run --run "$run" --progress none
tells '29 rows, but record 29'
rows 30 | head -c 500 >"$scratch/v.npy"
expect 7 run --run "$run" --progress none
tells 'ends before its last row'
rm "$scratch/v.npy"
expect 1 run --run "$run" --progress none
tells 'v.npy is missing'

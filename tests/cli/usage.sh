# Wrong command lines: one clear sentence, a hint, the right exit status, nothing on standard output.
set -eu
. tests/cli/assert.inc

expect 2 runn
tells 'clio: there is no command "runn"'
tells 'hint: did you mean clio run?'
silent
expect 2 xyzzy
tells 'hint: clio alone lists the commands'
expect 2 -x
tells 'the command comes first'
expect 2 run --limt 3 --run "$scratch/r"
tells 'clio: run has no option --limt'
tells 'hint: did you mean --limit?'
silent
expect 2 run --limit many --run "$scratch/r"
tells 'whole number'
expect 2 run --run
tells '--run needs a value'
expect 2 run "$scratch/x.jsonl"
tells 'run needs --run RUN'
expect 2 run --run "$scratch/none"
tells 'no file to make one from'
expect 2 import --run "$scratch/none"
expect 2 status
tells 'status needs RUN'
expect 2 status a b
expect 2 version extra
expect 2 help nothing
expect 2 help --completion tcsh
expect 2 run examples/tiny.jsonl --run "$scratch/r" --until facts
tells 'did you mean facets?'
expect 2 run examples/tiny.jsonl --run "$scratch/r" --progress loud
expect 7 run "$scratch/missing.jsonl" --run "$scratch/r"
tells 'cannot read'
[ ! -e "$scratch/r" ] || fail "a refused command left a run behind"

for command in status tree quarantine serve; do
    expect 1 $command "$scratch/nowhere"
    tells "$scratch/nowhere"
    tells 'hint:'
    silent
done

# A full disk on standard output is not a success.
if [ -e /dev/full ]; then
    status=0
    "$clio" facets >/dev/full 2>"$err" || status=$?
    [ "$status" = 1 ] || fail "writing to a full disk gave status $status"
    tells 'writing to standard output'
fi

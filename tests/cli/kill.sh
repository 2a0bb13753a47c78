# kill -9 at a dozen random moments, and Ctrl-C: going on gives the same bytes, and no answer is asked for twice.
set -eu
. tests/cli/assert.inc
points=12
. tests/cli/kill.inc

# Ctrl-C ends the run in good order: nothing answered is lost, and the message says how to go on.
stopped=0
for stage in facets label audit project; do
    run=$scratch/stopped-$stage
    sed 's/ [0-9]*$/ 0/' "$scratch/whole.rows" >"$scratch/before.rows"
    start "$run"
    tries=0
    until grep -q "\"stage\":\"$stage\"" "$run/events.jsonl" 2>/dev/null || [ $tries -ge 2000 ]; do
        tries=$((tries + 1))
    done
    kill -INT $pid 2>/dev/null || :
    status=0
    wait $pid || status=$?
    if [ $status = 130 ]; then
        stopped=$((stopped + 1))
        tells 'clio: stopped '
        tells "hint: clio run --run $run goes on"
        silent
        grep -q run_stopped "$run/events.jsonl" || fail "the page is not told"
        rows "$run" >"$scratch/before.rows"
        finish "$run"
    else
        [ $status = 0 ] || fail "Ctrl-C ended the run with status $status"
    fi
done
[ $stopped -ge 1 ] || fail "no run was still going when Ctrl-C came"
echo "stopped $stopped runs by Ctrl-C"

# clio demo on a small file with the scripted model: a page within a second, the tree at the end, the same again from what is there.
set -eu
. tests/cli/assert.inc
run=$scratch/demo
demo="demo --data examples/tiny.jsonl --config examples/scripted.json --run $run --progress none"

expect 0 $demo --no-serve --limit 24
tells 'page: http://127.0.0.1:'
tells '24 conversations'
says 'request: '
cp "$out" "$scratch/tree"
expect 0 tree "$run"
cmp "$out" "$scratch/tree" || fail "the demo ends with another tree than clio tree shows"

# Without --limit the demo goes on with the sample it has, and asks nothing again.
expect 0 $demo --no-serve
cmp "$out" "$scratch/tree" || fail "the second time shows another tree"
[ "$(grep -c stage_kept "$run/events.jsonl")" -eq 11 ] || fail "a stage that was done ran again"

# With the page: it stays up until Ctrl-C, which is a good end.
"$clio" $demo >"$out" 2>"$err" &
pid=$!
trap 'kill -9 $pid 2>/dev/null || :' EXIT
for i in 1 2 3 4 5 6 7 8 9 10; do
    if grep -q 'stays up until Ctrl-C' "$err"; then break; fi
    sleep 1
done
tells 'stays up until Ctrl-C'
if command -v curl >/dev/null; then
    url=$(sed -n 's/^page: \([^ ]*\) stays.*/\1/p' "$err")
    curl -sf "${url}api/run" >"$scratch/reply" || fail "the page does not answer"
    grep -q '"facets"' "$scratch/reply" || fail "the page has no facets"
fi
kill -INT $pid
status=0
wait $pid || status=$?
trap - EXIT
[ $status = 0 ] || fail "Ctrl-C on the page gave status $status"

expect 7 demo --data "$scratch/missing.jsonl" --run "$scratch/other" --no-serve
CLIO_CACHE=$scratch/cache expect 7 demo --run "$scratch/other" --no-serve
tells 'tools/deps'
[ ! -e "$scratch/other" ] || fail "a refused demo left a run behind"

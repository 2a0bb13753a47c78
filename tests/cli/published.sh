# What people read of a run: clio tree, clio export, clio serve. The run is made up by the server's unit test.
set -eu
. tests/cli/assert.inc
run=$scratch/run
maker=$(dirname "$clio")/tests/test_serve
"$maker" --demo "$run" </dev/null >/dev/null

expect 0 tree "$run"
says 'test data:'
says '3432 of 3477 conversations in 23 clusters'
says 'not validated'
says '└─ '
says 'not shown: 1 cluster with fewer than 20 accounts or 20 conversations, 1 withheld by the audit'
if grep -q -e 'Planted' -e "$(printf '\033')" "$out"; then fail "a withheld name or a colour"; fi
awk 'length > 160' "$out" | grep -q . && fail "a line too wide"
expect 0 tree --run "$run" --depth 1
if grep -q '└─' "$out"; then fail "--depth 1 shows more than the top"; fi
expect 0 tree "$run" --json --facet request
says '"facet":"request"'
says '"audit":"audited by'
expect 2 tree "$run" --facet nonsense
tells 'hint: facets with a tree: request'
expect 2 tree
expect 1 tree "$scratch/none"
tells 'hint:'

expect 0 export clusters --run "$run" --format csv
says 'id,facet,level,parent,name,short_name,description,conversations,accounts,share,rating,notes'
says 'audited by script:rules.json, not validated; test data'
[ "$(grep -c . "$out")" = 30 ] || fail "not 29 clusters and a heading"
if grep -q Planted "$out"; then fail "a withheld cluster"; fi
expect 0 export clusters "$run" --format tsv --facet request
[ "$(awk -F '\t' '{print NF}' "$out" | sort -u)" = 12 ] || fail "not 12 columns everywhere"
expect 0 export clusters --run "$run"
says '"breakdowns":[{"facet":"concern"'
expect 2 export clusters --run "$run" --format xml
expect 2 export everything --run "$run"
expect 2 export clusters

expect 2 export assignments --run "$run"
silent
tells 'hint: add --private'
expect 0 export assignments --run "$run" --private
tells 'private data'
[ "$(grep -c . "$out")" = 3477 ] || fail "not one line a conversation"
[ "$(head -1 "$out" | awk -F '\t' '{print NF}')" = 3 ] || fail "not id, leaf and top"
expect 0 export assignments --run "$run" --private --names --facet request
says "$(printf 'Write queries for a relational database\tBuild, fix and understand software')"
expect 2 export assignments --run "$run" --private --facet nonsense

# The address is on standard output at once; Ctrl-C ends it well.
"$clio" serve "$run" >"$out" 2>"$err" </dev/null &
server=$!
tries=0
while [ ! -s "$out" ] && [ $tries -lt 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
says 'http://127.0.0.1:'
kill -TERM $server
wait $server || fail "serve ends with status $?"
expect 1 serve "$scratch/none"
tells 'hint: make one: clio run'
